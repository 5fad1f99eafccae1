// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"time"

	"tidewatch/query"
	"tidewatch/segment"
)

// maxSeries is how many points one worker keeps while it does not know which groups will
// be the heaviest: 8 MiB.
const maxSeries = 1 << 20

// series are the points of the groups of a table, and of everything.
type series struct {
	by       query.Measure
	from     int64
	step     int64
	points   int
	groups   []uint64 // slot times points
	everyone []uint64 // all sides of all rows
}

// newSeries makes room for some groups; fit makes more.
func newSeries(q *query.Question, groups int, from time.Time, step time.Duration, points int) *series {
	return &series{
		by: q.By, from: from.UnixNano(), step: int64(step), points: points,
		groups: make([]uint64, groups*points), everyone: make([]uint64, points),
	}
}

// fit makes room for so many groups, unless that is too much, or so many that their slots
// change.
func (t *series) fit(groups, limit int) bool {
	need := groups * t.points
	if need <= len(t.groups) {
		return true
	}
	if need > maxSeries || groups > limit {
		return false
	}
	t.groups = append(t.groups, make([]uint64, need-len(t.groups))...)
	return true
}

// count adds rows whose slots the scanner knows.
func (t *series) count(s *scanner, bytes, packets *vector, rows []uint32) {
	times := &s.view.vectors[segment.Received]
	for i, r := range rows {
		r &^= flip
		at := int(times.wide[r]-t.from) / int(t.step)
		if at < 0 || at >= t.points {
			continue
		}
		n := uint64(1)
		switch t.by {
		case query.Bytes:
			n = uint64(bytes.wide[r])
		case query.Packets:
			n = uint64(packets.wide[r])
		case query.Flows:
		}
		t.everyone[at] += n
		if slot := s.slots[i]; slot != unknown {
			t.groups[int(slot)*t.points+at] += n
		}
	}
}

// gather sums up the series of some groups of a merged table from those that each worker
// kept of all its groups. It is nil when one of them had too many.
func gather(scanners []*scanner, merged *table, slots []uint32) *series {
	var sum *series
	for _, s := range scanners {
		t := s.series
		if t == nil {
			return nil
		}
		if sum == nil {
			one := *t
			one.groups, one.everyone = make([]uint64, len(slots)*t.points), make([]uint64, t.points)
			sum = &one
		}
		for i, n := range t.everyone {
			sum.everyone[i] += n
		}
		for k, slot := range slots {
			values := merged.named(merged.keys[slot])
			at := s.table.find(&values)
			if from := int(at) * t.points; at != unknown && from < len(t.groups) {
				for i, n := range t.groups[from : from+t.points] {
					sum.groups[k*t.points+i] += n
				}
			}
		}
	}
	return sum
}
