// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"testing"
	"time"
)

// Days that become public holidays while the program runs count as Sundays, also
// those that were looked up before.
func TestHolidaysAreLookedUpAgain(t *testing.T) {
	on := false
	cfg := DefaultConfig()
	cfg.Zone, cfg.Holiday = time.UTC, func(time.Time) bool { return on }
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	monday := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC).Unix() / 3600
	s.Observed(monday)
	if got := s.calendar.place(monday); got.kind != weekDay || got.week != 24+9 {
		t.Errorf("a Monday is %+v", got)
	}
	on = true
	s.Holidays()
	if got := s.calendar.place(monday); got.kind != weekEnd || got.week != 9 || !s.calendar.saw(monday) {
		t.Errorf("a holiday is %+v", got)
	}
}
