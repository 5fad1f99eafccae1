// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// span is a time of day on some weekdays, by the site's clock. One that passes
// midnight belongs to the day on which it begins.
type span struct {
	days     [7]bool // from Sunday on
	from, to int     // minutes of the day; to may be up to 24 h, and before from when it passes midnight
}

// holds reports whether a moment of the site's clock lies in it.
func (s *span) holds(at time.Time) bool {
	day, minute := int(at.Weekday()), at.Hour()*60+at.Minute()
	if s.from < s.to {
		return s.days[day] && s.from <= minute && minute < s.to
	}
	return s.days[day] && minute >= s.from || s.days[(day+6)%7] && minute < s.to
}

// opens is when it begins next, after a moment of the site's clock.
func (s *span) opens(at time.Time) time.Time {
	for day := range 8 {
		t := time.Date(at.Year(), at.Month(), at.Day()+day, s.from/60, s.from%60, 0, 0, at.Location())
		if t.After(at) && s.days[t.Weekday()] {
			return t
		}
	}
	return at.AddDate(0, 0, 7) // a clock that was put back hid it
}

// parseHours reads "mon-fri 08:00-18:00", "sat,sun 22:00-06:00" or "daily 00:00-24:00".
func parseHours(text string) (span, error) {
	var s span
	wrong := func(what string) (span, error) {
		return s, fmt.Errorf("hours are written like mon-fri 08:00-18:00, not %q: %s", text, what)
	}
	parts := strings.Fields(strings.ToLower(text))
	if len(parts) != 2 {
		return wrong("days and times are needed")
	}
	for part := range strings.SplitSeq(parts[0], ",") {
		first, last, isRange := strings.Cut(part, "-")
		if part == "daily" {
			first, last, isRange = "sun", "sat", true
		}
		from, to := weekday(first), weekday(last)
		if !isRange {
			to = from
		}
		if from < 0 || to < 0 {
			return wrong(part + " is no weekday")
		}
		for d := from; ; d = (d + 1) % 7 {
			s.days[d] = true
			if d == to {
				break
			}
		}
	}
	from, to, _ := strings.Cut(parts[1], "-")
	if s.from, s.to = minutes(from), minutes(to); s.from < 0 || s.to < 0 || s.from == s.to || s.from == 24*60 {
		return wrong(parts[1] + " is no time of day")
	}
	return s, nil
}

func weekday(name string) int {
	for i, d := range [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} {
		if name == d {
			return i
		}
	}
	return -1
}

// minutes reads 08:30; -1 is none.
func minutes(text string) int {
	h, m, ok := strings.Cut(text, ":")
	hour, err := strconv.Atoi(h)
	minute, err2 := strconv.Atoi(m)
	if !ok || err != nil || err2 != nil || len(h) != 2 || len(m) != 2 || hour < 0 || minute < 0 || minute > 59 || hour*60+minute > 24*60 {
		return -1
	}
	return hour*60 + minute
}
