// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tidewatch/detect"
	"tidewatch/incident"
)

// TestDocument: the router answers what the document lists, and nothing else.
func TestDocument(t *testing.T) {
	s := server(t, nil)
	_, body := ask(t, s, "GET", "/api/v1/openapi.json", nil)
	var doc struct {
		OpenAPI    string                                `json:"openapi"`
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			SecuritySchemes map[string]struct {
				Type   string `json:"type"`
				Scheme string `json:"scheme"`
			} `json:"securitySchemes"`
			Schemas map[string]struct {
				Required   []string                   `json:"required"`
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || len(doc.Paths) != 42 {
		t.Errorf("OpenAPI %s with %d paths", doc.OpenAPI, len(doc.Paths))
	}
	if got := doc.Components.SecuritySchemes["token"]; got.Type != "http" || got.Scheme != "bearer" {
		t.Errorf("security scheme %+v", got)
	}
	for path, operations := range doc.Paths {
		for method, text := range operations {
			var operation struct {
				Security   []map[string][]string `json:"security"`
				Parameters []struct {
					Name string `json:"name"`
				} `json:"parameters"`
				RequestBody json.RawMessage            `json:"requestBody"`
				Responses   map[string]json.RawMessage `json:"responses"`
			}
			if err := json.Unmarshal(text, &operation); err != nil {
				t.Fatal(err)
			}
			checkSecurity(t, method, path, operation.Security)
			for _, status := range []string{"400", "413", "415"} { // what a body gets that cannot be read
				if operation.RequestBody != nil && operation.Responses[status] == nil {
					t.Errorf("%s %s: %s is not in the document", method, path, status)
				}
			}
			for _, p := range operation.Parameters {
				if p.Name == "If-None-Match" && method != "get" {
					t.Errorf("%s %s takes %s, which is not looked at", method, path, p.Name)
				}
			}
			if method != "get" || path == "/api/v1/stream" {
				continue // what they answer is tested where they are
			}
			target := strings.NewReplacer("{id}", "inc-aaaaaaaaaaaaaaaa", "{address}", "2001:db8::1").Replace(path)
			if path == "/api/v1/baselines/diff" {
				target += "?from=v1"
			}
			want := http.StatusOK
			if path == "/api/v1/config" { // an administrator's
				want = http.StatusUnauthorized
			}
			if res, body := ask(t, s, strings.ToUpper(method), target, nil); res.Code != want {
				t.Errorf("%s %s is documented and answers %d: %s", method, path, res.Code, body)
			}
		}
	}
	// What the contract fixes of an incident stands in the schema, and a real one fits it.
	schema := doc.Components.Schemas["Incident"]
	_, one := ask(t, s, "GET", "/api/v1/incidents/inc-aaaaaaaaaaaaaaaa", nil)
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(one), &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fields {
		if schema.Properties[name] == nil {
			t.Errorf("%s is not in the document", name)
		}
	}
	for _, name := range schema.Required {
		if fields[name] == nil || string(fields[name]) == "null" {
			t.Errorf("%s is required and is %s", name, fields[name])
		}
	}
	for _, name := range []string{
		"at", "id", "name", "state", "dry_run", "target", "match", "via", "reason", "detail", "until", "covers", "collateral", "effect",
	} {
		if doc.Components.Schemas["Action"].Properties[name] == nil {
			t.Errorf("%s of an action is not in the document", name)
		}
	}
	var mitigated struct {
		State        string           `json:"state"`
		Acknowledged bool             `json:"acknowledged"`
		Actions      []map[string]any `json:"actions"`
	}
	_, acted := ask(t, server(t, func(_ *Config, d *Deps) { d.Incidents = acting(t) }), "GET", "/api/v1/incidents/inc-acted", nil)
	if err := json.Unmarshal([]byte(acted), &mitigated); err != nil {
		t.Fatal(err)
	}
	if mitigated.State != "mitigated" || !mitigated.Acknowledged || len(mitigated.Actions) != 1 {
		t.Fatalf("a mitigated incident: %s", acted)
	}
	for name := range mitigated.Actions[0] {
		if doc.Components.Schemas["Action"].Properties[name] == nil {
			t.Errorf("%s of an action is answered and not in the document", name)
		}
	}
	if a := mitigated.Actions[0]; a["state"] != "active" || a["covers"] != 0.97 || a["collateral"] != nil || a["id"] != "mit-a" {
		t.Errorf("action %v", a)
	}
	if fields["ended"] != nil {
		t.Error("an open incident has an end")
	}
	if res, _ := ask(t, s, "GET", "/api/v1/openapi.yaml", nil); res.Code != http.StatusOK {
		t.Errorf("openapi.yaml: %d", res.Code)
	}
}

// checkSecurity: what a route asks is in the document, so that programs made from it send
// their token when they read, too, and nobody else is let in by it.
func checkSecurity(t *testing.T, method, path string, got []map[string][]string) {
	t.Helper()
	session, nobody := 1, 0
	if method != "get" {
		session = 2 // and the proof beside the cookie
	}
	switch access()[strings.ToUpper(method)+" "+path] {
	case public:
		if len(got) != 1 || len(got[0]) != 0 {
			t.Errorf("%s %s: security %v", method, path, got)
		}
		return
	case reads, local, open:
		nobody = 1
	case decides, manages, administers:
	}
	if len(got) != 2+nobody || nobody == 1 && len(got[0]) != 0 || got[nobody]["token"] == nil || len(got[nobody]) != 1 ||
		got[nobody+1]["session"] == nil || len(got[nobody+1]) != session {
		t.Errorf("%s %s: security %v", method, path, got)
	}
}

// acting is a memory with an incident about which something is done.
func acting(t *testing.T) *incident.Memory {
	t.Helper()
	covers := 0.97
	i := incident.Incident{
		ID: "inc-acted", Category: detect.DDoSAttack, Kind: "ddos", Subject: "2001:db8::1", Scope: incident.ScopeHost,
		Severity: detect.High, CurrentSeverity: detect.High, Score: 0.8, State: incident.Acknowledged,
		Started: noon(), Detected: noon(), LastSeen: noon(), Updated: noon(),
	}
	if _, err := i.Act(noon(), &incident.Action{
		ID: "mit-a", Name: "flowspec_drop", State: incident.ActionActive, Target: "2001:db8::1", Match: "udp to 2001:db8::1",
		Until: noon().Add(time.Minute), Covers: &covers, Effect: "helps",
	}, 100); err != nil {
		t.Fatal(err)
	}
	m := incident.NewMemory()
	if err := m.Save(t.Context(), []incident.Event{{At: noon(), Type: incident.ActedEvent, Incident: i}}); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPagesBesideTheAPI(t *testing.T) {
	said := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	s := server(t, func(_ *Config, d *Deps) { d.Health, d.Ready, d.Metrics = said("H"), said("R"), said("M") })
	for target, want := range map[string]string{"/healthz": "H", "/readyz": "R", "/metrics": "M", "/": page} {
		res, body := ask(t, s, "GET", target, nil)
		if res.Code != http.StatusOK || body != want {
			t.Errorf("%s: %d %q", target, res.Code, body)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		} {
			if got := res.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q", target, name, got)
			}
		}
	}
	for line := range strings.SplitSeq(page, "\n") { // the page names only what there is
		if path, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(path, "/") && path != "/api/v1/stream" && path != "/api/v1/config" {
			if res, _ := ask(t, s, "GET", path, nil); res.Code != http.StatusOK {
				t.Errorf("%s is named and answers %d", path, res.Code)
			}
		}
	}
	plain := server(t, nil)
	if res, body := ask(t, plain, "HEAD", "/healthz", nil); res.Code != http.StatusOK {
		t.Errorf("HEAD /healthz: %d %s", res.Code, body)
	}
	if res, _ := ask(t, plain, "GET", "/metrics", nil); res.Code != http.StatusNotFound {
		t.Errorf("/metrics without metrics: %d", res.Code)
	}
}

func TestRequestsAreCounted(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := server(t, func(_ *Config, d *Deps) { d.Registerer = reg })
	ask(t, s, "GET", "/api/v1/incidents/inc-aaaaaaaaaaaaaaaa", nil)
	ask(t, s, "GET", "/api/v1/incidents/inc-zzz", nil)
	ask(t, s, "GET", "/any/path/a/stranger/makes/up", nil)
	ask(t, s, "GET", "/another", nil)
	want := `# HELP tidewatch_api_requests_total HTTP requests by route and status class.
# TYPE tidewatch_api_requests_total counter
tidewatch_api_requests_total{route="/",status="4xx"} 2
tidewatch_api_requests_total{route="GET /api/v1/incidents/{id}",status="2xx"} 1
tidewatch_api_requests_total{route="GET /api/v1/incidents/{id}",status="4xx"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "tidewatch_api_requests_total"); err != nil {
		t.Error(err)
	}
}
