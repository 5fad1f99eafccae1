// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tidewatch/detect"
	"tidewatch/incident"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "a-token-of-enough-letters"

func noon() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

// saved is a memory with n incidents, one an hour back from noon.
func saved(tb testing.TB, n int) *incident.Memory {
	tb.Helper()
	m := incident.NewMemory()
	for i := range n {
		at := noon().Add(-time.Duration(i) * time.Hour)
		inc := incident.Incident{
			ID: "inc-" + strings.Repeat(string(rune('a'+i%26)), 16), Category: detect.DDoSAttack, Kind: "ddos",
			Subject: "192.0.2.10", Scope: incident.ScopeHost, Severity: detect.High, CurrentSeverity: detect.High,
			Score: 0.8, State: incident.Open, Started: at, Detected: at, LastSeen: at, Updated: at,
		}
		if i%2 == 1 {
			inc.Category, inc.Severity, inc.State, inc.Ended = detect.DataExfiltration, detect.Medium, incident.Resolved, at
		}
		if err := m.Save(tb.Context(), []incident.Event{{At: at, Incident: inc}}); err != nil {
			tb.Fatal(err)
		}
	}
	return m
}

func server(t *testing.T, change func(*Config, *Deps)) *Server {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Token = token
	deps := fakes(t)
	if change != nil {
		change(&cfg, deps)
	}
	s, err := New(&cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fakes are parts that all answer.
func fakes(tb testing.TB) *Deps {
	tb.Helper()
	store := saved(tb, 26)
	return &Deps{
		Incidents: store, Clock: noon, Desk: &desk{store: store}, Baselines: &shelf{}, Events: &diary{}, Exclusions: &doorkeeper{}, Audit: ledger(1), Devices: &catalog{}, Mitigations: mitigations(&commander{}), Traffic: &carrying{}, Hub: closedHub(tb), Differ: differ{}, Sinks: &tellers{},
		Effective: func() (string, error) { return "api:\n  listen: 127.0.0.1:8080  # default\n", nil },
		Flows:     &recorded{}, History: func(context.Context) HistoryState {
			return HistoryState{Flows: 7, Segments: 2, Health: "the disk is full"}
		},
		Exporters: func() []Exporter {
			return []Exporter{
				{Address: netip.MustParseAddr("192.0.2.1"), LastSeen: noon(), Records: 7, SequenceGaps: 1},
				{Address: netip.MustParseAddr("2001:db8::1"), LastSeen: noon().Add(-time.Hour), Records: 5, Protocols: []string{"ipfix"}},
			}
		},
	}
}

// closedHub refuses all who want to watch, so that no test waits for a stream's end.
func closedHub(tb testing.TB) *Hub {
	tb.Helper()
	h, err := NewHub(1, nil)
	if err != nil {
		tb.Fatal(err)
	}
	h.close()
	return h
}

// ask sends one request from this machine and returns the answer's body.
func ask(tb testing.TB, s *Server, method, target string, change func(*http.Request)) (*httptest.ResponseRecorder, string) {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, http.NoBody)
	r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:40000"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w, w.Body.String()
}

func TestIncidents(t *testing.T) {
	s := server(t, nil)
	for target, want := range map[string]int{
		"/api/v1/incidents":                                                 26,
		"/api/v1/incidents?limit=5":                                         5,
		"/api/v1/incidents?state=open":                                      13,
		"/api/v1/incidents?state=open,resolved":                             26,
		"/api/v1/incidents?category=data_exfiltration":                      13,
		"/api/v1/incidents?min_severity=high":                               13,
		"/api/v1/incidents?min_severity=critical":                           0,
		"/api/v1/incidents?subject=192.0.2.11":                              0,
		"/api/v1/incidents?kind=incident_overflow,dns_tunnel":               0,
		"/api/v1/incidents?since=2026-03-02T09:00:00Z":                      4,
		"/api/v1/incidents?since=2026-03-02T09:00:00Z&category=ddos_attack": 2,
	} {
		res, body := ask(t, s, "GET", target, nil)
		var got List
		if err := json.Unmarshal([]byte(body), &got); err != nil || res.Code != http.StatusOK || got.Incidents == nil {
			t.Fatalf("%s: %d %s (%v)", target, res.Code, body, err)
		}
		if len(got.Incidents) != want {
			t.Errorf("%s: %d incidents, want %d", target, len(got.Incidents), want)
		}
		if strings.Contains(body, "$schema") {
			t.Errorf("%s: a $schema stands in the answer", target)
		}
	}
}

// TestPages walks through all pages; each incident comes once, in order.
func TestPages(t *testing.T) {
	s := server(t, nil)
	seen, target := map[string]bool{}, "/api/v1/incidents?limit=10"
	last := noon().Add(time.Second)
	for range 3 {
		_, body := ask(t, s, "GET", target, nil)
		var got List
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		for i := range got.Incidents {
			if inc := &got.Incidents[i]; seen[inc.ID] || !inc.Detected.Before(last) {
				t.Fatalf("%s comes twice or out of order", inc.ID)
			}
			seen[got.Incidents[i].ID], last = true, got.Incidents[i].Detected
		}
		target = "/api/v1/incidents?limit=10&cursor=" + got.Next
	}
	if len(seen) != 26 || !strings.HasSuffix(target, "cursor=") {
		t.Errorf("%d incidents, then %s", len(seen), target)
	}
}

// broken is a store that fails.
type broken struct{ err error }

func (b broken) List(context.Context, *incident.Filter) (incident.Page, error) {
	return incident.Page{}, b.err
}

func (b broken) Get(context.Context, string) (*incident.Incident, error) { panic("torn disk") }

func (b broken) Counts(context.Context, time.Time) (incident.Counts, error) {
	return incident.Counts{}, b.err
}

// TestErrors: each is a problem document and tells a stranger nothing of the inside.
func TestErrors(t *testing.T) {
	good := server(t, nil)
	bad := server(t, func(_ *Config, d *Deps) {
		d.Incidents = broken{errors.New("read /secret/place/tidewatch.db: disk failed")}
	})
	for _, tc := range []struct {
		server         *Server
		method, target string
		status         int
		text           string
	}{
		{good, "GET", "/api/v1/incidents/inc-unknown", 404, "no such incident"},
		{good, "GET", "/api/v1/incidents?state=asleep", 422, "query.state"},
		{good, "GET", "/api/v1/incidents?limit=0", 422, "query.limit"},
		{good, "GET", "/api/v1/incidents?limit=1001", 422, "query.limit"},
		{good, "GET", "/api/v1/incidents?since=yesterday", 422, "query.since"},
		{good, "GET", "/api/v1/incidents?since=2026-01-01T00:00:00+02:00", 422, "%2B"}, // a space, to whoever reads it
		{good, "GET", "/api/v1/incidents?kind=ddos,dos", 422, "ddos_outbound"},
		{good, "GET", "/api/v1/incidents?state=open&state=closed", 422, "query.state"},
		{good, "GET", "/api/v1/incidents?limit=1&%6cimit=5", 422, "query.limit"},
		{good, "GET", "/api/v1/incidents?text=a;min_severity=high", 422, "%3B"},
		{good, "GET", "/api/v1/incidents?text=100%", 422, "%25"},
		{good, "GET", "/api/v1/summary?since=now", 422, "query.since"},
		{good, "GET", "/api/v1/incidents?cursor=x", 422, "query.cursor"},
		{good, "GET", "/api/v1/incidents?sort=up", 422, "sort"},
		{good, "GET", "/api/v2/incidents", 404, "nothing at this path"},
		{good, "GET", "/docs", 404, "nothing at this path"},
		{good, "POST", "/api/v1/incidents", 405, "takes GET, HEAD"},
		{good, "DELETE", "/api/v1/incidents/inc-unknown", 405, "takes GET, HEAD"},
		{good, "GET", "/api/v1/incidents/inc-unknown/close", 405, "takes POST"},
		{good, "POST", "/api/v1/incidents/inc-unknown/close", 401, "bearer token"},
		{good, "POST", "/api/v2", 404, "nothing at this path"},
		{bad, "GET", "/api/v1/incidents", 500, "log says why"},
		{bad, "GET", "/api/v1/summary", 500, "log says why"},
		{bad, "GET", "/api/v1/incidents/x", 500, "made a mistake"},
	} {
		res, body := ask(t, tc.server, tc.method, tc.target, func(r *http.Request) {
			if tc.status != 401 {
				r.Header.Set("Authorization", "Bearer "+token)
			}
		})
		var got struct {
			Title  string `json:"title"`
			Status int    `json:"status"`
			Detail string `json:"detail"`
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Errorf("%s %s: %v: %s", tc.method, tc.target, err, body)
		}
		if res.Code != tc.status || got.Status != tc.status || got.Title == "" || got.Detail == "" ||
			!strings.Contains(body, tc.text) || strings.Contains(body, "secret") ||
			res.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %s %s", tc.method, tc.target, res.Code, res.Header().Get("Content-Type"), body)
		}
	}
}

func TestSummary(t *testing.T) {
	_, body := ask(t, server(t, nil), "GET", "/api/v1/summary", nil)
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"since": "2026-03-01T12:00:00Z", "alerts_last_24h": 25.0, "critical_alerts": 0.0, "ddos_attacks": 13.0,
		"exfiltration_attempts": 12.0, "baseline_anomalies": 0.0, "open_incidents": 13.0,
		"exporters": 2.0, "exporters_silent": 1.0, "records_received": 12.0, "sequence_gaps": 1.0,
	} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
}

func TestExporters(t *testing.T) {
	_, body := ask(t, server(t, nil), "GET", "/api/v1/exporters", nil)
	if !strings.Contains(body, `"address":"2001:db8::1","protocols":["ipfix"]`) || strings.Contains(body, "null") {
		t.Error(body)
	}
	_, body = ask(t, server(t, func(_ *Config, d *Deps) { d.Exporters = nil }), "GET", "/api/v1/exporters", nil)
	if body != "{\"exporters\":[]}\n" {
		t.Error(body)
	}
}

// free returns a loopback address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
