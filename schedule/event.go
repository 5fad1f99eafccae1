// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"math"
	"slices"
	"time"
)

// span is a stretch of Unix seconds, its end left out.
type span struct {
	start, end int64
	event      int32
}

// length is how long an event lasts. On the clock, it ends when the clock shows
// so much more than at its start; else days are the clock's, and seconds pass.
type length struct {
	days, secs int64
	clock      bool
}

func (l length) upper() int64 { return l.days*day + l.secs }

// event is one planned event, ready to be asked.
type event struct {
	plan  *Plan
	name  string
	zone  *time.Location
	start wall
	length
	fixed span    // of an event that happens once
	rule  *rule   // nil: once
	extra []wall  // further starts (RDATE), in order
	skip  []int64 // starts that are left out, as Unix seconds, in order
	free  []wall  // days that are left out, likewise
	effects
}

// end is when an occurrence that starts at w is over.
func (e *event) end(w wall, start int64) int64 {
	if !e.clock {
		return (w + wall(e.days*day)).unix(e.zone) + e.secs
	}
	if end := (w + wall(e.upper())).unix(e.zone); end > start {
		return end
	}
	return start + e.upper() // the clock skipped its end
}

// spans appends the occurrences that touch [from,to), in order, those that
// touch each other as one.
func (e *event) spans(from, to int64, out []span, walls *[]wall) []span {
	if e.rule == nil && len(e.extra) == 0 {
		if e.fixed.start < to && e.fixed.end > from && !e.left(e.start, e.fixed.start) {
			out = append(out, e.fixed)
		}
		return out
	}
	// A clock differs from UTC by less than a day, and an end by less than a day from its length.
	lower, upper := wall(from-e.upper()-2*day), wall(to+day)
	all := (*walls)[:0]
	if e.rule != nil {
		all = e.rule.between(lower, upper, all)
	} else if e.start >= lower && e.start < upper {
		all = append(all, e.start)
	}
	if len(e.extra) > 0 {
		for at, _ := slices.BinarySearch(e.extra, lower); at < len(e.extra) && e.extra[at] < upper; at++ {
			all = append(all, e.extra[at])
		}
		slices.Sort(all)
	}
	*walls = all
	limit := int64(math.MaxInt64)
	if e.rule != nil {
		limit = e.rule.limit
	}
	first := len(out)
	for _, w := range all {
		s := span{start: w.unix(e.zone)}
		if s.start > limit || e.left(w, s.start) {
			continue
		}
		s.end = e.end(w, s.start)
		switch {
		case s.start >= to || s.end <= from || s.end <= s.start:
		case len(out) > first && out[len(out)-1].end >= s.start:
			last := &out[len(out)-1] // a skipped 02:30 comes after 03:00
			last.start, last.end = min(last.start, s.start), max(last.end, s.end)
		default:
			out = append(out, s)
		}
	}
	return out
}

// left reports whether the occurrence is left out.
func (e *event) left(w wall, start int64) bool {
	if len(e.skip) > 0 {
		if _, ok := slices.BinarySearch(e.skip, start); ok {
			return true
		}
	}
	if len(e.free) > 0 {
		if _, ok := slices.BinarySearch(e.free, w.midnight()); ok {
			return true
		}
	}
	return false
}
