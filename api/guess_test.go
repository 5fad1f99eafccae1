// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tidewatch/account"
	"tidewatch/store"
)

// invited is a server without an account, and the key by which the first is made.
func invited(t *testing.T, clock func() time.Time) (*Server, *account.Keeper, string) {
	t.Helper()
	cfg := store.DefaultConfig()
	cfg.Dir = t.TempDir()
	db, err := store.New(&cfg)
	if err == nil {
		err = db.Open(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	k, err := account.New(account.DefaultConfig(), db.Accounts(), clock)
	if err != nil {
		t.Fatal(err)
	}
	key, err := k.SetupKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return server(t, func(_ *Config, d *Deps) { d.Accounts, d.Clock = k, clock }), k, key
}

func setUpBody(key, name string) string {
	return fmt.Sprintf(`{"key":%q,"name":%q,"password":%q}`, key, name, passphrase)
}

// TestGuessing: whatever secret is guessed at, a place fails ten times, and then waits,
// right or wrong: an address, of IPv6 the /64 of a site. Other places do not.
func TestGuessing(t *testing.T) {
	t.Parallel()
	now := time.Now()
	clock := func() time.Time { return now }
	s, k, _ := withAccounts(t, clock)
	fresh, _, key := invited(t, clock)
	link, err := k.MakeLink(t.Context(), "test", "otto")
	if err != nil {
		t.Fatal(err)
	}
	vera := signIn(t, s, "vera")
	for name, tc := range map[string]struct {
		s                         *Server
		method, path              string
		wrong, right              string
		header                    string // where it is sent, instead of the body
		cookie                    *browser
		failed, passed, throttled int
	}{
		"a password":     {s, "POST", "/api/v1/session", `{"name":"ada","password":"wrong wrong"}`, `{"name":"ada","password":"` + passphrase + `"}`, "", nil, 401, 200, 429},
		"a link":         {s, "POST", "/api/v1/session/link", `{"key":"guessed"}`, `{"key":"` + link + `"}`, "", nil, 403, 200, 429},
		"the first link": {fresh, "POST", "/api/v1/setup", setUpBody("guessed", "eve"), setUpBody(key, "ada"), "", nil, 403, 200, 429},
		"a token":        {s, "GET", "/api/v1/summary", "Bearer tw_guessed", "Bearer " + token, "Authorization", nil, 401, 200, 429},
		"an old password": {
			s, "POST", "/api/v1/session/password", `{"old":"wrong","new":"another long enough"}`,
			`{"old":"` + passphrase + `","new":"another long enough"}`, "", vera, 403, 204, 429,
		},
	} {
		for from, other := range map[string]string{"192.0.2.1:5": "192.0.2.2:5", "[2001:db8::%x]:5": "[2001:db8:0:1::1]:5"} {
			if strings.Contains(name, "password") && !strings.Contains(from, "%") {
				continue // hashing takes its time, and TestGuessingPasswords does it
			}
			i := 0
			try := func(from, secret string) *httptest.ResponseRecorder {
				b := visitor(t, tc.s)
				if tc.cookie != nil {
					b.cookie, b.csrf = tc.cookie.cookie, tc.cookie.csrf
				}
				if b.from = from; strings.Contains(from, "%") {
					i++
					b.from = fmt.Sprintf(from, i) // of one site
				}
				body := secret
				if tc.header != "" {
					body, b.headers = "", map[string]string{tc.header: secret}
				}
				w, _ := b.do(tc.method, tc.path, body)
				return w
			}
			for range 10 {
				if w := try(from, tc.wrong); w.Code != tc.failed {
					t.Fatalf("%s from %s: %d %s", name, from, w.Code, w.Body)
				}
			}
			w := try(from, tc.right)
			if w.Code != tc.throttled || w.Header().Get("Retry-After") == "" {
				t.Errorf("%s from %s goes on: %d, wait %q", name, from, w.Code, w.Header().Get("Retry-After"))
			}
			if w := try(other, tc.wrong); w.Code != tc.failed {
				t.Errorf("%s from %s, who did nothing: %d", name, other, w.Code)
			}
			now = now.Add(10 * time.Minute)
		}
		if w, _ := (&browser{t: t, s: tc.s, from: "198.51.100.1:5"}).do(tc.method, tc.path, ""); tc.header != "" && w.Code != tc.failed {
			t.Errorf("%s without any: %d", name, w.Code)
		}
	}
	if w, out := visitor(t, fresh).do("POST", "/api/v1/setup", setUpBody(key, "ada")); w.Code != http.StatusOK {
		t.Errorf("the right key after all that: %d %v", w.Code, out)
	}
}

// TestSetUpOnce: of many who open the first link at once, one makes the account; a day
// later it makes none.
func TestSetUpOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s, k, key := invited(t, func() time.Time { return now })
	got := make(chan int, 4)
	var all sync.WaitGroup
	for i := range cap(got) {
		all.Go(func() {
			b := &browser{t: t, s: s, from: fmt.Sprintf("192.0.2.%d:5", i)}
			w, _ := b.do("POST", "/api/v1/setup", setUpBody(key, fmt.Sprint("user", i)))
			got <- w.Code
		})
	}
	all.Wait()
	close(got)
	codes := map[int]int{}
	for code := range got {
		codes[code]++
	}
	users, err := k.Users(t.Context())
	if err != nil || len(users) != 1 || codes[200] != 1 || codes[200]+codes[403]+codes[409] != cap(got) {
		t.Errorf("%d users, answers %v, %v", len(users), codes, err)
	}
	for path, body := range map[string]string{"/api/v1/setup": setUpBody(key, "eve"), "/api/v1/session/link": `{"key":"` + key + `"}`} {
		if w, _ := visitor(t, s).do("POST", path, body); w.Code != http.StatusForbidden {
			t.Errorf("%s once more: %d", path, w.Code)
		}
	}

	s, k, key = invited(t, func() time.Time { return now })
	now = now.Add(25 * time.Hour)
	if w, _ := visitor(t, s).do("POST", "/api/v1/setup", setUpBody(key, "ada")); w.Code != http.StatusForbidden || k.SetUp() {
		t.Errorf("a day later: %d", w.Code)
	}
	if key, err = k.SetupKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w, _ := visitor(t, s).do("POST", "/api/v1/session/link", `{"key":"`+key+`"}`); w.Code != http.StatusForbidden {
		t.Errorf("the first link signs somebody in who is not there: %d", w.Code)
	}
	if w, _ := visitor(t, s).do("POST", "/api/v1/setup", setUpBody(key, "ada")); w.Code != http.StatusOK {
		t.Errorf("the next start's link: %d", w.Code)
	}
}

// TestSessionFixation: a session that somebody put into a browser is never the one that
// is signed in, however that is done.
func TestSessionFixation(t *testing.T) {
	t.Parallel()
	s, k, _ := withAccounts(t, time.Now)
	attacker := signIn(t, s, "vera")
	for name, enter := range map[string]func(b *browser) (*httptest.ResponseRecorder, map[string]any){
		"by a password": func(b *browser) (*httptest.ResponseRecorder, map[string]any) {
			return b.do("POST", "/api/v1/session", `{"name":"ada","password":"`+passphrase+`"}`)
		},
		"by a link": func(b *browser) (*httptest.ResponseRecorder, map[string]any) {
			key, err := k.MakeLink(t.Context(), "test", "ada")
			if err != nil {
				t.Fatal(err)
			}
			return b.do("POST", "/api/v1/session/link", `{"key":"`+key+`"}`)
		},
	} {
		for _, planted := range []string{attacker.cookie.Value, strings.Repeat("x", 43), strings.Repeat("x", 5000)} {
			b := visitor(t, s)
			b.cookie = &http.Cookie{Name: cookieOf("127.0.0.1:8080"), Value: planted}
			w, out := enter(b)
			if w.Code != http.StatusOK {
				t.Fatalf("%s: %d %v", name, w.Code, out)
			}
			b.take(w, out)
			if b.cookie.Value == planted {
				t.Errorf("%s: the planted session is signed in", name)
			}
			spy := visitor(t, s)
			spy.cookie = &http.Cookie{Name: cookieOf("127.0.0.1:8080"), Value: planted}
			if _, out := spy.do("GET", "/api/v1/session", ""); roleOf(out) != nil && planted != attacker.cookie.Value || roleOf(out) == "admin" {
				t.Errorf("%s: who planted it is %v", name, out["user"])
			}
		}
	}
}
