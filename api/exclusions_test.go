// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tidewatch/exclude"
)

// doorkeeper remembers what was excluded.
type doorkeeper struct {
	did []string
	err error
}

func (d *doorkeeper) Exclusions(_ context.Context, f *ListFilter) (*ExclusionPage, error) {
	p := &ExclusionPage{Exclusions: []Exclusion{}}
	if f.Origin != "people" {
		p.Exclusions = append(p.Exclusions, Exclusion{Entry: exclude.Entry{ID: "ex-1", Origin: exclude.FromConfiguration}})
	}
	return p, d.err
}

func (d *doorkeeper) AddExclusion(_ context.Context, r *exclude.Rule, by string) (*Exclusion, error) {
	d.did = append(d.did, fmt.Sprintf("add %s>%s:%s %s %s by %s", r.Device, r.Destination, r.Port, r.Kind, r.Reason, by))
	e, err := exclude.New(r, by, noon(), time.UTC)
	if d.err != nil {
		err = d.err
	}
	return &Exclusion{Entry: e}, err
}

func (d *doorkeeper) RemoveExclusion(_ context.Context, id, by, note string) error {
	d.did = append(d.did, "remove "+id+" by "+by+" "+note)
	return d.err
}

func TestExclusions(t *testing.T) {
	const call = "POST /api/v1/exclusions"
	const body = `{"device":"2001:db8::/64","destination":"192.0.2.1","port":"443/tcp","kind":"exfiltration","reason":"backup","by":"anna"}`
	d := &doorkeeper{}
	s := server(t, func(_ *Config, deps *Deps) { deps.Exclusions = d })
	refused := &RefusedError{Status: http.StatusConflict, Detail: "it comes from the configuration"}
	for _, tc := range []struct {
		call, body string
		err        error
		status     int
		text       string
	}{
		{"GET /api/v1/exclusions?origin=people", "", nil, 200, `"exclusions":[]`},
		{"GET /api/v1/exclusions", "", nil, 200, `"id":"ex-1"`},
		{"GET /api/v1/exclusions?origin=calendar", "", nil, 422, "query.origin"},
		{call, body, nil, 201, `"until":"2026-05-31T12:00:00Z"`},
		{call, `{"kind":"ddos","reason":"test"}`, nil, 201, `"origin":"people"`},
		{call, `{"kind":"ddos"}`, nil, 422, "reason"},
		{call, `{"kind":"ddos","reason":"test","source":"192.0.2.1"}`, nil, 422, "source"},
		{call, body, refused, 409, "the configuration"},
		{call, body, errors.New("/secret/path"), 500, "log says why"},
		{call, `{"reason":"` + strings.Repeat("x", maxBody) + `"}`, nil, 413, ""},
		{"DELETE /api/v1/exclusions/ex-1?by=anna&note=ended", "", nil, 204, ""},
		{"DELETE /api/v1/exclusions/ex-1", "", refused, 409, "the configuration"},
	} {
		d.err = tc.err
		status, got := send(t, s, tc.call, tc.body)
		if status != tc.status || !strings.Contains(got, tc.text) || strings.Contains(got, "secret") {
			t.Errorf("%s %.80s: %d %s, want %d %s", tc.call, tc.body, status, got, tc.status, tc.text)
		}
	}
	one := "add 2001:db8::/64>192.0.2.1:443/tcp exfiltration backup by anna; "
	want := one + "add >: ddos test by administrator; " + one + one + "remove ex-1 by anna ended; remove ex-1 by administrator "
	if got := strings.Join(d.did, "; "); got != want {
		t.Error(got)
	}
	// Without the token, and from a page of another site, nothing is excluded.
	for name, change := range map[string]func(*http.Request){
		"no token":     func(r *http.Request) { r.Header.Del("Authorization") },
		"another site": func(r *http.Request) { r.Header.Set("Origin", "https://attacker.example") },
	} {
		for _, call := range []string{call, "DELETE /api/v1/exclusions/ex-1"} {
			if status, got := send(t, s, call, body, change); status != 401 && status != 403 {
				t.Errorf("%s, %s: %d %s", name, call, status, got)
			}
		}
	}
	if len(d.did) != 6 {
		t.Errorf("refused and done: %v", d.did[6:])
	}
}
