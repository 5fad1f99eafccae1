// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// door stands before a server and lets somebody of a role in: it tells the dashboard who
// that is, and shows the server a token if there is one. It does what a proxy with single
// sign-on does, so the pages are tested by role apart from how people sign in.
func door(t *testing.T, server, name, role, token string) string {
	t.Helper()
	behind, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	requireDashboard(t, server)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(behind)
		r.Out.Host = r.In.Host // the server holds Origin against it
		if token != "" {
			r.Out.Header.Set("Authorization", "Bearer "+token)
		}
	}}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /api/v1/session", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"set_up": true, "version": "test", "csrf": "a-csrf-of-the-test", "user": map[string]string{"name": name, "role": role},
		})
	})
	routes.Handle("/", proxy)
	s := httptest.NewServer(routes)
	t.Cleanup(func() {
		s.CloseClientConnections() // the browser may still follow the stream
		s.Close()
	})
	return s.URL
}

// requireDashboard ends the test when the server was built without one.
func requireDashboard(t *testing.T, server string) {
	t.Helper()
	res, err := http.Get(server + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), `<script type="module"`) {
		t.Fatalf("this server has no dashboard: build it first with `make web`, which needs npm; it serves:\n%s", page)
	}
}
