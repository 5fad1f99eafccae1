// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const hookKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// hook is a receiver of webhooks.
type hook struct {
	*httptest.Server

	mu     sync.Mutex
	status int
	got    []string // id and type
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{status: http.StatusOK}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Type string `json:"type"`
		}
		text, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(text, &body); err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.status == http.StatusOK {
			h.got = append(h.got, r.Header.Get("webhook-id")+" "+body.Type)
		}
		w.WriteHeader(h.status)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func (h *hook) messages() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
}

// types lists what arrived, without ids.
func (h *hook) types() (out []string) {
	for _, m := range h.messages() {
		_, kind, _ := strings.Cut(m, " ")
		out = append(out, kind)
	}
	return out
}

func hooked(h *hook, more ...string) string {
	return "notify:\n  webhook:\n    - {name: soc, url: " + h.URL + "/never-to-be-seen, secret: " + hookKey + "}\n" + strings.Join(more, "\n")
}

// A server that is killed between an incident and its delivery delivers once after the
// restart; what it says of the failure names no secret.
func TestKilledBeforeDelivery(t *testing.T) {
	h := newHook(t)
	h.answer(http.StatusServiceUnavailable)
	config, _ := site(t, hooked(h))
	p := serve(t, config)
	p.flood(t, 20)
	said := p.line(t, "a sink cannot be reached")
	if !strings.Contains(said, "sink=soc") || !strings.Contains(said, "503") || strings.Contains(said, "never-to-be") || strings.Contains(said, "whsec") {
		t.Errorf("says %s", said)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	h.answer(http.StatusOK)
	p = serve(t, config)
	within(t, "the incident is told", func() bool { return len(h.messages()) > 0 })
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	serve(t, config)
	time.Sleep(2 * time.Second) // what would be told twice is told at once
	if got := h.types(); len(got) != 1 || got[0] != "incident.trigger" {
		t.Errorf("arrived %v", h.messages())
	}
}

// What people decide is told; a reload changes who hears; SIGTERM delivers what waits.
func TestAlertsOfServe(t *testing.T) {
	first, second := newHook(t), newHook(t)
	config, dir := site(t, hooked(first))
	p := serve(t, config)
	p.flood(t, 20)
	within(t, "the first sink hears of it", func() bool { return len(first.messages()) == 1 })
	res, err := http.Get(p.api + "/api/v1/incidents")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var page struct {
		Incidents []struct {
			ID string `json:"id"`
		} `json:"incidents"`
	}
	if err := json.NewDecoder(res.Body).Decode(&page); err != nil || len(page.Incidents) != 1 {
		t.Fatal(page, err)
	}
	if status, _, stderr := exec(t, "incident", "ack", "-c", config, page.Incidents[0].ID); status != 0 {
		t.Fatal(stderr)
	}
	within(t, "the first sink hears who takes it", func() bool { return fmt.Sprint(first.types()) == "[incident.trigger incident.acknowledge]" })
	text := siteText(dir, hooked(second))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if said := p.line(t, "configuration reloaded"); !strings.Contains(said, "notify.webhook") {
		t.Errorf("says %s", said)
	}
	if status, _, stderr := exec(t, "incident", "close", "-c", config, page.Incidents[0].ID, "attack"); status != 0 {
		t.Fatal(stderr)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if got := second.types(); fmt.Sprint(got) != "[incident.resolve]" {
		t.Errorf("the second sink, of the same name, heard %v", got)
	}
	if len(first.messages()) != 2 {
		t.Errorf("the first sink heard %v", first.messages())
	}
}

func TestSendTest(t *testing.T) {
	h := newHook(t)
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	config, _ := site(t, hooked(h, "  file:\n    - {name: log, path: "+path+"}"))
	serve(t, config)
	for _, tc := range []struct {
		sink         string
		answer       int
		status       int
		stdout, says string
	}{
		{"soc", 200, 0, "soc (webhook) took the test message", ""},
		{"log", 200, 0, "log (file) took the test message", ""},
		{"soc", 503, 1, "", "serve would try again"},
		{"soc", 401, 1, "", "trying again would not help"},
		{"chat", 200, 2, "", "there is no sink or hook chat; there are soc, log"},
	} {
		h.answer(tc.answer)
		status, stdout, stderr := exec(t, "check", "-c", config, "--send-test", tc.sink)
		if status != tc.status || !strings.Contains(stdout, tc.stdout) || !strings.Contains(stderr, tc.says) || strings.Contains(stderr, "never-to-be-seen") {
			t.Errorf("%s, %d: status %d, says %q %q", tc.sink, tc.answer, status, stdout, stderr)
		}
	}
	if got := h.types(); len(got) != 1 || got[0] != "test" {
		t.Errorf("arrived %v", got)
	}
}

// check shows sinks and rules, and no secret; what is wrong is named.
func TestCheckAlerts(t *testing.T) {
	key := write(t, "key", hookKey+"\n")
	config := write(t, "a.yaml", `notify:
  webhook:
    - {name: soc, url: "https://soc.example.org/never-to-be-seen", secret_file: `+key+`, no_updates: true}
  routes:
    - {sinks: [soc], min_severity: high, hours: ["mon-fri 08:00-18:00"], escalate_to: [soc], escalate_after: 15m}
`)
	status, out, stderr := exec(t, "check", "-c", config)
	if status != 0 || !strings.Contains(out, "soc (webhook): 600 messages a minute at most, no updates") ||
		!strings.Contains(out, "1. soc: from severity high on, at mon-fri 08:00-18:00; not acknowledged for 15m0s: soc") ||
		!strings.Contains(out, "of what fits no rule, nobody") || strings.Contains(out, "never-to-be-seen") || strings.Contains(out, "whsec") {
		t.Errorf("status %d: %s%s", status, out, stderr)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ text, says string }{
		"open secret":  {"notify:\n  webhook: [{name: a, url: 'https://x/', secret_file: " + key + "}]\n", "chmod 600"},
		"no secret":    {"notify:\n  webhook: [{name: a, url: 'https://x/'}]\n", "secret_file"},
		"no name":      {"notify:\n  file: [{path: /var/lib/x}]\n", "name must be"},
		"same name":    {"notify:\n  file: [{name: a, path: /var/lib/x}, {name: a, path: /var/lib/y}]\n", "two sinks have the name a"},
		"no such sink": {"notify:\n  routes: [{sinks: [b]}]\n", "no sink with the name b"},
		"no such key":  {"notify:\n  file: [{name: a, pat: /var/lib/x}]\n", "did you mean path?"},
		"too many":     {"notify:\n  file: [{name: a, path: /var/lib/x, per_minute: 9999}]\n", "per_minute"},
	} {
		status, _, stderr := exec(t, "check", "-c", write(t, "b.yaml", tc.text))
		if status != 2 || !strings.Contains(stderr, tc.says) {
			t.Errorf("%s: status %d, says %q", name, status, stderr)
		}
	}
}
