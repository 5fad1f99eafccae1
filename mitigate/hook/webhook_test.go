// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tidewatch/decision"
	"tidewatch/notify/notifytest"
	"tidewatch/outbound"
)

// post is what a receiver that was written from the specification takes.
type post struct {
	id   string
	body struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      struct {
			Hook     string             `json:"hook"`
			Seconds  int64              `json:"seconds"`
			Decision *decision.Decision `json:"decision"`
		} `json:"data"`
	}
}

// receiver takes posts whose signature is right, and answers by answer, if any.
func receiver(t *testing.T, answer http.HandlerFunc) (url string, got func() []post) {
	t.Helper()
	var mu sync.Mutex
	var posts []post
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // hung up
		}
		id, at := r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp")
		secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
		if err != nil {
			t.Error(err)
		}
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(id + "." + at + "." + string(body)))
		version, signature, _ := strings.Cut(r.Header.Get("Webhook-Signature"), ",")
		have, err := base64.StdEncoding.DecodeString(signature)
		if err != nil || version != "v1" || !hmac.Equal(have, h.Sum(nil)) {
			t.Errorf("signature %s", r.Header.Get("Webhook-Signature"))
		}
		sec, err := strconv.ParseInt(at, 10, 64)
		if age := time.Since(time.Unix(sec, 0)); err != nil || age < -time.Minute || age > time.Minute {
			t.Errorf("time stamp %s", at)
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s", r.Method, r.Header)
		}
		p := post{id: id}
		if err := json.Unmarshal(body, &p.body); err != nil {
			t.Error(err)
		}
		mu.Lock()
		posts = append(posts, p)
		mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	notifytest.Quiet(srv.Config)
	t.Cleanup(srv.Close)
	return srv.URL, func() []post {
		mu.Lock()
		defer mu.Unlock()
		return posts
	}
}

