// SPDX-License-Identifier: Apache-2.0

package enrich

import "tidewatch/flow"

// duplicates marks what somebody else reported already. The points of the whole
// batch are heard before any flow is judged, so their order in it is of no
// consequence.
func (e *Enricher) duplicates(b *flow.Batch, s *Stats) {
	if b.Len() == 0 {
		return
	}
	e.listen(b, s)
	o := &e.owners
	if o.points < 2 && seconds(b.Received[0])-o.began > warmUp {
		return
	}
	at := marker{e: e, batch: b, stats: s}
	// The table is larger than the caches: touching the places of some records
	// before using them lets their cache misses overlap.
	var keys [block]uint64
	for from := 0; from < b.Len(); from += block {
		n := min(block, b.Len()-from)
		for i := range n {
			keys[i] = o.key(b, from+i)
			at.touched += o.pair(keys[i])[0].key
		}
		for i := range n {
			at.judge(from+i, keys[i])
		}
	}
}

// block is how many records' places are touched ahead.
const block = 32

// listen notes the points of b and when a boundary exporter was last heard.
func (e *Enricher) listen(b *flow.Batch, s *Stats) {
	o := &e.owners
	if o.points == 0 {
		o.began = seconds(b.Received[0])
	}
	exporter := b.Exporter[:len(b.Mark)]
	for i, m := range b.Mark {
		point := pointOf(exporter[i], m)
		if point == o.lastPoint {
			continue
		}
		if o.hear(point) {
			s.Points++
		}
		if e.boundary != nil && e.atBoundary(point) {
			o.boundaryHeard = max(o.boundaryHeard, seconds(b.Received[i]))
		}
	}
	// A run that goes on from the batch before was heard again, too.
	if last := b.Len() - 1; e.boundary != nil && e.atBoundary(o.lastPoint) {
		o.boundaryHeard = max(o.boundaryHeard, seconds(b.Received[last]))
	}
}

// atBoundary reports whether the exporter of a point is a boundary exporter.
func (e *Enricher) atBoundary(point uint32) bool {
	a := flow.AddrFrom(e.exporter(point >> 1))
	return e.boundary.contains(&a)
}

// marker judges the records of one batch.
type marker struct {
	e     *Enricher
	batch *flow.Batch
	stats *Stats
	// What is known of the exporter of the record before: runs are long.
	known      bool
	point      uint32
	atBoundary bool
	touched    uint64 // keeps the compiler from dropping the loads
}

func (m *marker) judge(i int, key uint64) {
	b, o := m.batch, &m.e.owners
	now, point := seconds(b.Received[i]), pointOf(b.Exporter[i], b.Mark[i])
	var preferred func(uint32) bool
	if m.e.boundary != nil && crosses(b.Mark[i]) {
		if !m.known || m.point>>1 != point>>1 {
			m.known, m.atBoundary = true, m.e.atBoundary(point)
		}
		m.point = point
		if !m.atBoundary && now-o.boundaryHeard <= ownerIdle {
			m.mark(i)
			return
		}
		preferred = m.e.atBoundary
	}
	switch o.claim(key, point, uint32(max(now, 0)), preferred) {
	case duplicate:
		m.mark(i)
	case displaced:
		m.stats.Overwritten++
	case counted:
	}
}

func (m *marker) mark(i int) {
	m.batch.Mark[i] |= flow.Duplicate
	m.stats.Duplicates++
}

// pointOf packs the observation point of a record.
func pointOf(exporter uint32, m flow.Mark) uint32 {
	point := exporter << 1
	if m&flow.Egress != 0 {
		point |= 1
	}
	return point
}

// crosses reports whether a flow has exactly one end inside.
func crosses(m flow.Mark) bool {
	in := m & (flow.SrcInternal | flow.DstInternal)
	return in == flow.SrcInternal || in == flow.DstInternal
}

func seconds(nanos int64) int64 { return nanos / 1e9 }
