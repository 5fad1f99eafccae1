// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"tidewatch/schedule"
)

// diary remembers what was planned.
type diary struct {
	did []string
	err error
}

func (d *diary) Events(_ context.Context, f *ListFilter) (*EventPage, error) {
	p := &EventPage{Zone: "UTC", Events: []Event{}}
	if f.Origin != "people" {
		p.Events = append(p.Events, Event{Plan: schedule.Plan{ID: "ev-1", Origin: schedule.FromConfiguration}, Next: []schedule.Occurrence{}})
	}
	return p, d.err
}

func (d *diary) AddEvent(_ context.Context, e *schedule.Event, by, note string) (*Event, error) {
	d.did = append(d.did, "add "+e.Name+" "+e.Start+" by "+by+" "+note)
	return &Event{Plan: schedule.NewPlan(e, by, note, noon()), Next: []schedule.Occurrence{{Start: noon(), End: noon().Add(time.Hour)}}}, d.err
}

func (d *diary) RemoveEvent(_ context.Context, id, by, note string) error {
	d.did = append(d.did, "remove "+id+" by "+by+" "+note)
	return d.err
}

func (d *diary) Occurrences(_ context.Context, from, to time.Time) (out []EventOccurrence, err error) {
	for at := from; at.Before(to) && len(out) <= MaxOccurrences; at = at.Add(time.Hour) {
		out = append(out, EventOccurrence{ID: "ev-1", Name: "backup", Start: at, End: at.Add(time.Minute), Origin: schedule.FromPeople})
	}
	return out, d.err
}

func TestEvents(t *testing.T) {
	const call = "POST /api/v1/events"
	d := &diary{}
	s := server(t, func(_ *Config, deps *Deps) { deps.Events = d })
	refused := &RefusedError{Status: http.StatusConflict, Detail: "it comes from the calendar x.ics"}
	for _, tc := range []struct {
		call, body string
		err        error
		status     int
		text       string
	}{
		{"GET /api/v1/events?origin=people", "", nil, 200, `"events":[]`},
		{"GET /api/v1/events?origin=other", "", nil, 422, "query.origin"},
		{call, `{"name":"sale","start":"2026-03-15 18:00","duration":"6h","expect":5,"targets":["192.0.2.1"],"by":"anna","note":"spring"}`, nil, 201, `"next":[{"start":"2026-03-02T12:00:00Z"`},
		{call, `{"name":"sale","start":"2026-03-15","learn":false}`, nil, 201, `"origin":"people"`},
		{call, `{"name":"sale"}`, nil, 422, "start"},
		{call, `{"name":"sale","start":"2026-03-15","recurs":"daily"}`, nil, 422, "recurs"},
		{call, `{"name":"sale","start":"2026-03-15","learn":false}`, refused, 409, "x.ics"},
		{call, `{"name":"sale","start":"2026-03-15","learn":false}`, errors.New("/secret/path"), 500, "log says why"},
		{call, `{"name":"` + strings.Repeat("x", maxBody) + `"}`, nil, 413, ""},
		{"DELETE /api/v1/events/ev-1?by=anna&note=called+off", "", nil, 204, ""},
		{"DELETE /api/v1/events/ev-1", "", refused, 409, "x.ics"},
	} {
		d.err = tc.err
		status, body := send(t, s, tc.call, tc.body)
		if status != tc.status || !strings.Contains(body, tc.text) || strings.Contains(body, "secret") {
			t.Errorf("%s %.80s: %d %s, want %d %s", tc.call, tc.body, status, body, tc.status, tc.text)
		}
	}
	want := "add sale 2026-03-15 18:00 by anna spring; add sale 2026-03-15 by administrator ; add sale 2026-03-15 by administrator ; " +
		"add sale 2026-03-15 by administrator ; remove ev-1 by anna called off; remove ev-1 by administrator "
	if got := strings.Join(d.did, "; "); got != want {
		t.Error(got)
	}
	// Without the token, and from a page of another site, nothing is planned.
	for name, change := range map[string]func(*http.Request){
		"no token":     func(r *http.Request) { r.Header.Del("Authorization") },
		"another site": func(r *http.Request) { r.Header.Set("Origin", "https://attacker.example") },
		"another name": func(r *http.Request) { r.Host = "attacker.example" },
	} {
		for _, call := range []string{call, "DELETE /api/v1/events/ev-1"} {
			if status, body := send(t, s, call, `{"name":"sale","start":"2026-03-15","learn":false}`, change); status != 401 && status != 403 {
				t.Errorf("%s, %s: %d %s", name, call, status, body)
			}
		}
	}
	if len(d.did) != 6 {
		t.Errorf("refused and done: %v", d.did[6:])
	}
}

// ledger is an audit of so many lines.
type ledger int64

func (l ledger) Lines(_ context.Context, before int64, limit int) (out []AuditLine, err error) {
	n := int64(l)
	if before > 0 {
		n = min(n, before-1)
	}
	for ; n > 0 && len(out) < limit; n-- {
		out = append(out, AuditLine{Number: n, At: noon(), Who: "anna", What: "event.add"})
	}
	return out, nil
}

func TestAudit(t *testing.T) {
	s := server(t, func(_ *Config, deps *Deps) { deps.Audit = ledger(5) })
	for target, want := range map[string]string{
		"?limit=2":          `{"number":5,*{"number":4,*"next":"4"`,
		"?limit=2&cursor=4": `{"number":3,*{"number":2,*"next":"2"`,
		"?limit=2&cursor=2": `"audit":[{"number":1,*}]}`,
		"?cursor=1":         `"audit":[]}`,
		"?cursor=x":         "query.cursor",
		"?limit=0":          "query.limit",
	} {
		_, body := ask(t, s, "GET", "/api/v1/audit"+target, nil)
		for part := range strings.SplitSeq(want, "*") {
			if !strings.Contains(body, part) {
				t.Errorf("%s: %s without %s", target, body, part)
			}
		}
	}
}
