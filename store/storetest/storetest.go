// SPDX-License-Identifier: Apache-2.0

// Package storetest is the suite that every store of incidents must pass: what
// was saved is read back unchanged, filtered, ordered and paged as
// incident.Memory does it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/detect"
	"tidewatch/incident"
)

// Incidents is what a store of incidents does.
type Incidents interface {
	Save(ctx context.Context, events []incident.Event) error
	Get(ctx context.Context, id string) (*incident.Incident, error)
	List(ctx context.Context, f *incident.Filter) (incident.Page, error)
	Counts(ctx context.Context, since time.Time) (incident.Counts, error)
}

// Start is the time of the first incident of Events.
func Start() time.Time { return time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC) }

// Events returns n events of as many incidents, two of each moment so that
// lists must order by id too. The same seed gives the same events.
func Events(n int, seed uint64) []incident.Event {
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // reproducible test data, no secret
	pick := func(names ...string) string { return names[r.IntN(len(names))] }
	out := make([]incident.Event, n)
	for i := range out {
		at := Start().Add(time.Duration(i/2) * 90 * time.Minute)
		state := incident.State(pick("open", "acknowledged", "resolved", "closed"))
		inc := incident.Incident{
			ID:       fmt.Sprintf("inc-%016x", r.Uint64()),
			Category: detect.Category(pick("ddos_attack", "data_exfiltration", "baseline_anomaly", "operational")),
			Kind:     pick("ddos", "port_scan", "volume"), Vector: "syn_flood", Subject: fmt.Sprintf("192.0.2.%d", r.IntN(20)), Scope: incident.ScopeHost,
			Severity: detect.Severity(pick("low", "medium", "high", "critical")), Score: 0.7, State: state,
			Started: at.Add(-1500 * time.Millisecond), Detected: at, LastSeen: at, Updated: at.Add(time.Duration(r.IntN(100)) * time.Minute),
			Indicators: []incident.Indicator{{
				Indicator: detect.Indicator{Name: "packet_rate", Observed: 52_300, Expected: 10_000, Unit: "packets/s", Weight: 0.4},
				Text:      "52 300 packets/s of attack traffic; 10 000 is the limit",
			}},
			Actions: []incident.Action{},
			Timeline: []incident.Entry{
				{At: at, Event: incident.Opened, Text: "opened", Values: map[string]float64{"score": 0.7}},
			},
			Metrics: detect.Metrics{Packets: r.Uint64(), PeakPacketsPerSecond: 52_300.25},
		}
		inc.CurrentSeverity = inc.Severity
		if !state.Active() {
			inc.Ended = inc.LastSeen
		}
		out[i] = incident.Event{At: at, Type: incident.Updated, Incident: inc}
	}
	return out
}

// Run passes a store made by open through the suite.
func Run(t *testing.T, open func(*testing.T) Incidents) {
	t.Helper()
	t.Run("what is saved is read back", func(t *testing.T) { readBack(t, open(t)) })
	t.Run("the latest snapshot counts", func(t *testing.T) { latest(t, open(t)) })
	t.Run("lists and counts are those of the memory", func(t *testing.T) { lists(t, open(t)) })
	t.Run("a page goes on where the last ended", func(t *testing.T) { pages(t, open(t)) })
	t.Run("a wrong cursor is an error", func(t *testing.T) {
		for _, cursor := range []string{"%", "bm9uZQ", "OjEyMw"} {
			if _, err := open(t).List(t.Context(), &incident.Filter{Cursor: cursor}); !errors.Is(err, incident.ErrBadCursor) {
				t.Errorf("cursor %q: %v", cursor, err)
			}
		}
	})
}

func readBack(t *testing.T, s Incidents) {
	t.Helper()
	events := Events(50, 1)
	if err := s.Save(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	for i := range events {
		got, err := s.Get(t.Context(), events[i].Incident.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&events[i].Incident, got); diff != "" {
			t.Fatal(diff)
		}
	}
	if _, err := s.Get(t.Context(), "inc-unknown"); !errors.Is(err, incident.ErrNotFound) {
		t.Errorf("an unknown id: %v", err)
	}
}

func latest(t *testing.T, s Incidents) {
	t.Helper()
	events := append(Events(1, 1), Events(1, 1)...)
	events[1].Incident.State = incident.Resolved
	for range 2 { // saving again changes nothing
		if err := s.Save(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	page, err := s.List(t.Context(), &incident.Filter{})
	if err != nil || len(page.Incidents) != 1 || page.Incidents[0].State != incident.Resolved {
		t.Errorf("got %d incidents, %v", len(page.Incidents), err)
	}
}

func lists(t *testing.T, s Incidents) {
	t.Helper()
	oracle, events := incident.NewMemory(), Events(300, 2)
	for _, to := range []Incidents{oracle, s} {
		if err := to.Save(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	since := Start().Add(100 * time.Hour)
	for _, f := range []*incident.Filter{
		{},
		{Limit: 1000},
		{Limit: 5000},
		{Limit: -1},
		{Limit: 1000, States: []incident.State{incident.Open}},
		{Limit: 1000, States: []incident.State{incident.Open, incident.Closed}},
		{Limit: 1000, Categories: []detect.Category{detect.DDoSAttack, detect.Operational}},
		{Limit: 1000, MinSeverity: detect.High},
		{Limit: 1000, Subject: "192.0.2.7"},
		{Limit: 1000, Subject: "' OR 1=1 --"},
		{Limit: 1000, Since: since},
		{Limit: 1000, Until: since},
		{Limit: 1000, Since: since, Until: since.Add(10 * time.Hour)},
		{Limit: 1000, Kinds: []string{"port_scan", "beacon"}},
		{Limit: 3, Kinds: []string{"ddos"}, States: []incident.State{incident.Open}},
		{Limit: 1000, Text: "192.0.2.1"},
		{Limit: 1000, Text: "SYN flood"},
		{Limit: 1000, Text: events[7].Incident.ID[4:9]},
		{Limit: 5, Text: "HIGH:", Categories: []detect.Category{detect.Operational}},
		{Limit: 1000, Text: "%_'\\\""},
		{Limit: 7, States: []incident.State{incident.Open}, MinSeverity: detect.Medium, Since: since},
		{Limit: 10, Cursor: incident.CursorOf(&events[100].Incident)},
	} {
		want, err := oracle.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%+v:\n%s", f, diff)
		}
	}
	for _, since := range []time.Time{Start().Add(-time.Hour), since, Start().Add(10_000 * time.Hour)} {
		want, err := oracle.Counts(t.Context(), since)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Counts(t.Context(), since); err != nil || got != want {
			t.Errorf("since %s: got %+v, want %+v, %v", since, got, want, err)
		}
	}
}

func pages(t *testing.T, s Incidents) {
	t.Helper()
	if err := s.Save(t.Context(), Events(95, 3)); err != nil {
		t.Fatal(err)
	}
	seen, f := map[string]bool{}, incident.Filter{Limit: 10}
	for n := 0; ; n++ {
		page, err := s.List(t.Context(), &f)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Incidents {
			seen[page.Incidents[i].ID] = true
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			if n != 9 || len(seen) != 95 {
				t.Errorf("%d pages, %d incidents", n+1, len(seen))
			}
			return
		}
	}
}
