// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/schedule"
)

// Events are there after a restart as they were added, and a failed change leaves
// neither an event nor a line in the audit.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	s := fresh(t, dir)
	no := false
	event := func(name string) *schedule.Plan {
		e := schedule.Event{
			Name: name, Start: "2026-11-01 22:00", Duration: "3h", RRule: "FREQ=DAILY", ExDates: []string{"2026-12-24"},
			Effects: schedule.Effects{Targets: []string{"192.0.2.1"}, Kinds: []string{"volume"}, Alert: &no, Expect: 3},
		}
		p := schedule.NewPlan(&e, "anna", "announced", time.Date(2026, 11, 1, 9, 0, 0, len(name), time.UTC))
		return &p
	}
	backup, drill, old := event("backup"), event("a drill"), event("old")
	for _, p := range []*schedule.Plan{drill, backup, old} {
		if err := s.Record(t.Context(), &Change{Audit: Audit{At: p.Added, What: "event.add", Target: p.ID}, Event: p}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Record(t.Context(), &Change{Audit: Audit{What: "event.add"}, Event: drill}); err == nil {
		t.Error("an event is added twice")
	}
	if err := s.Record(t.Context(), &Change{Audit: Audit{What: "event.remove"}, Cancel: "ev-unknown"}); !errors.Is(err, schedule.ErrNotFound) {
		t.Errorf("taking away what is not there: %v", err)
	}
	if err := s.Record(t.Context(), &Change{Audit: Audit{What: "event.remove", Target: drill.ID}, Cancel: drill.ID, Over: []string{"ev-gone"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.ForgetEvents(t.Context(), []string{old.ID, "ev-gone"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = fresh(t, dir)
	got, err := s.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]schedule.Plan{*backup}, got); diff != "" {
		t.Error(diff)
	}
	if lines, err := s.Audits(t.Context(), 0, 10); err != nil || len(lines) != 4 || lines[0].Target != drill.ID {
		t.Errorf("audit %+v, %v", lines, err)
	}
}
