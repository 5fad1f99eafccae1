// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidewatch/flow"
)

func addr(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

// build makes a schedule for tests in UTC.
func build(tb testing.TB, events ...Event) *Schedule {
	tb.Helper()
	s, err := New(&Config{Events: events}, time.UTC, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func at(tb testing.TB, text string) time.Time {
	tb.Helper()
	return time.Unix(int64(clock(tb, text)), 0)
}

func TestEffects(t *testing.T) {
	no := false
	v := build(t,
		Event{Name: "backup", Start: "2026-11-01 02:00", Duration: "1h", RRule: "FREQ=DAILY", Effects: Effects{Targets: []string{"10.0.0.0/8"}, Kinds: []string{"exfiltration"}, Alert: &no}},
		Event{Name: "campaign", Start: "2026-11-03 02:30", Duration: "1h", Effects: Effects{Targets: []string{"10.0.0.7", "2001:db8::/64"}, Expect: 5}},
		Event{Name: "sale", Start: "2026-11-03 03:20", Duration: "1h", Effects: Effects{Targets: []string{"10.0.0.0/24"}, Expect: 3}},
		Event{Name: "move", Start: "2026-11-05", Effects: Effects{Learn: &no}},
	).View()
	none := Effect{Expect: 1}
	for _, tc := range []struct {
		addr, at, kind string
		want           Effect
	}{
		{"10.1.2.3", "2026-11-03 01:59:59", "exfiltration", none},
		{"10.1.2.3", "2026-11-03 02:00:00", "exfiltration", Effect{Name: "backup", NoAlert: true, Expect: 1}},
		{"10.1.2.3", "2026-11-03 02:00:00", "ddos", Effect{Name: "backup", Expect: 1}},
		{"10.1.2.3", "2026-11-03 02:00:00", "", Effect{Name: "backup", Expect: 1}},
		{"10.1.2.3", "2026-11-03 02:59:59", "exfiltration", Effect{Name: "backup", NoAlert: true, Expect: 1}},
		{"10.1.2.3", "2026-11-03 03:00:00", "exfiltration", none},
		{"11.1.2.3", "2026-11-03 02:00:00", "exfiltration", none},
		{"10.0.0.7", "2026-11-03 02:45:00", "exfiltration", Effect{Name: "backup", NoAlert: true, Expect: 5}},
		{"10.0.0.7", "2026-11-03 03:15:00", "volume", Effect{Name: "campaign", Expect: 5}},
		{"10.0.0.7", "2026-11-03 03:25:00", "volume", Effect{Name: "campaign", Expect: 5}},
		{"10.0.0.7", "2026-11-03 03:45:00", "volume", Effect{Name: "sale", Expect: 3}},
		{"2001:db8::9", "2026-11-03 02:45:00", "volume", Effect{Name: "campaign", Expect: 5}},
		{"2001:db8:1::9", "2026-11-03 02:45:00", "volume", none},
		{"2001:db8:1::9", "2026-11-05 23:59:59", "volume", Effect{Name: "move", NoLearn: true, Expect: 1}},
		{"2001:db8:1::9", "2026-11-06 00:00:00", "volume", none},
		{"10.0.0.7", "2026-11-03 02:45:00", "volume", Effect{Name: "campaign", Expect: 5}}, // time went back
	} {
		if got := v.At(addr(tc.addr), at(t, tc.at), tc.kind); got != tc.want {
			t.Errorf("%s at %s, %s: %+v, want %+v", tc.addr, tc.at, tc.kind, got, tc.want)
		}
	}
	// An hour counts when an event touches any part of it, across midnight too.
	for from, want := range map[string]bool{
		"2026-11-04 22:59:59": false, "2026-11-04 23:30:00": true, "2026-11-05 23:59:00": true, "2026-11-06 00:00:00": false,
	} {
		if got := v.Over(addr("192.0.2.1"), at(t, from), at(t, from).Add(time.Hour), ""); got.NoLearn != want {
			t.Errorf("the hour from %s: no learning %v, want %v", from, got.NoLearn, want)
		}
	}
}

// However time jumps, a view answers what one would that was never asked before.
func TestViewForgetsNothing(t *testing.T) {
	no := false
	var events []Event
	for i := range 40 {
		events = append(events, Event{
			Name: fmt.Sprint("event ", i), Start: fmt.Sprintf("2026-11-%02d %02d:%02d", i%28+1, i%24, i), Duration: fmt.Sprint(time.Duration(i+1) * 17 * time.Minute),
			RRule:   []string{"", "FREQ=DAILY", "FREQ=HOURLY;INTERVAL=5", "FREQ=WEEKLY"}[i%4],
			Effects: Effects{Targets: []string{[]string{"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "0.0.0.0/0"}[i%5]}, Alert: &no, Expect: float64(i + 1)},
		})
	}
	s := build(t, events...)
	rapid.Check(t, func(t *rapid.T) {
		v := s.View()
		now := time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)
		for range 30 {
			now = now.Add(time.Duration(rapid.Int64Range(-5e5, 5e5).Draw(t, "jump")) * time.Second)
			long := time.Duration(rapid.Int64Range(1, 86400).Draw(t, "long")) * time.Second
			a := addr(rapid.SampledFrom([]string{"10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "2001:db8::1", "2001:db9::1"}).Draw(t, "address"))
			got, want := v.Over(a, now, now.Add(long), ""), slow(s, a, now.Unix(), now.Add(long).Unix())
			if got != want {
				t.Fatalf("%v for %v: %+v, want %+v", now, long, got, want)
			}
		}
	})
}

// slow answers by looking at every event.
func slow(s *Schedule, a flow.Addr, from, to int64) Effect {
	from, to = floor(from, 60), floor(to+59, 60)
	if from < to-day {
		from = to - day
	}
	e := Effect{Expect: 1}
	var walls []wall
	var on []*event
	for i := range s.events {
		if len(s.events[i].spans(from, to, nil, &walls)) > 0 {
			on = append(on, &s.events[i])
		}
	}
	// The order in which names win: those of all devices, then of narrow networks, then of wider ones.
	for bits := 128; bits >= -1; bits-- {
		for _, ev := range on {
			for _, p := range ev.prefixes {
				if p.Bits() == bits && p.Contains(a.Netip()) {
					e.apply(ev, "")
				}
			}
		}
	}
	return e
}

// A tick asks about devices by the ten thousand: it must cost next to nothing.
func TestAskingAllocatesNothing(t *testing.T) {
	e := Event{Name: "night", Start: "2026-11-01 02:00", Duration: "1h", RRule: "FREQ=DAILY", Effects: quiet()}
	e.Targets = []string{"10.0.0.0/8", "2001:db8::/32"}
	v := build(t, e).View()
	a, now := addr("10.0.0.1"), at(t, "2026-11-03 12:00:00")
	if n := testing.AllocsPerRun(100, func() { v.At(a, now, "volume") }); n != 0 {
		t.Errorf("asking while nothing is on allocates %v times", n)
	}
	now = at(t, "2026-11-03 02:30:00")
	v.At(a, now, "volume")
	if n := testing.AllocsPerRun(100, func() { v.At(a, now, "volume") }); n != 0 {
		t.Errorf("asking while an event is on allocates %v times", n)
	}
	// Once it has worked, going on through the days needs no more memory either.
	minute := 0
	step := func() {
		v.At(a, now.Add(time.Duration(minute)*time.Minute), "volume")
		minute++
	}
	for range 3 * 1440 {
		step()
	}
	if n := testing.AllocsPerRun(1440, step); n != 0 {
		t.Errorf("a minute that passes allocates %v times", n)
	}
}

func TestUpcoming(t *testing.T) {
	s := build(t,
		Event{Name: "nightly", Start: "2026-11-01 23:00", Duration: "2h", RRule: "FREQ=DAILY", Effects: quiet()},
		Event{Name: "leap", Start: "2000-02-29", RRule: "FREQ=YEARLY", Effects: quiet()},
		Event{Name: "past", Start: "2000-02-29", Effects: quiet()},
	)
	var got []string
	for i := range s.Len() {
		got = append(got, s.Plan(i).Name)
		for _, o := range s.Upcoming(i, at(t, "2026-11-23 00:30:00"), 2) {
			got = append(got, o.Start.Format("2006-01-02T15:04")+"/"+o.End.Format("01-02T15:04"))
		}
	}
	want := "nightly 2026-11-22T23:00/11-23T01:00 2026-11-23T23:00/11-24T01:00 leap 2028-02-29T00:00/03-01T00:00 2032-02-29T00:00/03-01T00:00 past"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("%s, want %s", s, want)
	}
}
