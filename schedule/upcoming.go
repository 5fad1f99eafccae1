// SPDX-License-Identifier: Apache-2.0

package schedule

import "time"

// Occurrence is one time at which an event is on.
type Occurrence struct {
	Start time.Time `json:"start" doc:"in the site's zone"`
	End   time.Time `json:"end"`
}

// horizon is how far Upcoming looks.
const horizon = 10 * 366 * day

// Upcoming returns, for event i of Len, up to n occurrences that end after at,
// looking ten years ahead. Occurrences that touch are one.
func (s *Schedule) Upcoming(i int, at time.Time, n int) (out []Occurrence) {
	e := &s.events[i]
	var walls []wall
	var spans []span
	// Ever longer stretches: most events repeat within weeks.
	for stretch := int64(8 * day); ; stretch *= 2 {
		stretch = min(stretch, horizon)
		spans = e.spans(at.Unix(), at.Unix()+stretch, spans[:0], &walls)
		if len(spans) > n || stretch == horizon || at.Unix()+stretch >= e.over() {
			break
		}
	}
	for _, sp := range spans[:min(n, len(spans))] {
		out = append(out, Occurrence{time.Unix(sp.start, 0).In(s.zone), time.Unix(sp.end, 0).In(s.zone)})
	}
	return out
}
