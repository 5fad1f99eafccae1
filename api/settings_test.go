// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tidewatch/baseline"
)

// differ knows two versions.
type differ struct{}

func (differ) Diff(_ context.Context, from, to, device string) ([]baseline.Change, error) {
	switch {
	case from != "v1" && to != "v2":
		return nil, &RefusedError{http.StatusNotFound, "there is no version"}
	case device == "busy":
		return nil, &RefusedError{http.StatusServiceUnavailable, "one comparison at a time"}
	case device == "nobody":
		return nil, &RefusedError{http.StatusUnprocessableEntity, "nobody is no device"}
	}
	return []baseline.Change{{Address: "192.0.2.1", Kind: "changed", Factor: 2}, {Address: "2001:db8::1", Kind: "added"}}, nil
}

// tellers has one sink, which takes nothing.
type tellers struct{ err error }

func (t *tellers) Sinks(context.Context) ([]Sink, error) {
	return []Sink{{Name: "chat", Kind: "slack", Health: "failed 3 times in a row", Pending: 7}}, t.err
}

func (t *tellers) Test(_ context.Context, name, by string) (*SinkTest, error) {
	if name != "chat" {
		return nil, &RefusedError{http.StatusNotFound, "there is no sink " + name}
	}
	return &SinkTest{Detail: "chat (slack) refused the test message of " + by}, t.err
}

func TestSettings(t *testing.T) {
	s := server(t, nil)
	broken := server(t, func(_ *Config, d *Deps) {
		d.Sinks, d.Effective = &tellers{errors.New("open /var/lib/x: no")}, func() (string, error) { return "", errors.New("open /etc/x: no") }
	})
	auth := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	year := url.Values{"from": {"2026-01-01T00:00:00Z"}, "to": {"2026-12-31T00:00:00Z"}}.Encode()
	for _, tc := range []struct {
		on             *Server
		method, target string
		change         func(*http.Request)
		status         int
		body           string
	}{
		{s, "GET", "/api/v1/baselines/diff?from=v1", nil, 200, `"from":"v1","to":"","changes":[{"address":"192.0.2.1"`},
		{s, "GET", "/api/v1/baselines/diff?from=v1&to=v2&limit=1", nil, 200, `"more":1`},
		{s, "GET", "/api/v1/baselines/diff", nil, 422, "from"},
		{s, "GET", "/api/v1/baselines/diff?from=v7", nil, 404, "there is no version"},
		{s, "GET", "/api/v1/baselines/diff?from=v1&device=nobody", nil, 422, "nobody is no device"},
		{s, "GET", "/api/v1/baselines/diff?from=v1&device=busy", nil, 503, "one comparison at a time"},
		{s, "GET", "/api/v1/config", nil, 401, "token"},
		{s, "GET", "/api/v1/config", auth, 200, `{"text":"api:\n`},
		{broken, "GET", "/api/v1/config", auth, 500, "the server's log says why"},
		{s, "GET", "/api/v1/sinks", nil, 200, `"name":"chat","kind":"slack","health":"failed 3 times in a row","pending":7}`},
		{broken, "GET", "/api/v1/sinks", nil, 500, "the server's log says why"},
		{s, "POST", "/api/v1/sinks/chat/test", auth, 200, `{"ok":false,"detail":"chat (slack) refused the test message of administrator"}`},
		{s, "POST", "/api/v1/sinks/chat/test?by=anna", auth, 200, `of anna"}`},
		{s, "POST", "/api/v1/sinks/chat/test?by=a%0Ab", auth, 422, "name"},
		{s, "POST", "/api/v1/sinks/pager/test", auth, 404, "there is no sink pager"},
		{s, "POST", "/api/v1/sinks/chat/test", nil, 401, "token"},
		{s, "GET", "/api/v1/events/occurrences", nil, 200, `"start":"2026-03-02T12:00:00Z"`},
		{s, "GET", "/api/v1/events/occurrences?" + year, nil, 200, `"more":true`},
		{s, "GET", "/api/v1/events/occurrences?from=2026-01-01T00:00:00Z&to=2025-01-01T00:00:00Z", nil, 422, "to must lie after from"},
		{s, "GET", "/api/v1/events/occurrences?from=2026-01-01T00:00:00Z&to=2028-01-01T00:00:00Z", nil, 422, "400 days"},
		{s, "GET", "/api/v1/events/occurrences?from=9999-12-31T00:00:00Z", nil, 422, "to must lie after from"},
		{s, "GET", "/api/v1/events/occurrences?from=0001-01-01T00:00:01Z", nil, 422, "to must lie after from"},
	} {
		res, body := ask(t, tc.on, tc.method, tc.target, tc.change)
		if res.Code != tc.status || !strings.Contains(body, tc.body) || strings.Contains(body, "/etc/x") || strings.Contains(body, "/var/lib") {
			t.Errorf("%s %s: %d %.300s", tc.method, tc.target, res.Code, body)
		}
		if wait := res.Header().Get("Retry-After"); (wait != "") != (tc.status == 503) {
			t.Errorf("%s %s: %d, Retry-After %q", tc.method, tc.target, res.Code, wait)
		}
	}
	if _, body := ask(t, s, "GET", "/api/v1/events/occurrences?"+year, nil); strings.Count(body, `"id"`) != MaxOccurrences {
		t.Errorf("%d occurrences", strings.Count(body, `"id"`))
	}
}
