// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"sort"
	"time"

	"tidewatch/detect"
)

// maxPoints bounds the curve of one incident; it is thinned by half when full,
// so it spans the whole life at a resolution of a few percent of it.
const maxPoints = 64

// totals knows how much had been measured up to when. A detector sees no
// further back than its window, so a long attack's volume is what was known when
// that window began, plus what the window holds.
type totals struct {
	points []point
}

type point struct {
	at                    time.Time
	bytes, packets, flows uint64
}

// add notes the totals up to a moment.
func (t *totals) add(at time.Time, m *detect.Metrics) {
	p := point{at, m.Bytes, m.Packets, m.Flows}
	if n := len(t.points); n > 0 && !at.After(t.points[n-1].at) {
		t.points[n-1].bytes = max(t.points[n-1].bytes, p.bytes)
		t.points[n-1].packets = max(t.points[n-1].packets, p.packets)
		t.points[n-1].flows = max(t.points[n-1].flows, p.flows)
		return
	}
	if len(t.points) == maxPoints {
		for i := range maxPoints / 2 {
			t.points[i] = t.points[2*i+1] // the newest point stays
		}
		t.points = t.points[:maxPoints/2]
	}
	t.points = append(t.points, p)
}

// before estimates the totals up to a moment, along a straight line between the
// points around it.
func (t *totals) before(at time.Time) point {
	i := sort.Search(len(t.points), func(i int) bool { return t.points[i].at.After(at) })
	switch {
	case i == 0:
		return point{}
	case i == len(t.points):
		return t.points[i-1]
	}
	a, b := &t.points[i-1], &t.points[i]
	part := float64(at.Sub(a.at)) / float64(b.at.Sub(a.at))
	between := func(x, y uint64) uint64 {
		if y <= x {
			return x
		}
		return x + uint64(part*float64(y-x))
	}
	return point{at, between(a.bytes, b.bytes), between(a.packets, b.packets), between(a.flows, b.flows)}
}
