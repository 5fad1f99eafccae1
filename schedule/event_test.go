// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

func quiet() Effects {
	no := false
	return Effects{Alert: &no}
}

// occurrences lists those of the only event between two moments, in UTC.
func occurrences(tb testing.TB, s *Schedule, from, to string) []string {
	tb.Helper()
	var out []string
	var walls []wall
	a, b := clock(tb, from).unix(time.UTC), clock(tb, to).unix(time.UTC)
	for i := range s.events {
		for _, sp := range s.events[i].spans(a, b, nil, &walls) {
			out = append(out, fmt.Sprintf("%s/%s",
				time.Unix(sp.start, 0).UTC().Format("0102T1504"), time.Unix(sp.end, 0).UTC().Format("0102T1504")))
		}
	}
	return out
}

// In Berlin clocks go from 02:00 to 03:00 on 29 March 2026, and from 03:00 to
// 02:00 on 25 October.
func TestOccurrences(t *testing.T) {
	for name, tc := range map[string]struct {
		Event
		from, to string
		want     string
	}{
		"nightly over the gap": {
			Event{Start: "2026-01-01 02:30", Duration: "15m", RRule: "FREQ=DAILY"},
			"2026-03-28 00:00:00", "2026-03-31 00:00:00",
			"0328T0130/0328T0145 0329T0130/0329T0145 0330T0030/0330T0045",
		},
		"nightly over the repeated hour": {
			Event{Start: "2026-01-01 02:30", Duration: "15m", RRule: "FREQ=DAILY"},
			"2026-10-24 00:00:00", "2026-10-27 00:00:00",
			"1024T0030/1024T0045 1025T0030/1025T0045 1026T0130/1026T0145",
		},
		"the second 02:30, named by its offset": {
			Event{Start: "2026-10-25T02:30:00+01:00", Duration: "15m"},
			"2026-10-24 00:00:00", "2026-10-27 00:00:00", "1025T0130/1025T0145",
		},
		"across midnight, ends by the clock": {
			Event{Start: "2026-01-01 22:00", End: "2026-01-02 06:00", RRule: "FREQ=DAILY"},
			"2026-03-28 12:00:00", "2026-03-30 12:00:00",
			"0328T2100/0329T0400 0329T2000/0330T0400",
		},
		"across midnight, so many hours": {
			Event{Start: "2026-01-01 22:00", Duration: "8h", RRule: "FREQ=DAILY"},
			"2026-03-28 12:00:00", "2026-03-29 12:00:00", "0328T2100/0329T0500",
		},
		"an end that the clock skips": {
			Event{Start: "2026-01-01 02:10", End: "2026-01-01 02:20", RRule: "FREQ=DAILY"},
			"2026-03-29 00:00:00", "2026-03-30 00:00:00", "0329T0110/0329T0120",
		},
		"whole days, short and long": {
			Event{Start: "2026-01-04", RRule: "FREQ=WEEKLY"},
			"2026-10-18 12:00:00", "2026-10-25 12:00:00",
			"1017T2200/1018T2200 1024T2200/1025T2300",
		},
		"several whole days": {
			Event{Start: "2026-12-24", End: "2026-12-26"},
			"2026-01-01 00:00:00", "2027-01-01 00:00:00", "1223T2300/1226T2300",
		},
		"left-out start and day": {
			Event{Start: "2026-11-02 12:00", Duration: "1h", RRule: "FREQ=DAILY", ExDates: []string{"2026-11-03", "2026-11-04 12:00", "2026-11-05 13:00"}},
			"2026-11-02 00:00:00", "2026-11-06 00:00:00", "1102T1100/1102T1200 1105T1100/1105T1200",
		},
		"until a moment in UTC": {
			Event{Start: "2026-11-02 12:00", Duration: "1h", RRule: "FREQ=DAILY;UNTIL=20261103T110000Z"},
			"2026-11-02 00:00:00", "2026-12-06 00:00:00", "1102T1100/1102T1200 1103T1100/1103T1200",
		},
		"a count counts what is left out, too": {
			Event{Start: "2026-11-02 12:00", Duration: "1h", RRule: "FREQ=DAILY;COUNT=3", ExDates: []string{"2026-11-03"}},
			"2026-11-01 00:00:00", "2026-12-06 00:00:00", "1102T1100/1102T1200 1104T1100/1104T1200",
		},
		"began before, lasts into it": {
			Event{Start: "2026-11-01 12:00", Duration: "720h", RRule: "FREQ=YEARLY"},
			"2026-11-30 00:00:00", "2026-11-30 00:01:00", "1101T1100/1201T1100",
		},
		"each touches the next": {
			Event{Start: "2026-11-02", RRule: "FREQ=DAILY;COUNT=3"},
			"2026-11-01 00:00:00", "2026-12-01 00:00:00", "1101T2300/1104T2300",
		},
		"never": {
			Event{Start: "2026-11-02", RRule: "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"},
			"2026-11-01 00:00:00", "2029-12-01 00:00:00", "",
		},
	} {
		tc.Name, tc.Effects = name, quiet()
		s, err := New(&Config{Events: []Event{tc.Event}}, zone(t, "Europe/Berlin"), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := strings.Join(occurrences(t, s, tc.from, tc.to), " "); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// Wall times become moments as RFC 5545 says, in zones on either side of UTC
// and with a change of half an hour.
func TestWallToUnix(t *testing.T) {
	for _, tc := range []struct{ zone, wall, want string }{
		{"America/New_York", "2026-03-08 02:30:00", "2026-03-08T07:30:00Z"}, // the RFC's example: 03:30 EDT
		{"America/New_York", "2026-11-01 01:30:00", "2026-11-01T05:30:00Z"}, // the first of two
		{"America/New_York", "2026-11-01 02:30:00", "2026-11-01T07:30:00Z"},
		{"Australia/Lord_Howe", "2026-10-04 02:15:00", "2026-10-03T15:45:00Z"},
		{"Australia/Lord_Howe", "2026-04-05 01:45:00", "2026-04-04T14:45:00Z"},
		{"Pacific/Apia", "2026-06-01 00:00:00", "2026-05-31T11:00:00Z"},
		{"UTC", "2026-06-01 00:00:00", "2026-06-01T00:00:00Z"},
	} {
		got := time.Unix(clock(t, tc.wall).unix(zone(t, tc.zone)), 0).UTC().Format(time.RFC3339)
		if got != tc.want {
			t.Errorf("%s in %s: %s, want %s", tc.wall, tc.zone, got, tc.want)
		}
	}
}

func TestRefusedEvents(t *testing.T) {
	yes := true
	good := func() Event {
		return Event{Name: "backup", Start: "2026-11-01 12:00", Duration: "1h", Effects: quiet()}
	}
	for want, change := range map[string]func(*Event){
		`event 1: a name`:              func(e *Event) { e.Name = "" },
		`has no start`:                 func(e *Event) { e.Start = "" },
		`"tomorrow" is no time; write`: func(e *Event) { e.Start = "tomorrow" },
		`1900 to 2200`:                 func(e *Event) { e.Start = "3000-01-01" },
		`neither end nor duration`:     func(e *Event) { e.Duration = "" },
		`an end and a duration`:        func(e *Event) { e.End = "2026-11-02" },
		`positive number of whole`:     func(e *Event) { e.Duration = "-1s" },
		`with its unit, such as 90m`:   func(e *Event) { e.Duration = "30" },
		`may cross midnight`:           func(e *Event) { e.Duration, e.End = "", "2026-11-01 06:00" },
		`it has no effect`:             func(e *Event) { e.Alert = &yes },
		`must lie between 1 and 1000`:  func(e *Event) { e.Expect = 0.5 },
		`kinds say what alert`:         func(e *Event) { e.Effects = Effects{Expect: 2, Kinds: []string{"ddos"}} },
		`is no kind`:                   func(e *Event) { e.Kinds = []string{"DDoS!"} },
		`neither an address`:           func(e *Event) { e.Targets = []string{"the shop"} },
		`write 192.0.2.0/24`:           func(e *Event) { e.Targets = []string{"192.0.2.7/24"} },
		`::ffff:192.0.2.0/120`:         func(e *Event) { e.Targets = []string{"::ffff:192.0.2.0/120"} },
		`rrule: `:                      func(e *Event) { e.RRule = "daily" },
		`exdates: `:                    func(e *Event) { e.ExDates = []string{"Christmas"} },
		`longer than 31 days`:          func(e *Event) { e.RRule, e.Duration = "FREQ=YEARLY", "768h" },
		`longer than a day`:            func(e *Event) { e.RRule, e.Duration = "FREQ=HOURLY", "25h" },
		`longer than ten years`:        func(e *Event) { e.Duration = "96624h" },
	} {
		e := good()
		change(&e)
		err := (&Config{Events: []Event{e}}).Validate()
		if err == nil || !strings.Contains(err.Error(), want) || e.Name != "" && !strings.Contains(err.Error(), `event "backup"`) {
			t.Errorf("error %v, want one with %q that names the event", err, want)
		}
	}
	e := good()
	if err := (&Config{Events: []Event{e}}).Validate(); err != nil {
		t.Error(err)
	}
	if err := (&Config{Events: []Event{e, e}}).Validate(); err == nil {
		t.Error("two events of one name are accepted")
	}
	many := slices.Repeat([]Event{e}, maxEvents+1)
	for i := range many {
		many[i].Name = fmt.Sprint(i)
	}
	if err := (&Config{Events: many}).Validate(); err == nil || !strings.Contains(err.Error(), "more than 10000 events") {
		t.Errorf("too many events: error %v", err)
	}
}
