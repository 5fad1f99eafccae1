// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/teambition/rrule-go"
	"pgregory.net/rapid"
)

func clock(tb testing.TB, text string) wall {
	tb.Helper()
	at, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		tb.Fatal(err)
	}
	return wallOf(at)
}

// drawRule makes a rule of the parts that both implementations understand alike.
func drawRule(t *rapid.T) string {
	freq := rapid.SampledFrom([]string{"YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"}).Draw(t, "freq")
	parts := []string{"FREQ=" + freq}
	add := func(name string, lo, hi, most int, negative bool) {
		if !rapid.Bool().Draw(t, name) {
			return
		}
		var values []string
		for _, v := range rapid.SliceOfNDistinct(rapid.IntRange(lo, hi), 1, most, rapid.ID[int]).Draw(t, name+" values") {
			if negative && rapid.Bool().Draw(t, "negative") {
				v = -v
			}
			values = append(values, fmt.Sprint(v))
		}
		parts = append(parts, name+"="+strings.Join(values, ","))
	}
	interval := rapid.IntRange(1, 9).Draw(t, "interval")
	parts = append(parts, fmt.Sprintf("INTERVAL=%d", interval))
	add("BYMONTH", 1, 12, 4, false)
	add("BYMONTHDAY", 1, 31, 4, true)
	if freq == "YEARLY" {
		add("BYYEARDAY", 1, 366, 4, true)
	}
	switch {
	case freq == "HOURLY" && interval > 1: // with an hour that is never met the walk does not end at all
	case freq == "HOURLY":
		add("BYHOUR", 0, 23, 4, false)
	default:
		add("BYHOUR", 0, 23, 2, false)
		add("BYMINUTE", 0, 59, 2, false)
	}
	if rapid.Bool().Draw(t, "byday") {
		days := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}), 1, 3, rapid.ID[string]).Draw(t, "days")
		if (freq == "MONTHLY" || freq == "YEARLY") && rapid.Bool().Draw(t, "nth") {
			n := rapid.SampledFrom([]int{1, 2, 3, 4, 5, -1, -2}).Draw(t, "n")
			for i := range days {
				days[i] = fmt.Sprint(n) + days[i]
			}
		}
		parts = append(parts, "BYDAY="+strings.Join(days, ","))
	}
	if freq == "WEEKLY" {
		parts = append(parts, "WKST="+rapid.SampledFrom([]string{"MO", "SU", "WE"}).Draw(t, "wkst"))
	}
	if freq == "MONTHLY" || freq == "YEARLY" {
		add("BYSETPOS", 1, 5, 2, true)
	}
	if rapid.Bool().Draw(t, "count") {
		parts = append(parts, fmt.Sprintf("COUNT=%d", rapid.IntRange(1, 40).Draw(t, "count value")))
	}
	return strings.Join(parts, ";")
}

// cycle is how long the calendar takes to repeat, weekdays included, 19 times over.
const cycle = 7600

// Wherever it is entered, a rule gives what walking it from its start gives. The
// walk takes place shortly before the year 9999, where it ends even for rules
// that never hold.
func TestRuleAgreesWithRRule(t *testing.T) {
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		text := drawRule(t)
		start := time.Date(rapid.IntRange(2380, 2394).Draw(t, "year"), 1, 1, 0, 0, 0, 0, time.UTC).
			Add(time.Duration(rapid.IntRange(0, 366*86400).Draw(t, "second")) * time.Second)
		budget := countBudget
		r, err := parseRule(text, wallOf(start), &budget)
		if err != nil {
			t.Fatal(err)
		}
		o, err := rrule.StrToROption(text)
		if err != nil {
			t.Fatal(err)
		}
		o.Dtstart = start.AddDate(cycle, 0, 0)
		oracle, err := rrule.NewRRule(*o)
		if err != nil {
			t.Fatal(err)
		}
		from := start.Add(time.Duration(rapid.IntRange(-10, 3*365).Draw(t, "from")) * 24 * time.Hour)
		to := from.Add(time.Duration(rapid.IntRange(1, 365*24).Draw(t, "hours")) * time.Hour)
		var want []wall
		for _, at := range oracle.Between(from.AddDate(cycle, 0, 0), to.AddDate(cycle, 0, 0), true) {
			if at = at.AddDate(-cycle, 0, 0); at.Before(to) {
				want = append(want, wallOf(at))
			}
		}
		got := r.between(wallOf(from), wallOf(to), nil)
		if !slices.Equal(got, want) {
			t.Fatalf("%s from %v: within %v to %v there are %d, want %d\n%v\n%v", text, start, from, to, len(got), len(want), got, want)
		}
		matched += len(want)
	})
	if matched == 0 {
		t.Error("no rule had an occurrence")
	}
}

