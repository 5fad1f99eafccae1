// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"tidewatch/feedback"
	"tidewatch/incident"
)

// desk decides on the incidents of a memory.
type desk struct {
	store *incident.Memory
	said  []incident.Decision
	undid string
	err   error
}

func (d *desk) Decide(ctx context.Context, id string, what *incident.Decision) (*incident.Incident, error) {
	if d.err != nil {
		return nil, d.err
	}
	inc, err := d.store.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if _, err := inc.Decide(noon(), what, 100); err != nil {
		return nil, err
	}
	d.said = append(d.said, *what)
	return inc, d.store.Save(ctx, []incident.Event{{Incident: *inc}})
}

func (d *desk) Feedback(context.Context) ([]Feedback, error) {
	return []Feedback{{Entry: feedback.New("inc-1", "192.0.2.10", "ddos", feedback.Normal), Factor: 1.25}}, d.err
}

func (d *desk) Undo(_ context.Context, id, by string) error {
	if d.err != nil {
		return d.err
	}
	if id != "fb-1" {
		return feedback.ErrNotFound
	}
	d.undid = id + " by " + by
	return nil
}

// shelf remembers what was asked of it.
type shelf struct {
	did []string
	err error
}

func (s *shelf) did1(what string) error {
	s.did = append(s.did, what)
	return s.err
}

func (s *shelf) Baselines(context.Context) (*BaselineList, error) {
	return &BaselineList{Current: "2026-03-01", Frozen: true}, s.err
}

func (s *shelf) ApproveVersion(_ context.Context, id, by string) error {
	return s.did1("approve " + id + " by " + by)
}

func (s *shelf) ApproveDevice(_ context.Context, a string, since time.Time, by string) (*Approval, error) {
	return &Approval{Hours: 7, Version: "v"}, s.did1("approve " + a + " since " + since.Format(time.RFC3339) + " by " + by)
}

func (s *shelf) Freeze(_ context.Context, on bool, by string) error {
	return s.did1(map[bool]string{true: "freeze", false: "thaw"}[on] + " by " + by)
}

func (s *shelf) Rollback(_ context.Context, id, by string) (*BaselineVersion, error) {
	return &BaselineVersion{ID: id + ".1"}, s.did1("rollback " + id + " by " + by)
}

// send is a request with the token and a body.
func send(t *testing.T, s *Server, call, body string, more ...func(*http.Request)) (status int, answer string) {
	t.Helper()
	method, target, _ := strings.Cut(call, " ")
	res, text := ask(t, s, method, target, func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+token)
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
			r.Body = io.NopCloser(strings.NewReader(body))
		}
		for _, f := range more {
			f(r)
		}
	})
	return res.Code, text
}

const theIncident = "/api/v1/incidents/inc-aaaaaaaaaaaaaaaa"

func TestDecisions(t *testing.T) {
	d := &desk{store: saved(t, 26)}
	s := server(t, func(_ *Config, deps *Deps) { deps.Incidents, deps.Desk = d.store, d })
	for _, tc := range []struct {
		target, body string
		status       int
		text         string
	}{
		{theIncident + "/acknowledge", "", 200, `"state":"acknowledged"`},
		{theIncident + "/acknowledge", `{"by":"anna"}`, 409, "acknowledged"},
		{theIncident + "/feedback", `{"verdict":"normal","by":"anna","note":"load test"}`, 200, `"verdict":"normal"`},
		{theIncident + "/feedback", `{"verdict":"uncertain"}`, 422, "body.verdict"},
		{theIncident + "/feedback", `{"verdict":"normal","note":"a\u001b[2J"}`, 422, "do not print"},
		{theIncident + "/feedback", `{"verdict":"normal","factor":2}`, 422, "factor"},
		{theIncident + "/feedback", "", 400, "body"},
		{theIncident + "/comment", `{"note":"asked the provider","by":"anna"}`, 200, "comment by anna: asked the provider"},
		{theIncident + "/comment", `{}`, 422, "note"},
		{theIncident + "/comment", `{"note":"a\u001b[2J"}`, 422, "do not print"},
		{theIncident + "/close", `{}`, 422, "verdict"},
		{theIncident + "/close", `{"verdict":"attack","note":"` + strings.Repeat("a", 1001) + `"}`, 422, "body.note"},
		{theIncident + "/close", `{"verdict":"attack","note":"` + strings.Repeat("a", 20_000) + `"}`, 413, "too large"},
		{theIncident + "/close", `{"verdict":"attack"}`, 200, `"state":"closed"`},
		{theIncident + "/close", `{"verdict":"attack"}`, 409, "closed"},
		{"/api/v1/incidents/inc-unknown/close", `{"verdict":"attack"}`, 404, "no such incident"},
	} {
		status, body := send(t, s, "POST "+tc.target, tc.body)
		if status != tc.status || !strings.Contains(body, tc.text) {
			t.Errorf("%s %.60s: %d %s", tc.target, tc.body, status, body)
		}
	}
	if len(d.said) != 4 || d.said[0].By != "administrator" || d.said[1].By != "anna" || d.said[1].Note != "load test" {
		t.Errorf("%+v", d.said)
	}
	if status, body := send(t, s, "GET /api/v1/feedback", ""); status != 200 || !strings.Contains(body, `"factor":1.25`) || !strings.Contains(body, `"id":"fb-1"`) {
		t.Errorf("%d %s", status, body)
	}
	for target, want := range map[string]int{"/api/v1/feedback/fb-1?by=ben": 204, "/api/v1/feedback/fb-2": 404, "/api/v1/feedback/fb-1?by=%1b": 422} {
		if status, body := send(t, s, "DELETE "+target, ""); status != want {
			t.Errorf("DELETE %s: %d %s", target, status, body)
		}
	}
	if d.undid != "fb-1 by ben" {
		t.Errorf("undone: %s", d.undid)
	}
	d.err = errors.New("disk /secret is full")
	for method, target := range map[string]string{"POST": theIncident + "/acknowledge", "GET": "/api/v1/feedback", "DELETE": "/api/v1/feedback/fb-1"} {
		if status, body := send(t, s, method+" "+target, ""); status != 500 || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %s", target, status, body)
		}
	}
}

