// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestForgedRequests: no route that changes anything does so for a page of another site,
// although the browser sends the administrator's cookie with it.
func TestForgedRequests(t *testing.T) {
	s, _, _ := withAccounts(t, time.Now)
	ada, other := signIn(t, s, "ada"), signIn(t, s, "otto")
	for name, forged := range map[string]struct {
		csrf    string
		headers map[string]string
		says    string
	}{
		"no proof":               {"", nil, "X-CSRF-Token"},
		"the proof of another":   {other.csrf, nil, "X-CSRF-Token"},
		"a proof that was cut":   {ada.csrf[:20], nil, "X-CSRF-Token"},
		"another site":           {ada.csrf, map[string]string{"Origin": "https://attacker.example"}, "other sites"},
		"a frame without origin": {ada.csrf, map[string]string{"Origin": "null"}, "other sites"},
		"another port":           {ada.csrf, map[string]string{"Origin": "http://127.0.0.1:3000"}, "other sites"},
		"the browser says so":    {ada.csrf, map[string]string{"Sec-Fetch-Site": "cross-site"}, "other sites"},
	} {
		page := *ada
		page.csrf, page.headers = forged.csrf, forged.headers
		for _, o := range operations(t, s) {
			if !o.changes() || access()[o.String()] == public {
				continue
			}
			w, out := page.do(o.method, o.target(), `{}`)
			if w.Code != http.StatusForbidden || !strings.Contains(fmt.Sprint(out["detail"]), forged.says) {
				t.Errorf("%s, %s: %d %v", name, &o, w.Code, out)
			}
		}
	}
	if w, _ := ada.do("GET", "/api/v1/users", ""); w.Code != http.StatusOK {
		t.Errorf("ada is not signed in any more: %d", w.Code)
	}
}

// TestForgedSignIn: nobody is signed in, as somebody else, by a page of another site: it
// can send a form, but it is named in Origin, and a form is no JSON.
func TestForgedSignIn(t *testing.T) {
	s, _, _ := withAccounts(t, time.Now)
	login := `{"name":"otto","password":"` + passphrase + `"}`
	for _, path := range []string{"/api/v1/session", "/api/v1/session/link", "/api/v1/setup"} {
		for name, headers := range map[string]map[string]string{
			"its origin":      {"Origin": "https://attacker.example"},
			"no origin":       {"Origin": "null"},
			"a form":          {"Content-Type": "application/x-www-form-urlencoded"},
			"a form of parts": {"Content-Type": "multipart/form-data; boundary=x"},
			"text":            {"Content-Type": "text/plain"},
		} {
			b := visitor(t, s)
			b.headers = headers
			if w, out := b.do("POST", path, login); w.Code < 400 || w.Code >= 500 || len(w.Result().Cookies()) != 0 {
				t.Errorf("%s, %s: %d %v", path, name, w.Code, out)
			}
		}
	}
}

// TestOversizedBodies: every route that takes a body refuses a large one, whether it says
// how large it is or not, and reads no more of it than it may.
func TestOversizedBodies(t *testing.T) {
	s, _, _ := withAccounts(t, time.Now)
	took := 0
	for _, o := range operations(t, s) {
		if o.RequestBody == nil {
			continue
		}
		took++
		for _, length := range []int64{64 << 20, -1} {
			read := &endless{}
			r := httptest.NewRequestWithContext(t.Context(), o.method, o.target(), read)
			r.Host, r.RemoteAddr, r.ContentLength = "127.0.0.1:8080", "127.0.0.1:40000", length
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if w.Code != http.StatusRequestEntityTooLarge || w.Header().Get("Content-Type") != "application/problem+json" || read.n > 2*maxBody {
				t.Errorf("%s with length %d: %d after %d bytes: %s", &o, length, w.Code, read.n, w.Body)
			}
		}
		if _, documented := o.Responses["413"]; !documented {
			t.Errorf("%s: 413 is not in the document", &o)
		}
	}
	if took < 15 {
		t.Errorf("only %d routes take a body", took)
	}
}

// endless is JSON that does not end.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '['
	}
	e.n += len(p)
	if e.n > 1<<20 {
		return 0, io.ErrUnexpectedEOF // it would go on
	}
	return len(p), nil
}

