// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func added(name, start string) Plan {
	e := Event{Name: name, Start: start, Duration: "1h", Effects: quiet()}
	return NewPlan(&e, "anna", "announced", time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC))
}

// What people add stands beside what is configured, takes effect like it, and is
// gone when it is taken away. Views that are held look at it at once.
func TestWith(t *testing.T) {
	base, err := fromCalendar(t, "UTC", vevent("UID:1", "SUMMARY:move", "DTSTART:20261101T120000Z", "DURATION:PT1H"))
	if err != nil {
		t.Fatal(err)
	}
	v := base.View()
	names := func() (out []string) {
		for hour := range 24 {
			if e := v.At(addr("10.0.0.1"), time.Date(2026, 11, 1, hour, 30, 0, 0, time.UTC), ""); e.NoAlert {
				out = append(out, fmt.Sprint(hour, " ", e.Name))
			}
		}
		return out
	}
	two, err := base.With([]Plan{added("load test", "2026-11-01 14:00"), added("drill", "2026-11-01 16:00")})
	if err != nil {
		t.Fatal(err)
	}
	v.Turn(two)
	if diff := cmp.Diff([]string{"12 move", "14 load test", "16 drill"}, names()); diff != "" {
		t.Error(diff)
	}
	one, err := two.With([]Plan{added("drill", "2026-11-01 16:00")})
	if err != nil {
		t.Fatal(err)
	}
	v.Turn(one)
	if diff := cmp.Diff([]string{"12 move", "16 drill"}, names()); diff != "" {
		t.Error(diff)
	}
	if p := one.Plan(1); p.Origin != FromPeople || p.By != "anna" || p.ID != two.Plan(2).ID {
		t.Errorf("%+v", p)
	}
	if _, err := base.With(slices.Repeat([]Plan{added("x", "2026-11-01")}, MaxAdded+1)); err == nil || !strings.Contains(err.Error(), "more than 1000") {
		t.Errorf("too many: %v", err)
	}
	bad := added("bad", "never")
	if _, err := base.With([]Plan{bad}); err == nil || !strings.Contains(err.Error(), `event "bad": start: "never" is no time`) {
		t.Errorf("a bad one: %v", err)
	}
}

// Ids are the same whenever the same calendar and configuration are read, whatever
// else is in them, and differ from each other.
func TestPlanIDs(t *testing.T) {
	events := func(names ...string) (out []string) {
		inner := ""
		for _, n := range names {
			inner += vevent("SUMMARY:"+n, "DTSTART:20261101T120000Z", "DURATION:PT1H", "UID:"+strings.TrimRight(n, "'"), "RRULE:FREQ=DAILY") + "\n"
		}
		s, err := fromCalendar(t, "UTC", inner)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Len() {
			p := s.Plan(i)
			out = append(out, p.ID)
			if p.Origin != FromCalendar || p.File != "test.ics" || p.Start != "2026-11-01T12:00:00Z" || p.RRule != "FREQ=DAILY" || p.Alert == nil {
				t.Errorf("%+v", p)
			}
		}
		return out
	}
	first, again := events("a", "b", "b'"), events("b", "a")
	if first[0] != again[1] || first[1] != again[0] || first[1] == first[2] || len(first[0]) != 19 {
		t.Error(first, again)
	}
}

func TestOver(t *testing.T) {
	for _, tc := range []struct {
		start, rrule, want string
	}{
		{"2026-11-01 12:00", "", "2026-11-01T13:00:00Z"},
		{"2026-11-01 12:00", "FREQ=DAILY", "never"},
		{"2026-11-01 12:00", "FREQ=DAILY;COUNT=3", "2026-11-03T14:00:00Z"},
		{"2026-11-01 12:00", "FREQ=DAILY;UNTIL=20261105", "2026-11-06T01:59:59Z"},
	} {
		s := build(t, Event{Name: "x", Start: tc.start, Duration: "1h", RRule: tc.rrule, Effects: quiet()})
		got := "never"
		if at, ok := s.Over(0); ok {
			got = at.Format(time.RFC3339)
		}
		if got != tc.want {
			t.Errorf("%s %s is over %s, want %s", tc.start, tc.rrule, got, tc.want)
		}
	}
}