func web(t *testing.T, url, ca string, deps Deps) *Hook {
	t.Helper()
	h, err := New(&Config{Name: "fw", Actions: decision.Actions(), Timeout: time.Minute, Webhook: &outbound.WebhookConfig{URL: url, Secret: key, CAFile: ca}}, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// A receiver is told all of a decision's life, each change under an id of its own.
func TestWebhook(t *testing.T) {
	url, got := receiver(t, nil)
	h := web(t, url+"/mitigate", "", Deps{})
	ctx := t.Context()
	until := time.Now().Add(time.Minute).UTC().Truncate(time.Millisecond)
	want := []*decision.Decision{}
	for _, d := range []*decision.Decision{theft(until), flood(until)} {
		d.Via = "fw"
		want = append(want, d)
		must(t, h.Apply(ctx, d))
		renewed := d.Clone()
		renewed.Until, renewed.Updated, renewed.State = until.Add(time.Minute), time.Now().UTC(), decision.Active
		want = append(want, &renewed)
		must(t, h.Apply(ctx, &renewed), h.Withdraw(ctx, &renewed))
		want = append(want, &renewed)
	}
	must(t, h.Test(ctx))
	seen := map[string]bool{}
	types := []string{"mitigation.apply", "mitigation.renew", "mitigation.withdraw", "mitigation.apply", "mitigation.renew", "mitigation.withdraw", "test"}
	posts := got()
	if len(posts) != len(types) {
		t.Fatalf("%d posts", len(posts))
	}
	for i, p := range posts {
		if p.body.Type != types[i] || p.body.Data.Hook != "fw" || p.id == "" || seen[p.id] {
			t.Errorf("post %d: %+v", i, p)
		}
		seen[p.id] = true
		if p.body.Type == "test" {
			if p.body.Data.Decision != nil {
				t.Error("a test decides nothing")
			}
			continue
		}
		if diff := cmp.Diff(want[i], p.body.Data.Decision, prefixes()); diff != "" {
			t.Errorf("post %d:\n%s", i, diff)
		}
		if !p.body.Timestamp.Equal(want[i].Updated) || p.body.Data.Seconds < 58 || p.body.Data.Seconds > 120 {
			t.Errorf("post %d: %v, %d s", i, p.body.Timestamp, p.body.Data.Seconds)
		}
	}
}

func prefixes() cmp.Option { return cmpopts.EquateComparable(netip.Prefix{}) }

// A change that is told again keeps its id, also by a process that was started since.
func TestWebhookID(t *testing.T) {
	var fail atomic.Bool
	fail.Store(true)
	url, got := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		if fail.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	d := theft(time.Now().Add(time.Minute))
	if err := web(t, url, "", Deps{}).Apply(t.Context(), d); err == nil {
		t.Error("502 is no failure")
	}
	fail.Store(false)
	d.Activated = time.Now()
	must(t, web(t, url, "", Deps{}).Apply(t.Context(), d))
	if p := got(); len(p) != 2 || p[0].id != p[1].id || p[0].body.Type != "mitigation.apply" || p[1].body.Type != "mitigation.renew" {
		t.Errorf("%+v", p)
	}
}

// What goes wrong says whether a retry can help, and tells no secret.
func TestWebhookTrouble(t *testing.T) {
	const canary = "T0CANARY/never-to-be-seen"
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	hangUp, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp.Close()
	go func() {
		for {
			c, err := hangUp.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	var elsewhere atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer target.Close()
	answer := func(status int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if len(header) == 2 {
				w.Header().Set(header[0], header[1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "no luck with "+r.URL.RequestURI()+" and "+key)
		}
	}
	for name, tc := range map[string]struct {
		handler   http.HandlerFunc
		url       string
		permanent bool
		wait      time.Duration
		says      string
	}{
		"down":       {url: closed.URL, says: "refused"},
		"hangs up":   {url: "http://" + hangUp.Addr().String(), says: "reach 127.0.0.1"},
		"not found":  {handler: answer(404), permanent: true, says: "404 Not Found: no luck with [secret] and [secret]"},
		"conflict":   {handler: answer(409), permanent: true, says: "409"},
		"a redirect": {handler: answer(307, "Location", target.URL), permanent: true, says: "307"},
		"too slow":   {handler: answer(408), says: "408"},
		"error":      {handler: answer(500), says: "500"},
		"overloaded": {handler: answer(503, "Retry-After", "30"), wait: 30 * time.Second, says: "503"},
		"too many":   {handler: answer(429, "Retry-After", "7"), wait: 7 * time.Second, says: "429"},
		"slow":       {handler: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, says: "deadline"},
		"half a line": {handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("x"))
		}, says: "read the answer"},
	} {
		url := tc.url
		if tc.handler != nil {
			url, _ = receiver(t, tc.handler)
		}
		log, wrote := logger()
		h := web(t, url+"/hooks/"+canary, "", Deps{Logger: log})
		if w, ok := h.caller.(*webhook); ok && name == "slow" {
			w.timeout = 300 * time.Millisecond
		}
		d := theft(time.Now().Add(time.Minute))
		for verb, do := range map[string]func() error{
			"apply":    func() error { return h.Apply(t.Context(), d) },
			"withdraw": func() error { return h.Withdraw(t.Context(), d) },
			"test":     func() error { return h.Test(t.Context()) },
		} {
			if name == "slow" && verb != "apply" || verb == "apply" && h.rules[d.ID] != nil {
				continue // once is enough; and what was taken back is not applied
			}
			err := do()
			if err == nil || outbound.IsPermanent(err) != tc.permanent || outbound.RetryAfter(err) != tc.wait || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s, %s: %v, permanent %v, wait %v", name, verb, err, outbound.IsPermanent(err), outbound.RetryAfter(err))
			}
			if err != nil && (strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), key[8:])) {
				t.Errorf("%s: a secret is told: %v", name, err)
			}
		}
		if strings.Contains(wrote.String(), "CANARY") || strings.Contains(wrote.String(), key[8:]) {
			t.Errorf("%s: a secret is logged: %s", name, wrote)
		}
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

// A private authority is trusted for its hosts, and nobody is without it.
func TestWebhookTLS(t *testing.T) {
	ca := notifytest.NewAuthority(t)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.TLS = ca.Server(t, "127.0.0.1")
	notifytest.Quiet(srv.Config)
	srv.StartTLS()
	defer srv.Close()
	ctx := t.Context()
	must(t, web(t, srv.URL, ca.File, Deps{}).Test(ctx))
	if err := web(t, srv.URL, "", Deps{}).Test(ctx); err == nil || outbound.IsPermanent(err) || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a stranger is trusted: %v", err)
	}
	if _, err := New(&Config{Name: "fw", Actions: decision.Actions(), Webhook: &outbound.WebhookConfig{URL: srv.URL, Secret: key, CAFile: "/nonexistent.pem"}}, Deps{}); err == nil {
		t.Error("no file of authorities is no error")
	}
}
