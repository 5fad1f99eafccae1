// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tidewatch/account"
)

// Every route that changes anything needs the token, also from the machine itself.
func TestChangesNeedTheToken(t *testing.T) {
	var log bytes.Buffer
	reg := prometheus.NewPedanticRegistry()
	d := &desk{store: saved(t, 1)}
	b := &shelf{}
	s := server(t, func(_ *Config, deps *Deps) {
		deps.Desk, deps.Baselines, deps.Registerer = d, b, reg
		deps.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	without := server(t, func(c *Config, _ *Deps) { c.Token = "" })
	routes := map[string]string{
		theIncident + "/acknowledge": "POST", theIncident + "/close": "POST", theIncident + "/comment": "POST", theIncident + "/feedback": "POST",
		"/api/v1/feedback/fb-1": "DELETE", "/api/v1/baselines/approve": "POST", "/api/v1/baselines/freeze": "POST",
		"/api/v1/baselines/rollback": "POST",
	}
	n := 0
	for target, method := range routes {
		for _, auth := range []string{"", "Bearer", "Bearer ", "Basic " + token, "Bearer " + token[:20], "Bearer " + token + "x", token} {
			res, body := ask(t, s, method, target, func(r *http.Request) {
				n++
				r.RemoteAddr = fmt.Sprintf("127.0.%d.1:40000", n) // so that nobody is throttled
				if auth != "" {
					r.Header.Set("Authorization", auth)
				}
			})
			if res.Code != 401 || !strings.HasPrefix(res.Header().Get("WWW-Authenticate"), "Bearer") ||
				res.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(body, token[:20]) {
				t.Errorf("%s %s with %q: %d %s", method, target, auth, res.Code, body)
			}
		}
		if res, _ := ask(t, without, method, target, func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }); res.Code != 401 {
			t.Errorf("%s %s of a server without a token: %d", method, target, res.Code)
		}
		e3 := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // no token is no empty token
		if res, _ := ask(t, without, method, target, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+e3) }); res.Code != 401 {
			t.Errorf("%s %s of a server without a token: %d", method, target, res.Code)
		}
	}
	if len(d.said) != 0 || d.undid != "" || len(b.did) != 0 {
		t.Errorf("done without the token: %+v %s %v", d.said, d.undid, b.did)
	}
	if strings.Contains(log.String(), token[:20]) {
		t.Error("the token stands in the log")
	}
	want := `# HELP tidewatch_api_refused_total HTTP requests refused, by reason: host, origin, no_token, wrong_token, wrong_password, wrong_key, throttled, forbidden, csrf.
# TYPE tidewatch_api_refused_total counter
tidewatch_api_refused_total{reason="no_token"} 40
tidewatch_api_refused_total{reason="wrong_token"} 16
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "tidewatch_api_refused_total"); err != nil {
		t.Error(err)
	}
	if status, body := send(t, s, "POST "+theIncident+"/acknowledge", ""); status != 200 {
		t.Errorf("with the token: %d %s", status, body)
	}
}

// A page of another site is refused even with the token, and our own is not.
func TestOrigin(t *testing.T) {
	s := server(t, func(c *Config, _ *Deps) { c.Hosts = []string{"tidewatch.example"} })
	for _, tc := range []struct {
		host, origin string
		ours         bool
	}{
		{"127.0.0.1:8080", "http://127.0.0.1:8080", true},
		{"localhost:8080", "http://LocalHost:8080", true},
		{"[::1]:8080", "http://[::1]:8080", true},
		{"tidewatch.example", "https://tidewatch.example", true}, // a proxy took the TLS off
		{"127.0.0.1:8080", "http://127.0.0.1:3000", false},
		{"127.0.0.1:8080", "http://localhost:8080", false},
		{"127.0.0.1:8080", "http://attacker.example", false},
		{"127.0.0.1:8080", "null", false},
		{"127.0.0.1:8080", "", false},
		{"127.0.0.1:8080", "file://127.0.0.1:8080", false},
		{"127.0.0.1:8080", "http://127.0.0.1:8080@attacker.example", false},
		{"127.0.0.1:8080", "%", false},
		{"attacker.example", "http://attacker.example", false}, // its name was rebound
	} {
		for method, target := range map[string]string{"GET": "/api/v1/summary", "DELETE": "/api/v1/feedback/fb-1"} {
			status, body := send(t, s, method+" "+target, "", func(r *http.Request) {
				r.Host = tc.host
				r.Header["Origin"] = []string{tc.origin}
			})
			if ours := status == 200 || status == 204; ours != tc.ours || !tc.ours && status != 403 {
				t.Errorf("%s by %s from %q: %d %s", method, tc.host, tc.origin, status, body)
			}
		}
	}
	if status, _ := send(t, s, "GET /api/v1/summary", "", func(r *http.Request) {
		r.Header["Origin"] = []string{"http://127.0.0.1:8080", "http://attacker.example"}
	}); status != 403 {
		t.Errorf("two origins: %d", status)
	}
}

// Who guesses wrong waits, right or wrong; others do not; time heals.
func TestThrottle(t *testing.T) {
	now := noon()
	s := server(t, func(_ *Config, d *Deps) { d.Clock = func() time.Time { return now } })
	try := func(peer, token string) int {
		res, _ := ask(t, s, "DELETE", "/api/v1/feedback/fb-1", func(r *http.Request) {
			r.RemoteAddr = peer
			r.Header.Set("Authorization", "Bearer "+token)
		})
		if after := res.Header().Get("Retry-After"); (after != "") != (res.Code == 429) {
			t.Errorf("%d with Retry-After %q", res.Code, after)
		}
		return res.Code
	}
	for i := range 10 {
		if got := try(fmt.Sprintf("[2001:db8::%d]:1", i), "a-wrong-token-of-letters"); got != 401 {
			t.Fatalf("attempt %d: %d", i, got)
		}
	}
	if got := try("[2001:db8::99]:1", token); got != 429 {
		t.Errorf("the same network goes on: %d", got)
	}
	if got := try("[2001:db8:0:1::1]:1", token); got != 204 {
		t.Errorf("another network: %d", got)
	}
	now = now.Add(7 * time.Second)
	if got := try("[2001:db8::1]:1", "a-wrong-token-of-letters"); got != 401 {
		t.Errorf("after the wait: %d", got)
	}
	if got := try("[2001:db8::1]:1", token); got != 429 {
		t.Errorf("after one more failure: %d", got)
	}
	now = now.Add(2 * time.Minute)
	for range 10 {
		if got := try("[2001:db8::1]:1", "a-wrong-token-of-letters"); got != 401 {
			t.Errorf("later: %d", got)
		}
	}
}

// TestEndedTokenIsNoGuess: a program that asks all the time with a token that was taken
// back, has ended or rests waits, and holds up nobody at its address; what could be a guess
// at the administrator's token is one.
func TestEndedTokenIsNoGuess(t *testing.T) {
	now := time.Now()
	s, k, _ := withAccounts(t, func() time.Time { return now })
	made := func(owner string, expires time.Time) string {
		secret, _, err := k.AddToken(t.Context(), "test", &account.Wish{
			Name: "x", Scope: account.ScopeRead, Owner: owner, Expires: expires, Level: account.Administer,
		})
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	try := func(s *Server, secret string) (int, string) {
		res, body := ask(t, s, "GET", "/api/v1/summary", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) })
		return res.Code, body
	}
	good, ended, rests, removed := made("", time.Time{}), made("", now.Add(time.Minute)), made("otto", time.Time{}), made("", time.Time{})
	disabled := true
	if _, err := k.ChangeUser(t.Context(), "test", "otto", &account.Edit{Disabled: &disabled}); err != nil {
		t.Fatal(err)
	}
	all, err := k.Tokens(t.Context(), "")
	if err != nil || k.RemoveToken(t.Context(), "test", "", all[slices.IndexFunc(all, func(t account.Token) bool { return t.Hash == account.HashOf(removed) })].ID) != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	for _, secret := range []string{ended, rests, removed} {
		for range 10 {
			if status, body := try(s, secret); status != 401 || !strings.Contains(body, "has ended") {
				t.Fatalf("%d %s", status, body)
			}
		}
		if status, _ := try(s, secret); status != 429 {
			t.Errorf("it goes on: %d", status)
		}
		if status, _ := try(s, good); status != 200 {
			t.Errorf("another program at its address: %d", status)
		}
		if status, body := try(s, token); status != 200 {
			t.Errorf("the administrator at its address: %d %s", status, body)
		}
		now = now.Add(time.Hour)
	}
	for range 10 {
		if status, _ := try(s, ended+"x"); status != 401 {
			t.Fatalf("a guess: %d", status)
		}
	}
	if status, _ := try(s, token); status != 429 {
		t.Errorf("the administrator's token after ten guesses: %d", status)
	}
	if status, _ := try(s, good); status != 200 {
		t.Errorf("a token that nobody guesses at: %d", status)
	}
	// An administrator's token that looks like those can be guessed at like any.
	chosen := server(t, func(c *Config, d *Deps) {
		c.Token, d.Accounts, d.Clock = account.TokenPrefix+strings.Repeat("a", 43), k, func() time.Time { return now }
	})
	for range 10 {
		_, _ = try(chosen, ended)
	}
	if status, _ := try(chosen, good); status != 429 {
		t.Errorf("guessing at an administrator's token that looks like others: %d", status)
	}
}
