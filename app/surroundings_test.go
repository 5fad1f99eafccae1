// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/schedule"
	"tidewatch/store"
	"tidewatch/triage"
)

// TestSurroundings: what a model is told around an incident is what is planned near it,
// and what became of others like it, the most alike first; never what another model said.
func TestSurroundings(t *testing.T) {
	cfg := testConfig("10.0.0.0/8", "fd00::/8")
	cfg.DataDir = t.TempDir()
	cfg.Schedule.Events = []schedule.Event{
		{Name: "backup", Start: "2026-03-01 02:00", Duration: "2h", RRule: "FREQ=DAILY", Effects: schedule.Effects{Targets: []string{"fd00::/64"}, Expect: 5}},
		{Name: "sale", Start: "2026-03-09 20:00", Duration: "1h", Effects: schedule.Effects{Expect: 3}},
		{Name: "long ago", Start: "2026-01-09 20:00", Duration: "1h", Effects: schedule.Effects{Expect: 3}},
	}
	st, err := store.New(&store.Config{Dir: cfg.DataDir, MaxIncidents: 100})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	e, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	plans, err := newPlanner(t.Context(), cfg, st, e)
	if err != nil {
		t.Fatal(err)
	}
	s := &surroundings{engine: e, store: st, plans: plans, devices: &directory{e, &exporterNames{}, time.UTC}, zone: time.UTC}
	begun := time.Date(2026, 3, 10, 3, 0, 0, 0, time.UTC)
	about := func(id, subject, kind string, daysAgo int, change func(*incident.Incident)) incident.Incident {
		at := begun.AddDate(0, 0, -daysAgo)
		i := incident.Incident{
			ID: id, Category: detect.DataExfiltration, Kind: kind, Subject: subject, Severity: detect.High, State: incident.Resolved,
			Started: at, Detected: at, LastSeen: at.Add(time.Hour), Updated: at.Add(time.Hour),
			Assessment: &incident.Assessment{By: "rules", Verdict: incident.Threat},
		}
		if change != nil {
			change(&i)
		}
		return i
	}
	inc := about("now", "fd00::5", "exfiltration", 0, func(i *incident.Incident) { i.State = incident.Open })
	var events []incident.Event
	for _, i := range []incident.Incident{
		inc,
		about("other kind", "fd00::5", "dns_tunnel", 1, nil),
		about("newest", "10.0.0.9", "exfiltration", 2, func(i *incident.Incident) {
			i.Rules = i.Assessment
			i.Assessment = &incident.Assessment{By: "test:model", Verdict: incident.Legitimate}
		}),
		about("same, unjudged", "fd00::5", "exfiltration", 9, nil),
		about("same, judged", "fd00::5", "exfiltration", 20, func(i *incident.Incident) {
			if _, err := i.Decide(begun, &incident.Decision{Action: incident.Close, Verdict: incident.VerdictNormal, By: "anna", Note: "backup"}, 10); err != nil {
				t.Fatal(err)
			}
		}),
		about("too old", "fd00::5", "exfiltration", 100, nil),
	} {
		events = append(events, incident.Event{Incident: i})
	}
	if err := st.Save(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	planned, err := s.Planned(t.Context(), &inc)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]triage.Planned{
		{Name: "backup", On: true, Here: true, Hours: 2, Expect: 5},
		{Name: "sale", Here: true, Hours: 1, Distance: 7, Expect: 3},
	}, planned, cmpopts.IgnoreFields(triage.Planned{}, "Start")); diff != "" {
		t.Errorf("planned (-want +got):\n%s", diff)
	}
	similar, err := s.Similar(t.Context(), &inc)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range similar {
		ids = append(ids, similar[i].ID)
		if similar[i].Rules != incident.Threat {
			t.Errorf("%s: the rules said %s", similar[i].ID, similar[i].Rules)
		}
	}
	if diff := cmp.Diff([]string{"same, judged", "same, unjudged", "newest"}, ids); diff != "" {
		t.Errorf("similar (-want +got):\n%s", diff)
	}
	if first := similar[0]; first.Said != incident.VerdictNormal || first.DaysAgo != 20 || first.Note != "closed as normal by anna: backup" {
		t.Errorf("%+v", first)
	}
	others, err := s.Incidents(t.Context(), "fd00::5", begun.AddDate(0, 0, -10))
	if err != nil || len(others) != 4 { // the one that people judged was changed since
		t.Errorf("%d incidents of the device, %v", len(others), err)
	}
	// Of what nobody knows there is nothing to tell, and no error.
	if subject, err := s.Subject(t.Context(), &inc); err != nil || cmp.Diff(&triage.Subject{}, subject) != "" {
		t.Errorf("%+v, %v", subject, err)
	}
	if d, err := s.Destination(t.Context(), &inc, netip.MustParseAddr("2001:db8::1")); err != nil || len(d.Given) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	if p, err := s.Peers(t.Context(), netip.MustParseAddr("10.0.0.9")); err != nil || len(p.Peers) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	network := inc
	network.Subject = "10.0.0.0/24"
	if _, err := s.Subject(t.Context(), &network); err != nil {
		t.Error(err)
	}
	if !s.Internal(netip.MustParseAddr("fd00::5")) || s.Internal(netip.MustParseAddr("192.0.2.1")) {
		t.Error("which addresses are own")
	}
}