func TestBaselines(t *testing.T) {
	b := &shelf{}
	s := server(t, func(_ *Config, d *Deps) { d.Baselines = b })
	const at = "/api/v1/baselines/"
	for _, tc := range []struct {
		target, body string
		status       int
		does         string
	}{
		{"approve", `{"version":"2026-03-01","by":"anna"}`, 200, "approve 2026-03-01 by anna"},
		{"approve", `{"device":"2001:db8::1","since":"2026-03-01T00:00:00Z"}`, 200, "approve 2001:db8::1 since 2026-03-01T00:00:00Z by administrator"},
		{"approve", `{}`, 422, ""},
		{"approve", `{"device":"10.0.0.1"}`, 422, ""},
		{"approve", `{"version":"v","since":"2026-03-01T00:00:00Z"}`, 422, ""},
		{"approve", `{"version":"v","device":"10.0.0.1","since":"2026-03-01T00:00:00Z"}`, 422, ""},
		{"approve", `{"device":"prin\u001bter","since":"2026-03-01T00:00:00Z"}`, 422, ""},
		{"approve", `{"version":"v","by":"\u0007"}`, 422, ""},
		{"freeze", `{"frozen":true}`, 204, "freeze by administrator"},
		{"freeze", `{"frozen":false}`, 204, "thaw by administrator"},
		{"freeze", `{}`, 422, ""},
		{"freeze", `{"frozen":true,"by":"\u0007"}`, 422, ""},
		{"rollback", `{"version":"2026-03-01"}`, 200, "rollback 2026-03-01 by administrator"},
		{"rollback", `{"version":""}`, 422, ""},
		{"rollback", `{"version":"v","by":"\u0007"}`, 422, ""},
	} {
		b.did = nil
		status, body := send(t, s, "POST "+at+tc.target, tc.body)
		if status != tc.status || strings.Join(b.did, " ") != tc.does {
			t.Errorf("%s %s: %d %s, does %q", tc.target, tc.body, status, body, b.did)
		}
	}
	var list BaselineList
	_, body := send(t, s, "GET /api/v1/baselines", "")
	if err := json.Unmarshal([]byte(body), &list); err != nil || list.Current != "2026-03-01" || !list.Frozen || list.Versions == nil {
		t.Errorf("%s, %v", body, err)
	}
	b.err = &RefusedError{http.StatusNotFound, "there is no version x"}
	if status, body := send(t, s, "POST "+at+"rollback", `{"version":"x"}`); status != 404 || !strings.Contains(body, "no version x") {
		t.Errorf("%d %s", status, body)
	}
	b.err = errors.New("disk /secret is full")
	if status, body := send(t, s, "POST "+at+"rollback", `{"version":"x"}`); status != 500 || strings.Contains(body, "secret") {
		t.Errorf("%d %s", status, body)
	}
}