func TestRuleExamples(t *testing.T) {
	for _, tc := range []struct {
		rule, start, from, to string
		want                  []string
	}{
		{"FREQ=WEEKLY;BYDAY=MO,FR", "2026-11-02 02:30:00", "2026-11-08 00:00:00", "2026-11-15 00:00:00", []string{"2026-11-09 02:30:00", "2026-11-13 02:30:00"}},
		{"FREQ=MONTHLY;BYDAY=-1FR", "2020-01-31 18:00:00", "2026-11-01 00:00:00", "2026-12-31 00:00:00", []string{"2026-11-27 18:00:00", "2026-12-25 18:00:00"}},
		{"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2020-01-31 18:00:00", "2026-10-01 00:00:00", "2026-12-01 00:00:00", []string{"2026-10-30 18:00:00", "2026-11-30 18:00:00"}},
		{"FREQ=YEARLY", "2000-02-29 00:00:00", "2021-01-01 00:00:00", "2026-01-01 00:00:00", []string{"2024-02-29 00:00:00"}},
		{"FREQ=MONTHLY", "2026-01-31 01:00:00", "2026-02-01 00:00:00", "2026-06-01 00:00:00", []string{"2026-03-31 01:00:00", "2026-05-31 01:00:00"}},
		{"FREQ=DAILY;UNTIL=20261102", "2026-11-01 12:00:00", "2026-01-01 00:00:00", "2027-01-01 00:00:00", []string{"2026-11-01 12:00:00", "2026-11-02 12:00:00"}},
		{"rrule:freq=daily;count=2", "2026-11-01 12:00:00", "2026-01-01 00:00:00", "2027-01-01 00:00:00", []string{"2026-11-01 12:00:00", "2026-11-02 12:00:00"}},
		// A weekday without a number beside one with a number: either counts (RFC 5545, 3.3.10).
		{"FREQ=MONTHLY;BYDAY=1MO,SU;COUNT=3", "2026-11-01 00:00:00", "2026-01-01 00:00:00", "2027-01-01 00:00:00", []string{"2026-11-01 00:00:00", "2026-11-02 00:00:00", "2026-11-08 00:00:00"}},
	} {
		budget := countBudget
		r, err := parseRule(tc.rule, clock(t, tc.start), &budget)
		if err != nil {
			t.Errorf("%s: %v", tc.rule, err)
			continue
		}
		var got []string
		for _, w := range r.between(clock(t, tc.from), clock(t, tc.to), nil) {
			got = append(got, time.Unix(int64(w), 0).UTC().Format("2006-01-02 15:04:05"))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.rule, got, tc.want)
		}
	}
}

func TestRefusedRules(t *testing.T) {
	for rule, want := range map[string]string{
		"":                         "is no rule",
		"FREQ=SOMETIMES":           "is no rule",
		"FREQ=SECONDLY":            "finer than HOURLY",
		"FREQ=MINUTELY;INTERVAL=5": "finer than HOURLY",
		"FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9;BYMINUTE=0,5,10,15,20,25,30,35,40,45": "96 times a day",
		"FREQ=HOURLY;BYMINUTE=0,10,20,30,40":                                         "96 times a day",
		"FREQ=YEARLY;BYWEEKNO=20":                                                    "BYWEEKNO",
		"FREQ=YEARLY;BYEASTER=0":                                                     "BYEASTER",
		"FREQ=DAILY;INTERVAL=100000":                                                 "INTERVAL",
		"FREQ=DAILY;INTERVAL=-1":                                                     "is no rule",
		"FREQ=DAILY;COUNT=1000000":                                                   "write UNTIL",
		"FREQ=DAILY;COUNT=-1":                                                        "COUNT",
		"FREQ=WEEKLY;BYDAY=2MO":                                                      "needs FREQ=MONTHLY",
		"FREQ=DAILY;DTSTART=20260101":                                                "no DTSTART",
		"FREQ=DAILY\nRRULE:FREQ=DAILY":                                               "one line",
		"FREQ=DAILY;BYMONTHDAY=0":                                                    "is no rule",
		"FREQ=DAILY;BYHOUR=24":                                                       "is no rule",
		"FREQ=DAILY;X=" + strings.Repeat("1", 2000):                                  "1000 characters",
	} {
		budget := countBudget
		if _, err := parseRule(rule, 0, &budget); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: error %v, want one with %q", rule, err, want)
		}
	}
}

// Rules made to waste time do not: whatever is asked of ten thousand of them.
func TestHostileRules(t *testing.T) {
	began := time.Now()
	cfg := Config{}
	no := false
	for i := range maxEvents {
		rules := []string{
			"FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", // never
			"FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
			"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", // each 28 years
			"FREQ=HOURLY",
			"FREQ=DAILY;BYHOUR=0,2,4,6,8,10,12,14,16,18,20,22",
			"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
		}
		cfg.Events = append(cfg.Events, Event{
			Name: fmt.Sprint("event ", i), Start: "1900-01-01 00:00", Duration: "1m",
			RRule: rules[i%len(rules)], Effects: Effects{Alert: &no},
		})
	}
	s, err := New(&cfg, time.UTC, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := s.View()
	for day := range 5 {
		v.At([16]byte{}, time.Date(2026, 11, 1+2*day, 0, 0, 0, 0, time.UTC), "")
	}
	if e := v.At([16]byte{}, time.Date(2026, 11, 1, 7, 0, 30, 0, time.UTC), ""); !e.NoAlert {
		t.Error("the hourly events are lost")
	}
	if e := v.At([16]byte{}, time.Date(2026, 11, 1, 7, 1, 30, 0, time.UTC), ""); e.NoAlert {
		t.Error("something is on that should not be")
	}
	// It takes about half a second; a walk from 1900 would take minutes.
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %v", took)
	}
	cfg.Events = cfg.Events[:100]
	for i := range cfg.Events {
		cfg.Events[i].RRule = "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30;COUNT=9"
	}
	if _, err := New(&cfg, time.UTC, nil); err == nil || !strings.Contains(err.Error(), "write UNTIL") {
		t.Errorf("counting rules that never hold: error %v", err)
	}
}
