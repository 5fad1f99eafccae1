// SPDX-License-Identifier: Apache-2.0

package schedule

import "time"

// Occurrence is one time at which an event is on.
type Occurrence struct {
	Name       string
	Start, End time.Time // in the site's zone
}

// horizon is how far Upcoming looks.
const horizon = 10 * 366 * day

// Upcoming returns, for event i of Len, its name and up to n occurrences that
// end after at, looking ten years ahead. Occurrences that touch are one.
func (s *Schedule) Upcoming(i int, at time.Time, n int) (name string, out []Occurrence) {
	e := &s.events[i]
	var walls []wall
	var spans []span
	// Ever longer stretches: most events repeat within weeks.
	for stretch := int64(8 * day); ; stretch *= 2 {
		stretch = min(stretch, horizon)
		spans = e.spans(at.Unix(), at.Unix()+stretch, spans[:0], &walls)
		if len(spans) > n || stretch == horizon {
			break
		}
	}
	for _, sp := range spans[:min(n, len(spans))] {
		out = append(out, Occurrence{e.name, time.Unix(sp.start, 0).In(s.zone), time.Unix(sp.end, 0).In(s.zone)})
	}
	return e.name, out
}
