// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"testing"
	"time"

	"tidewatch/flow"
)

// TestFleetCalendar: month ends, software Tuesdays and holidays fall as stated.
func TestFleetCalendar(t *testing.T) {
	s := build(t, "fleet", Config{Seed: 5, Duration: 70 * day})
	f := s.fleet
	of := func(month time.Month, d int) fleetDay {
		return *f.dayOf(time.Date(2026, month, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	}
	for _, d := range []struct {
		month    time.Month
		day      int
		monthEnd bool
		update   bool
	}{
		{3, 2, true, false},   // the first working day, a Monday
		{3, 3, false, false},  // the second
		{3, 10, false, true},  // the second Tuesday
		{3, 17, false, false}, // the third
		{3, 30, true, false},  // Monday and Tuesday are the last two
		{3, 31, true, false},
		{4, 1, true, false},
		{5, 30, false, false}, // a Saturday
		{5, 29, true, false},  // Friday before the weekend that ends May
	} {
		if got := of(d.month, d.day); got.monthEnd != d.monthEnd || got.update != d.update {
			t.Errorf("%d-%d: month end %v, update %v", d.month, d.day, got.monthEnd, got.update)
		}
	}
	count := map[string]int{}
	for _, o := range s.Occasions() {
		count[o.Name]++
		if !o.Start.Before(o.End) {
			t.Errorf("%+v ends before it begins", o)
		}
	}
	if n := count["public holiday"]; n < 1 || n > 3 {
		t.Errorf("%d public holidays in ten weeks", n)
	}
	if count["collector down"] < 4 || count["collector down"] > 6 || count["weekend"] != 20 || count["user away"] < 1000 {
		t.Errorf("in ten weeks there are %v", count)
	}
}

// TestFleetMissingHours: nothing at all is collected while the collector is
// down, and the network goes on.
func TestFleetMissingHours(t *testing.T) {
	s := build(t, "fleet", Config{Seed: 6, Devices: 100, Duration: 30 * day})
	seen := 0
	for _, o := range s.Occasions() {
		if o.Name != "collector down" || o.Start.Before(s.cfg.Start.Add(time.Hour)) || o.End.After(s.cfg.Start.Add(s.cfg.Duration-time.Hour)) {
			continue
		}
		seen++
		length := o.End.Sub(o.Start)
		if length < 20*time.Minute || length > 6*time.Hour {
			t.Errorf("the collector is down for %v", length)
		}
		before, during, after := 0, 0, 0
		b := flow.NewBatch(1024)
		for s.Seek(o.Start.Add(-10 * time.Minute)); s.Now().Before(o.End.Add(10*time.Minute)) && s.Next(b); b.Reset() {
			switch now := s.Now(); {
			case !now.After(o.Start):
				before += b.Len()
			case !now.After(o.End):
				during += b.Len()
			default:
				after += b.Len()
			}
		}
		if during != 0 || before < 100 || after < 100 {
			t.Errorf("down from %v: %d records before, %d during, %d after", o.Start, before, during, after)
		}
	}
	if seen == 0 {
		t.Error("the collector is never down in a month")
	}
}
