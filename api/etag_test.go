// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"slices"
	"testing"

	"tidewatch/incident"
)

// TestETag: who has the answer gets none again; when it changed, or another is asked for,
// it comes as a whole.
func TestETag(t *testing.T) {
	memory := saved(t, 3)
	s := server(t, func(_ *Config, d *Deps) { d.Incidents = memory })
	with := func(tag string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("If-None-Match", tag) }
	}
	const one = "/api/v1/incidents/inc-aaaaaaaaaaaaaaaa"
	tags := map[string]string{}
	for _, target := range []string{one, "/api/v1/incidents", "/api/v1/incidents?limit=1", "/api/v1/devices/10.0.0.1", "/api/v1/baselines"} {
		res, body := ask(t, s, "GET", target, nil)
		tag := res.Header().Get("ETag")
		if res.Code != http.StatusOK || body == "" || len(tag) != 18 {
			t.Fatalf("%s: %d, tag %s", target, res.Code, tag)
		}
		tags[target] = tag
		for _, have := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			res, body := ask(t, s, "GET", target, with(have))
			if res.Code != http.StatusNotModified || body != "" || res.Header().Get("ETag") != tag {
				t.Errorf("%s, has %s: %d %q, tag %s", target, have, res.Code, body, res.Header().Get("ETag"))
			}
		}
		if res, body := ask(t, s, "GET", target, with(`"other"`)); res.Code != http.StatusOK || body == "" {
			t.Errorf("%s, has another: %d", target, res.Code)
		}
	}
	if tags["/api/v1/incidents"] == tags["/api/v1/incidents?limit=1"] {
		t.Error("two answers have one tag")
	}
	inc, err := memory.Get(t.Context(), "inc-aaaaaaaaaaaaaaaa")
	if err != nil {
		t.Fatal(err)
	}
	inc.Score = 0.81
	if err := memory.Save(t.Context(), []incident.Event{{Incident: *inc}}); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{one, "/api/v1/incidents"} {
		if res, _ := ask(t, s, "GET", target, with(tags[target])); res.Code != http.StatusOK || res.Header().Get("ETag") == tags[target] {
			t.Errorf("%s after a change: %d", target, res.Code)
		}
	}
}

// TestETagIsDocumented: what the document says of entity tags is what the router does,
// route by route.
func TestETagIsDocumented(t *testing.T) {
	s := server(t, nil)
	conditional := 0
	for _, o := range operations(t, s) {
		if o.method != http.MethodGet || o.path == "/api/v1/stream" {
			continue
		}
		asks := slices.ContainsFunc(o.Parameters, func(p parameter) bool { return p.Name == "If-None-Match" && p.In == "header" })
		_, tells := o.Responses["200"].Headers["ETag"]
		_, again := o.Responses["304"].Headers["ETag"]
		if asks != tells || asks != again {
			t.Errorf("%s: If-None-Match %v, ETag of 200 %v and of 304 %v", o.path, asks, tells, again)
		}
		target := o.target()
		if o.path == "/api/v1/baselines/diff" {
			target += "?from=v1"
		}
		tag := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
		res, _ := ask(t, s, http.MethodGet, target, tag)
		if got := res.Header().Get("ETag"); (got != "") != asks {
			t.Errorf("%s: documented %v, answers %d with tag %q", o.path, asks, res.Code, got)
		}
		if !asks {
			continue
		}
		conditional++
		res, body := ask(t, s, http.MethodGet, target, func(r *http.Request) {
			tag(r)
			r.Header.Set("If-None-Match", res.Header().Get("ETag"))
		})
		if res.Code != http.StatusNotModified || body != "" {
			t.Errorf("%s again: %d %q", o.path, res.Code, body)
		}
	}
	if conditional != 4 {
		t.Errorf("%d routes have entity tags", conditional)
	}
}
