// SPDX-License-Identifier: Apache-2.0

package enrich

import "tidewatch/flow"

const (
	ownerPlaces = 1 << 18
	idle        = 600 // seconds of silence after which a flow may change its owner
)

// point is an exporter's index and its direction, as one number; 0 = none.
type point uint64

func pointOf(exporter uint32, m flow.Mark) point {
	p := point(exporter)<<1 + 2
	if m&flow.Egress != 0 {
		p++
	}
	return p
}

// owner is who reports a flow.
type owner struct {
	tag  uint32
	seen uint32 // Unix seconds, wraps in 2106
	by   point
}

// owners maps flows to points: direct mapped, allocated when a second point shows up.
type owners struct {
	first    point
	several  bool
	table    []owner
	exporter map[uint32]bool // index of an exporter at the boundary
}

// Boundary tells which exporter index an address has, so that the rule for
// boundary exporters can hold. It is called when an exporter is first seen.
func (e *Enricher) Boundary(index uint32, addr flow.Addr) {
	if e.atBoundary(addr) {
		if e.owners.exporter == nil {
			e.owners.exporter = map[uint32]bool{}
		}
		e.owners.exporter[index] = true
	}
}

// duplicates marks the records of flows that belong to another point.
func (e *Enricher) duplicates(b *flow.Batch) {
	o := &e.owners
	if !o.several {
		at := e.onePoint(b)
		if at < 0 {
			return
		}
		o.several = true
		o.table = make([]owner, ownerPlaces)
	}
	for i := range b.Start {
		m := b.Mark[i]
		if o.exporter != nil && (m&flow.SrcInternal != 0) != (m&flow.DstInternal != 0) {
			if !o.exporter[b.Exporter[i]] {
				e.mark(b, i)
				continue
			}
		}
		if e.owned(b, i) {
			e.mark(b, i)
		}
	}
}

func (e *Enricher) mark(b *flow.Batch, i int) {
	b.Mark[i] |= flow.Duplicate
	e.stats.Duplicates++
}

// onePoint returns the first record of a second observation point, or -1.
func (e *Enricher) onePoint(b *flow.Batch) int {
	o := &e.owners
	if len(o.exporter) > 0 && b.Len() > 0 {
		return 0
	}
	for i, x := range b.Exporter {
		p := pointOf(x, b.Mark[i])
		if o.first == 0 {
			o.first = p
		}
		if p != o.first {
			return i
		}
	}
	return -1
}

// owned reports whether record i belongs to another point than its own.
func (e *Enricher) owned(b *flow.Batch, i int) bool {
	h := e.seed.Hash(&b.Src[i])
	h = e.seed.Mix(h, e.seed.Hash(&b.Dst[i]))
	h = e.seed.Mix(h, uint64(b.SrcPort[i])<<32|uint64(b.DstPort[i])<<16|uint64(b.Proto[i]))
	place, tag := &e.owners.table[h%ownerPlaces], uint32(h>>32)
	now, p := uint32(b.Received[i]/1e9), pointOf(b.Exporter[i], b.Mark[i])
	gap := int32(now - place.seen)
	switch {
	case place.by != 0 && place.tag == tag && gap < idle:
		if place.by != p {
			return true
		}
		place.seen = now
	default:
		if place.by != 0 && gap < idle {
			e.stats.Replaced++
		}
		*place = owner{tag: tag, seen: now, by: p}
	}
	return false
}
