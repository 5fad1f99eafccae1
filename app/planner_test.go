// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tidewatch/api"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/schedule"
	"tidewatch/store"
)

// planning is a planner with its store, in a folder that may be opened again.
func planning(t *testing.T, cfg *Config, e *Engine) *planner {
	t.Helper()
	s, err := store.New(&store.Config{Dir: cfg.DataDir, MaxIncidents: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	p, err := newPlanner(t.Context(), cfg, s, e)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// quietEvent is an event around now that keeps alerts back.
func quietEvent(name string) *schedule.Event {
	no := false
	return &schedule.Event{
		Name: name, Start: time.Now().UTC().Add(-time.Hour).Format(time.RFC3339), Duration: "2h", Effects: schedule.Effects{Alert: &no},
	}
}

func refusedWith(err error, status int, says string) bool {
	refused, ok := errors.AsType[*api.RefusedError](err)
	return ok && refused.Status == status && strings.Contains(refused.Detail, says)
}

// An event that is added takes effect in the second after, in every shard, without
// what the windows hold being lost, and no longer when it is taken back.
func TestEventsTakeEffectAtOnce(t *testing.T) {
	cfg := testConfig()
	cfg.DataDir, cfg.Shards = t.TempDir(), 3
	e, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := planning(t, cfg, e)
	now := time.Now().Unix() - 600
	flood := func(victim byte, from, to int64) {
		b := flow.NewBatch(1)
		r := udpFlood(from, to)
		r.Dst[15] = victim
		b.Append(&r)
		e.Process(b)
		e.Advance(to + 2)
	}
	severity := func(victim byte) (out detect.Severity) {
		for _, inc := range e.Incidents() {
			if inc.Subject == fmt.Sprintf("10.0.0.%d", victim) {
				out = inc.Severity
			}
		}
		return out
	}
	flood(1, now, now+20)
	if got := severity(1); got.Rank() < detect.High.Rank() {
		t.Fatalf("unplanned: severity %q", got)
	}
	added, err := p.AddEvent(t.Context(), quietEvent("drill"), "anna", "")
	if err != nil {
		t.Fatal(err)
	}
	for victim := byte(2); victim < 10; victim++ {
		at := now + 30*int64(victim)
		flood(victim, at, at+20)
		if got := severity(victim); got != detect.Low {
			t.Errorf("planned: severity %q of 10.0.0.%d", got, victim)
		}
	}
	for _, s := range e.shards {
		if got := s.planned.At(flow.Addr{}, time.Unix(now, 0), ""); !got.NoAlert || got.Name != "drill" {
			t.Errorf("a shard has %+v", got)
		}
	}
	if err := p.RemoveEvent(t.Context(), added.ID, "anna", ""); err != nil {
		t.Fatal(err)
	}
	flood(11, now+330, now+350)
	if got := severity(11); got.Rank() < detect.High.Rank() {
		t.Errorf("taken back: severity %q", got)
	}
	if got := severity(1); got.Rank() < detect.High.Rank() {
		t.Errorf("the incident before is %q", got)
	}
}

// Judging goes on while people plan; the race detector looks on.
func TestPlanningWhileFlowsCome(t *testing.T) {
	cfg := testConfig()
	cfg.DataDir, cfg.Shards = t.TempDir(), 2
	e, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := planning(t, cfg, e)
	var wg sync.WaitGroup
	wg.Go(func() {
		now := time.Now().Unix() - 3600
		for i := range int64(300) {
			b := flow.NewBatch(1)
			r := udpFlood(now+10*i, now+10*i+9)
			b.Append(&r)
			e.Process(b)
		}
	})
	for i := range 10 {
		one, err := p.AddEvent(t.Context(), quietEvent(fmt.Sprint("drill ", i)), "anna", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Events(t.Context(), &api.ListFilter{Limit: 10}); err != nil {
			t.Fatal(err)
		}
		if err := p.RemoveEvent(t.Context(), one.ID, "ben", ""); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

// What is refused, says why and where the event stands, and changes nothing.
func TestRefusedPlans(t *testing.T) {
	cfg := testConfig()
	cfg.DataDir = t.TempDir()
	calendar := filepath.Join(t.TempDir(), "work.ics")
	if err := os.WriteFile(calendar, []byte(moveCalendar), 0o600); err != nil {
		t.Fatal(err)
	}
	no := false
	cfg.Schedule.Events = []schedule.Event{{Name: "backup", Start: "2026-01-01", Duration: "1h", RRule: "FREQ=DAILY", Effects: schedule.Effects{Learn: &no}}}
	cfg.Schedule.Calendars = []schedule.Calendar{{File: calendar, Effects: schedule.Effects{Learn: &no}}}
	p := planning(t, cfg, nil)
	list := func() []api.Event {
		t.Helper()
		page, err := p.Events(t.Context(), &api.ListFilter{Past: true, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		return page.Events
	}
	misspelt := *cfg
	misspelt.Schedule.Calendars = []schedule.Calendar{{File: calendar, Effects: schedule.Effects{Alert: &no, Kinds: []string{"dos"}}}}
	if err := misspelt.Validate(); err == nil || !strings.Contains(err.Error(), `kind "dos"`) {
		t.Errorf("a misspelt kind in the configuration: %v", err)
	}
	if _, err := p.AddEvent(t.Context(), quietEvent("drill"), "anna", ""); err != nil {
		t.Fatal(err)
	}
	all := list()
	if len(all) != 3 || all[0].Origin != schedule.FromPeople || all[1].Name != "backup" || len(all[1].Next) != 3 || all[2].File != calendar || !all[2].Over {
		t.Fatalf("%+v", all)
	}
	try := func(change func(*schedule.Event)) error {
		e := quietEvent("another")
		change(e)
		_, err := p.AddEvent(t.Context(), e, "anna", "")
		return err
	}
	for name, tc := range map[string]struct {
		err    error
		status int
		says   string
	}{
		"a kind that there is not": {try(func(e *schedule.Event) { e.Kinds = []string{"ddos", "dos"} }), 422, `kind "dos"; there are ddos,`},
		"no start":                 {try(func(e *schedule.Event) { e.Start = "" }), 422, "it has no start"},
		"name that is used":        {try(func(e *schedule.Event) { e.Name = "drill" }), 409, "already"},
		"configured name":          {try(func(e *schedule.Event) { e.Name = "backup" }), 409, "the configuration, schedule.events"},
		"what was":                 {try(func(e *schedule.Event) { e.Start = "2026-01-01" }), 422, "is over since 2026-01-01T02:00:00Z"},
		"terminal codes":           {try(func(e *schedule.Event) { e.Name = "a\u009b2J" }), 422, "do not print"},
		"of configuration":         {p.RemoveEvent(t.Context(), all[1].ID, "anna", ""), 409, "comes from the configuration, schedule.events"},
		"of a calendar":            {p.RemoveEvent(t.Context(), all[2].ID, "anna", ""), 409, "comes from the calendar " + calendar},
		"unknown":                  {p.RemoveEvent(t.Context(), "ev-unknown", "anna", ""), 404, `no event "ev-unknown"`},
		"odd name of a man":        {p.RemoveEvent(t.Context(), all[0].ID, "a\nb", ""), 422, "do not print"},
	} {
		if !refusedWith(tc.err, tc.status, tc.says) {
			t.Errorf("%s: %v, want %d %q", name, tc.err, tc.status, tc.says)
		}
	}
	if got := list(); len(got) != 3 {
		t.Errorf("something changed: %+v", got)
	}
}

const moveCalendar = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Move\r\nDTSTART:20260301T120000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

// What is over is listed for 90 days and then forgotten; before that, it makes way
// when there are too many events, and only then is one refused.
func TestPastEvents(t *testing.T) {
	cfg := testConfig()
	cfg.DataDir = t.TempDir()
	p := planning(t, cfg, nil)
	old := quietEvent("old")
	if _, err := p.AddEvent(t.Context(), old, "anna", ""); err != nil {
		t.Fatal(err)
	}
	weekly := quietEvent("weekly")
	weekly.RRule = "FREQ=WEEKLY"
	if _, err := p.AddEvent(t.Context(), weekly, "anna", ""); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for days, want := range map[int]int{0: 2, 89: 2} {
		if err := p.forget(t.Context(), now.AddDate(0, 0, days)); err != nil || len(p.added) != want {
			t.Errorf("after %d days %d events, %v", days, len(p.added), err)
		}
	}
	// 998 more fill it; one that is over makes way, and then there is no room.
	for i := range schedule.MaxAdded - 2 {
		p.added = append(p.added, schedule.NewPlan(quietEvent(fmt.Sprint("event ", i)), "anna", "", now))
	}
	first := &p.added[0]
	first.Start, first.Duration = now.UTC().AddDate(0, 0, -3).Format(time.RFC3339), "1h"
	if err := p.rebase(p.base); err != nil {
		t.Fatal(err)
	}
	if _, err := p.AddEvent(t.Context(), quietEvent("another"), "anna", ""); err != nil || p.added[0].Name != "weekly" || len(p.added) != schedule.MaxAdded {
		t.Errorf("%v, %d events, the oldest is %s", err, len(p.added), p.added[0].Name)
	}
	if _, err := p.AddEvent(t.Context(), quietEvent("one too many"), "anna", ""); !refusedWith(err, 409, "1000 events were added") {
		t.Errorf("one too many: %v", err)
	}
	again, err := p.store.Events(t.Context())
	if err != nil || len(again) != 2 || again[0].Name != "weekly" || again[1].Name != "another" {
		t.Errorf("on the disk: %+v, %v", again, err)
	}
	if err := p.forget(t.Context(), now.AddDate(0, 0, 91)); err != nil || len(p.added) != 1 || p.added[0].Name != "weekly" {
		t.Errorf("after 91 days %d events, %v", len(p.added), err)
	}
}

// An event that makes no sense any more holds up no start, and can be taken away.
func TestUnfitEvent(t *testing.T) {
	cfg := testConfig()
	cfg.DataDir = t.TempDir()
	p := planning(t, cfg, nil)
	if _, err := p.AddEvent(t.Context(), quietEvent("drill"), "anna", ""); err != nil {
		t.Fatal(err)
	}
	bad := schedule.NewPlan(&schedule.Event{Name: "bad", Start: "gone"}, "anna", "", time.Now())
	if err := p.store.Record(t.Context(), &store.Change{Event: &bad}); err != nil {
		t.Fatal(err)
	}
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	p = planning(t, cfg, nil)
	if len(p.added) != 1 || len(p.unfit) != 1 || p.unfit[0].ID != bad.ID {
		t.Fatalf("%+v, unfit %+v", p.added, p.unfit)
	}
	if err := p.RemoveEvent(t.Context(), bad.ID, "anna", ""); err != nil || len(p.unfit) != 0 || len(p.added) != 1 {
		t.Errorf("%v, %+v, unfit %+v", err, p.added, p.unfit)
	}
	if left, err := p.store.Events(context.Background()); err != nil || len(left) != 1 {
		t.Errorf("%+v, %v", left, err)
	}
}
