// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// everyRoute lists the routes of the OpenAPI document, and those beside it.
func everyRoute(t *testing.T, s *Server) []string {
	t.Helper()
	_, body := ask(t, s, "GET", "/api/v1/openapi.json", nil)
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	all := []string{"GET /healthz", "GET /readyz", "GET /metrics", "GET /api/v1/openapi.json", "GET /api/v1/openapi.yaml"}
	for path, operations := range doc.Paths {
		for method := range operations {
			all = append(all, strings.ToUpper(method)+" "+path)
		}
	}
	return all
}

// TestEveryRouteHasARow: whoever adds a route says who may use it.
func TestEveryRouteHasARow(t *testing.T) {
	table := access()
	for _, route := range everyRoute(t, server(t, nil)) {
		if _, ok := table[route]; !ok {
			t.Errorf("%s has no row in access()", route)
		}
	}
}

// TestWeb: a dashboard is at every path that is not the API's, and says itself what
// may be stored; the API stays as it is.
func TestWeb(t *testing.T) {
	files := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if strings.HasPrefix(r.URL.Path, "/assets/") {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			w.Header().Set("ETag", `"abc"`)
		}
		_, _ = w.Write([]byte("page"))
	})
	s := server(t, func(c *Config, d *Deps) { c.Listen, c.Hosts, d.Web = "0.0.0.0:8080", []string{"tw"}, files })
	stranger := func(r *http.Request) { r.Host, r.RemoteAddr = "tw", "203.0.113.9:5" }
	for target, stored := range map[string]string{"/": "no-cache", "/incidents/1": "no-cache", "/assets/a-1234.js": "public, max-age=31536000, immutable"} {
		res, body := ask(t, s, "GET", target, stranger)
		if res.Code != 200 || body != "page" || res.Header().Get("Cache-Control") != stored {
			t.Errorf("%s: %d %q %v", target, res.Code, body, res.Header())
		}
		policy := res.Header().Get("Content-Security-Policy")
		if policy != webPolicy || strings.Contains(policy, "unsafe") || res.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: policy %q", target, policy)
		}
	}
	for target, want := range map[string]int{
		"GET /api/v1/summary": 401, "GET /api/v2/x": 401, "GET /metrics": 401, "POST /": 401, "GET /healthz": 200, "GET /api/v1/../v1/summary": 401,
	} {
		method, path, _ := strings.Cut(target, " ")
		res, body := ask(t, s, method, path, stranger)
		if res.Code != want || body == "page" {
			t.Errorf("%s: %d %q", target, res.Code, body)
		}
	}
	for target, want := range map[string]int{"GET /api/v2/x": 404, "GET /metrics": 404, "POST /x": 404, "POST /api/v1/summary": 405, "GET /api/v1/summary": 200} {
		method, path, _ := strings.Cut(target, " ")
		res, body := ask(t, s, method, path, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
		if res.Code != want || body == "page" {
			t.Errorf("%s here: %d %q", target, res.Code, body)
		}
		if strict := res.Header().Get("Content-Security-Policy"); !strings.Contains(strict, "form-action 'none'") || res.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s here: %v", target, res.Header())
		}
	}
}
