// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// reading lists the paths of the document that can be read, in order.
func reading(tb testing.TB, s *Server) (out []string) {
	tb.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/api/v1/openapi.json", http.NoBody)
	r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:40000"
	s.Handler().ServeHTTP(w, r)
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		tb.Fatal(err)
	}
	for path, operations := range doc.Paths {
		if operations["get"] != nil {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}

// FuzzQuery: whatever stands in the path and the query of a route that reads, the answer is
// JSON, and never that the server made a mistake.
func FuzzQuery(f *testing.F) {
	cfg := DefaultConfig()
	cfg.Token = token
	s, err := New(&cfg, fakes(f)) // its hub lets nobody in: a stream would not end
	if err != nil {
		f.Fatal(err)
	}
	paths := reading(f, s)
	for i := range paths {
		for _, query := range []string{
			"", "limit=0", "limit=99999999999999999999", "limit=1&limit=2", "cursor=%00", "cursor=OjEyMw", "since=yesterday", "until=0000-00-00T00:00:00Z",
			"since=9999-12-31T23:59:59Z", "from=0001-01-01T00:00:00Z&to=9999-12-31T00:00:00Z", "state=open,,closed", "kind=a,b,c", "text=%ff%fe'\"--", "prefix=10.0.0.0/99",
			"prefix=fe80::1%25eth0", "minutes=-1", "device=%3Cscript%3E", "sort=risk", "topics=incident,none", "field=bytes_in", "subject=%F0%9F%92%A9",
			"a=b;c=d", "%", "&&&===", "from=v1&to=v2&device=10.0.0.1",
		} {
			f.Add(uint8(i), "inc-aaaaaaaaaaaaaaaa", query)
		}
		f.Add(uint8(i), "..%2f..%2fetc%2fpasswd", "")
		f.Add(uint8(i), "2001:db8::1%25", "")
		f.Add(uint8(i), strings.Repeat("9", 300), "")
	}
	f.Fuzz(func(t *testing.T, route uint8, name, query string) {
		path := paths[int(route)%len(paths)]
		if i := strings.IndexByte(path, '{'); i >= 0 {
			end := strings.IndexByte(path, '}')
			path = path[:i] + url.PathEscape(name) + path[end+1:]
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		u, err := url.Parse(path)
		if err != nil {
			return // nobody can send it
		}
		r.URL, r.Host, r.RemoteAddr = u, "127.0.0.1:8080", "127.0.0.1:40000"
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		switch {
		case strings.HasSuffix(u.Path, "/stream") && w.Code == http.StatusServiceUnavailable:
		case w.Code >= 500:
			t.Errorf("%s: %d %s", r.URL, w.Code, w.Body)
		case strings.HasSuffix(u.Path, "/export") && w.Code == http.StatusOK: // CSV, or a line of JSON a flow
		case w.Code >= 300 && w.Code < 400: // the router cleans paths
		case !json.Valid(w.Body.Bytes()):
			t.Errorf("%s: %d, no JSON: %.200q", r.URL, w.Code, w.Body)
		}
	})
}
