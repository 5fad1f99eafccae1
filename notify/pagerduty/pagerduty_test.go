// SPDX-License-Identifier: Apache-2.0

package pagerduty_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/incident"
	"tidewatch/notify"
	"tidewatch/notify/notifytest"
	"tidewatch/notify/pagerduty"
)

const accepted = `{"status":"success","message":"Event processed","dedup_key":"inc-mzxw6ytboi4dkmjr"}`

// enqueue is PagerDuty: it holds a request to the API and answers as it is told.
type enqueue struct {
	*httptest.Server

	code   int
	header map[string]string
	answer string
	got    []map[string]any
}

func serve(t *testing.T) *enqueue {
	t.Helper()
	e := &enqueue{code: http.StatusAccepted, answer: accepted}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var got map[string]any
		if err := json.Unmarshal(body, &got); err != nil {
			t.Errorf("the body is no JSON: %v", err)
		}
		if r.Method != http.MethodPost || r.URL.Path != "/v2/enqueue" || r.Header.Get("Content-Type") != "application/json" || len(body) > 512<<10 {
			t.Errorf("%s %s, %v, %d bytes", r.Method, r.URL, r.Header, len(body))
		}
		e.got = append(e.got, got)
		for k, v := range e.header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(e.code)
		_, _ = io.WriteString(w, e.answer)
	}))
	t.Cleanup(e.Close)
	return e
}

