// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"cmp"
	"slices"
	"time"
)

// Dated is one time at which event I of Len is on.
type Dated struct {
	Occurrence

	I int
}

// Between returns the occurrences of all events that touch [from,to), by their start, most
// of them at most: the first ones. Those of one event that touch are one.
func (s *Schedule) Between(from, to time.Time, most int) []Dated {
	type dated struct {
		span

		i int
	}
	var all []dated
	var spans []span
	var walls []wall
	for i := range s.events {
		spans = s.events[i].spans(from.Unix(), to.Unix(), spans[:0], &walls)
		for _, sp := range spans {
			all = append(all, dated{sp, i})
		}
		if len(all) > 16*most { // of what comes late nothing is wanted
			slices.SortStableFunc(all, func(a, b dated) int { return cmp.Compare(a.start, b.start) })
			all = all[:most]
		}
	}
	slices.SortStableFunc(all, func(a, b dated) int { return cmp.Compare(a.start, b.start) })
	out := make([]Dated, 0, min(most, len(all)))
	for _, d := range all[:min(most, len(all))] {
		out = append(out, Dated{Occurrence{time.Unix(d.start, 0).In(s.zone), time.Unix(d.end, 0).In(s.zone)}, d.i})
	}
	return out
}