// TestVerbs: a path answers the methods of the document, and HEAD where it is read; any
// other gets 405 with a list of them, and no other site is let in by OPTIONS.
func TestVerbs(t *testing.T) {
	s, _, _ := withAccounts(t, time.Now)
	known := map[string][]string{"/healthz": {"GET"}, "/readyz": {"GET"}, "/metrics": {"GET"}, "/": {"GET"}, "/api/v1/openapi.json": {"GET"}}
	all := operations(t, s)
	for _, o := range all {
		for _, wide := range all { // mitigations/panic is also the id of a mitigation that is not there
			parent, last := cutLast(o.path)
			if wide.path == o.path || !strings.HasPrefix(last, "{") && wide.path == parent+"/{id}" {
				known[o.target()] = append(known[o.target()], wide.method)
			}
		}
	}
	for path, methods := range known {
		if slices.Contains(methods, "GET") {
			methods = append(methods, "HEAD")
		}
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"} {
			if slices.Contains(methods, method) {
				continue
			}
			res, body := ask(t, s, method, path, func(r *http.Request) {
				r.Header.Set("Authorization", "Bearer "+token)
				r.Header.Set("X-Http-Method-Override", methods[0])
				r.Header.Set("Access-Control-Request-Method", methods[0])
			})
			allowed := strings.Split(res.Header().Get("Allow"), ", ")
			slices.Sort(allowed)
			want := slices.Compact(slices.Sorted(slices.Values(methods)))
			if res.Code != http.StatusMethodNotAllowed || !slices.Equal(allowed, want) || !strings.Contains(body, `"status":405`) {
				t.Errorf("%s %s: %d, allows %v, want %v", method, path, res.Code, allowed, want)
			}
			for name := range res.Header() {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s %s: %s", method, path, name)
				}
			}
		}
	}
}

func cutLast(path string) (parent, last string) {
	i := strings.LastIndexByte(path, '/')
	return path[:i], path[i+1:]
}

// TestHeadersEverywhere: whatever is answered, a browser neither guesses its type nor
// stores it, frames it, or runs anything of it.
func TestHeadersEverywhere(t *testing.T) {
	s, _, _ := withAccounts(t, time.Now)
	failing := server(t, func(_ *Config, d *Deps) { d.Incidents = broken{io.ErrUnexpectedEOF} })
	hard := map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
	}
	statuses := map[int]bool{}
	check := func(s *Server, method, target string, change func(*http.Request)) {
		t.Helper()
		res, _ := ask(t, s, method, target, change)
		statuses[res.Code] = true
		for name, want := range hard {
			if got := res.Header().Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s %s: %d with %s %q", method, target, res.Code, name, got)
			}
		}
		if kind := res.Header().Get("Content-Type"); strings.Contains(kind, "html") || kind == "" && res.Body.Len() > 0 && res.Code != http.StatusNotFound {
			t.Errorf("%s %s: %d is %q", method, target, res.Code, kind)
		}
		if res.Header().Get("Server") != "" || res.Header().Get("X-Powered-By") != "" {
			t.Errorf("%s %s: it says what it is: %v", method, target, res.Header())
		}
	}
	authorized := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	for _, o := range operations(t, s) {
		check(s, o.method, o.target(), nil)
		check(s, o.method, o.target(), authorized)
		check(s, o.method, o.target()+"?no_such=1", authorized)
		check(s, "PROPFIND", o.target(), authorized)
	}
	for _, target := range []string{"/", "/nothing", "/api/v2", "/healthz", "/readyz", "/metrics", "/api/v1/openapi.json"} {
		check(s, http.MethodGet, target, nil)
		check(s, http.MethodGet, target, func(r *http.Request) { r.Host = "attacker.example" })
		check(s, http.MethodGet, target, func(r *http.Request) { r.Header.Set("Origin", "http://attacker.example") })
		check(s, http.MethodGet, target, func(r *http.Request) { r.Header.Set("Authorization", "Bearer wrong") })
	}
	for range freeTokens {
		check(s, http.MethodGet, "/api/v1/summary", func(r *http.Request) { r.Header.Set("Authorization", "Bearer wrong") })
	}
	check(failing, http.MethodGet, "/api/v1/incidents", nil)
	check(failing, http.MethodGet, "/api/v1/incidents/inc-x", nil) // it panics
	for _, status := range []int{200, 401, 403, 404, 405, 422, 429, 500} {
		if !statuses[status] {
			t.Errorf("no answer was a %d: %v", status, statuses)
		}
	}
}
