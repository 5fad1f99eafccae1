// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/store/storetest"
)

// year saves so many incidents of some 4 KiB each, spread over a year: the newest 20 are
// open, one in a thousand is a beacon.
func year(tb testing.TB, s *Store, n int) {
	tb.Helper()
	pattern := storetest.Events(1, 1)[0]
	pattern.Incident.Timeline[0].Text = strings.Repeat("what happened, in a sentence or two; ", 80)
	step := 365 * 24 * time.Hour / time.Duration(n)
	batch := make([]incident.Event, 0, 1000)
	for i := range n {
		e := pattern
		inc := &e.Incident
		at := storetest.Start().Add(time.Duration(i) * step)
		inc.ID, inc.Subject = fmt.Sprintf("inc-%016x", uint64(i)*0x9e3779b97f4a7c15), fmt.Sprintf("10.%d.%d.%d", i%7, i%251, i%241)
		inc.Started, inc.Detected, inc.LastSeen, inc.Updated, inc.Ended = at, at, at, at.Add(time.Minute), at
		inc.Category, inc.Kind, inc.Severity, inc.State = detect.DDoSAttack, "ddos", detect.Severity([]string{"low", "medium", "high"}[i%3]), incident.Resolved
		if i%1000 == 0 {
			inc.Category, inc.Kind, inc.Severity = detect.CommandControl, "beacon", detect.Critical
		}
		if i >= n-20 {
			inc.State, inc.Ended = incident.Open, time.Time{}
		}
		if batch = append(batch, e); len(batch) == cap(batch) || i == n-1 {
			if err := s.Save(tb.Context(), batch); err != nil {
				tb.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}

// yearly are lists that a dashboard asks for, and the worst that it may ask for.
func yearly(n int) map[string]*incident.Filter {
	end := storetest.Start().Add(365 * 24 * time.Hour)
	return map[string]*incident.Filter{
		"the newest":                 {Limit: 50},
		"a page in the middle":       {Limit: 50, Cursor: incident.CursorOf(&incident.Incident{ID: "inc-", Detected: end.Add(-180 * 24 * time.Hour)})},
		"open":                       {Limit: 50, States: []incident.State{incident.Open, incident.Acknowledged, incident.Mitigated}},
		"resolved or closed":         {Limit: 50, States: []incident.State{incident.Resolved, incident.Closed}},
		"a rare kind":                {Limit: 50, Kinds: []string{"beacon"}},
		"a kind that nobody has":     {Limit: 50, Kinds: []string{"dns_tunnel"}},
		"a rare category":            {Limit: 50, Categories: []detect.Category{detect.CommandControl}},
		"critical":                   {Limit: 50, MinSeverity: detect.Critical},
		"one subject":                {Limit: 50, Subject: "10.3.3.3"},
		"the last hour":              {Limit: 50, Since: end.Add(-time.Hour)},
		"nothing since":              {Limit: 50, Since: end.Add(time.Hour)},
		"a day half a year ago":      {Limit: 50, Since: end.Add(-181 * 24 * time.Hour), Until: end.Add(-180 * 24 * time.Hour)},
		"a text of most":             {Limit: 50, Text: "syn flood"},
		"a text of few":              {Limit: 50, Text: "10.3.250."},
		"a text of none":             {Limit: 50, Text: "nobody wrote this"},
		"a text of none, since":      {Limit: 50, Text: "nobody wrote this", Since: end.Add(-7 * 24 * time.Hour)},
		"a text of one":              {Limit: 50, Text: fmt.Sprintf("inc-%016x", uint64(n/3)*0x9e3779b97f4a7c15)},
		"few, of a text, of a state": {Limit: 50, Text: "critical", States: []incident.State{incident.Resolved}, Kinds: []string{"beacon", "port_scan"}},
	}
}

// BenchmarkList is a page of a year of incidents: 100 000.
func BenchmarkList(b *testing.B) {
	const n = 100_000
	s := openIn(b, b.TempDir())
	year(b, s, n)
	for name, f := range yearly(n) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.List(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func openIn(tb testing.TB, dir string) *Store {
	tb.Helper()
	s, err := New(&Config{Dir: dir, MaxIncidents: 200_000})
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Open(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}