func sink(t *testing.T, url string) *pagerduty.Sink {
	t.Helper()
	s, err := pagerduty.New(pagerduty.Config{RoutingKey: notifytest.Canary, URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestLifeOfAnAlert(t *testing.T) {
	api := serve(t)
	s := sink(t, api.URL+"/")
	for _, m := range []*notify.Message{
		notifytest.Flood(notify.Trigger, incident.Opened),
		notifytest.Flood(notify.Update, incident.Updated), // not sent
		notifytest.Flood(notify.Acknowledge, incident.AcknowledgedEvent),
		notifytest.Flood(notify.Resolve, incident.ResolvedEvent),
	} {
		if _, err := s.Send(t.Context(), m, ""); err != nil {
			t.Fatal(err)
		}
	}
	id, url := "inc-mzxw6ytboi4dkmjr", "https://tidewatch.example.org/incidents/inc-mzxw6ytboi4dkmjr"
	want := []map[string]any{
		{
			"routing_key": notifytest.Canary, "event_action": "trigger", "dedup_key": id, "client": "tidewatch", "client_url": url,
			"links": []any{map[string]any{"href": url, "text": "Incident in tidewatch"}},
			"payload": map[string]any{
				"summary": "critical: SYN flood on 192.0.2.7, peak 250 000 packets/s and 120 Mbit/s", "source": "192.0.2.7", "severity": "critical",
				"timestamp": "2026-11-26T10:21:30.25Z", "component": "network", "group": "tidewatch", "class": "syn_flood",
			},
		},
		{"routing_key": notifytest.Canary, "event_action": "acknowledge", "dedup_key": id, "client": "tidewatch"},
		{"routing_key": notifytest.Canary, "event_action": "resolve", "dedup_key": id, "client": "tidewatch"},
	}
	if len(api.got) == 0 {
		t.Fatal("nothing arrived")
	}
	p, _ := api.got[0]["payload"].(map[string]any)
	details, _ := p["custom_details"].(map[string]any)
	delete(p, "custom_details")
	if diff := cmp.Diff(want, api.got); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]any{
		"Peak":       "120 Mbit/s, 250 000 packets/s",
		"assessment": "threat, 92 % sure; likely cause: attack; T1499.001 (judged by rules)",
		"evidence":   []any{"250 000 packets/s of attack traffic; 10 000 is the limit.", "5 120 sources sent it; more than 50 counts as many."},
	} {
		if diff := cmp.Diff(want, details[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestOtherMessages(t *testing.T) {
	for name, tc := range map[string]struct {
		m                            *notify.Message
		severity, class, source, key string
	}{
		"theft, IPv6": {notifytest.Theft(), "error", "exfiltration", "2001:db8:1::42", "inc-ga3tinjqgyzdcnbw"},
		"digest":      {notifytest.Digest(), "error", "digest", "tidewatch", "digest-1"},
		"test":        {notifytest.Test(), "info", "syn_flood", "192.0.2.7", "test"},
	} {
		api := serve(t)
		if _, err := sink(t, api.URL).Send(t.Context(), tc.m, ""); err != nil {
			t.Fatal(err)
		}
		p, _ := api.got[0]["payload"].(map[string]any)
		if p["severity"] != tc.severity || p["class"] != tc.class || p["source"] != tc.source || api.got[0]["dedup_key"] != tc.key || api.got[0]["event_action"] != "trigger" {
			t.Errorf("%s: %v", name, api.got[0])
		}
	}
}

// TestLimits shows that nothing a stranger writes makes an event that is refused.
func TestLimits(t *testing.T) {
	api := serve(t)
	s := sink(t, api.URL)
	m := notifytest.Digest()
	for range 3000 {
		b := m.Digest[0]
		b.Headline = strings.Repeat("é", 400)
		m.Digest = append(m.Digest, b)
	}
	for _, m := range []*notify.Message{notifytest.Hostile(), m} {
		if _, err := s.Send(t.Context(), m, ""); err != nil {
			t.Fatal(err)
		}
	}
	p, _ := api.got[1]["payload"].(map[string]any)
	if d, _ := p["custom_details"].(map[string]any); d["left_out"] == nil || p["summary"] == "" {
		t.Errorf("what was left out is not said: %v", p)
	}
	for _, got := range api.got {
		p, _ := got["payload"].(map[string]any)
		if s, _ := p["summary"].(string); len([]rune(s)) > 1024 {
			t.Errorf("%d characters of summary", len([]rune(s)))
		}
	}
}

// TestAnswers shows which answers are worth another try.
func TestAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		code              int
		header            map[string]string
		answer            string
		failed, permanent bool
		after             time.Duration
	}{
		"accepted":     {code: 202, answer: accepted},
		"invalid":      {code: 400, answer: `{"status":"invalid event","errors":["the key ` + notifytest.Canary + ` is unknown"]}`, failed: true, permanent: true},
		"too large":    {code: 413, failed: true, permanent: true},
		"rate limited": {code: 429, header: map[string]string{"Retry-After": "7"}, failed: true, after: 7 * time.Second},
		"broken":       {code: 500, answer: "oops " + notifytest.Canary, failed: true},
		"gateway":      {code: 502, failed: true},
		"login page":   {code: 200, answer: "<html>please log in</html>", failed: true},
		"moved":        {code: 302, header: map[string]string{"Location": "https://example.org/"}, failed: true, permanent: true},
	} {
		t.Run(name, func(t *testing.T) {
			api := serve(t)
			api.code, api.header, api.answer = tc.code, tc.header, tc.answer
			_, err := sink(t, api.URL).Send(t.Context(), notifytest.Flood(notify.Trigger, incident.Opened), "")
			if (err != nil) != tc.failed || notify.IsPermanent(err) != tc.permanent || notify.RetryAfter(err) != tc.after {
				t.Errorf("%v: permanent %v, after %v", err, notify.IsPermanent(err), notify.RetryAfter(err))
			}
			if err != nil && strings.Contains(err.Error(), notifytest.Canary) {
				t.Errorf("the key is in %v", err)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	api := serve(t)
	api.Close()
	_, err := sink(t, api.URL).Send(t.Context(), notifytest.Flood(notify.Trigger, incident.Opened), "")
	if err == nil || notify.IsPermanent(err) || strings.Contains(err.Error(), notifytest.Canary) {
		t.Errorf("refused: %v", err)
	}
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(slow.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = sink(t, slow.URL).Send(ctx, notifytest.Flood(notify.Trigger, incident.Opened), "")
	if !errors.Is(err, context.DeadlineExceeded) || notify.IsPermanent(err) {
		t.Errorf("slow: %v", err)
	}
}

func TestCertificates(t *testing.T) {
	ca := notifytest.NewAuthority(t)
	for name, tc := range map[string]struct {
		host string
		ca   string
		want bool
	}{
		"trusted": {"127.0.0.1", ca.File, true}, "unknown authority": {"127.0.0.1", "", false}, "wrong name": {"events.example.org", ca.File, false},
	} {
		api := serve(t)
		secure := httptest.NewUnstartedServer(api.Config.Handler)
		secure.TLS = ca.Server(t, tc.host)
		notifytest.Quiet(secure.Config)
		secure.StartTLS()
		t.Cleanup(secure.Close)
		s, err := pagerduty.New(pagerduty.Config{RoutingKey: notifytest.Canary, URL: secure.URL, CAFile: tc.ca})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Send(t.Context(), notifytest.Theft(), ""); (err == nil) != tc.want || notify.IsPermanent(err) || len(api.got) > 0 != tc.want {
			t.Errorf("%s: %v, %d events", name, err, len(api.got))
		}
	}
}

func TestValidate(t *testing.T) {
	good := pagerduty.DefaultConfig()
	good.RoutingKey = notifytest.Canary
	for name, change := range map[string]func(*pagerduty.Config){
		"":                 func(*pagerduty.Config) {},
		"routing_key or":   func(c *pagerduty.Config) { c.RoutingKey = "" },
		"both set":         func(c *pagerduty.Config) { c.RoutingKeyFile = "key" },
		"visible ASCII":    func(c *pagerduty.Config) { c.RoutingKey += "\n" },
		"url must be":      func(c *pagerduty.Config) { c.URL = "events.pagerduty.com" },
		"url must be like": func(c *pagerduty.Config) { c.URL = "http://events.pagerduty.com" },
	} {
		c := good
		change(&c)
		err := c.Validate()
		if name == "" && err != nil || name != "" && (err == nil || !strings.Contains(err.Error(), name)) {
			t.Errorf("%q: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), notifytest.Canary) {
			t.Errorf("the key is in %v", err)
		}
	}
	if _, err := pagerduty.New(pagerduty.Config{RoutingKeyFile: "key"}); err == nil {
		t.Error("a key that nobody read must be an error")
	}
}
