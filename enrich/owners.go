// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"encoding/binary"
	"math/bits"

	"tidewatch/flow"
	"tidewatch/pages"
)

const (
	// ownerIdle is how long a silent owner keeps a flow, in seconds. It is longer
	// than the active timeouts seen in practice (1 to 5 minutes); with the 30
	// minutes of old defaults each period finds its owner anew, which is as good.
	ownerIdle = 600
	// warmUp is how long flows of a single point are remembered after the first
	// record, in seconds, so that a second exporter that starts to report a moment
	// later finds them.
	warmUp = 30
	// maxPoints bounds the observation points told apart; a set bit costs nothing,
	// and points that share a bit only shorten the way to the table.
	maxPoints = 1 << 16
)

// owner is one flow and the point that reports it.
type owner struct {
	key   uint64 // hash of the flow key; 0 is an empty place
	point uint32 // exporter<<1 | egress
	last  uint32 // Unix seconds of the owner's last report
}

// owners is a two-way table: a key has two places side by side. When both are
// taken by live flows, the one reported longer ago is overwritten.
type owners struct {
	places        []owner
	mask          uint64
	seed          flow.Seed
	heard         []uint64 // bit set of points
	points        uint64
	lastPoint     uint32
	began         int64 // Unix seconds of the first record
	boundaryHeard int64 // Unix seconds of the last record from a boundary exporter
}

func (o *owners) init(maxFlows int, seed flow.Seed) {
	size := 1 << bits.Len(uint(maxFlows-1))
	o.places, o.mask, o.seed = pages.Make[owner](size), uint64(size-1)&^1, seed
	o.heard = make([]uint64, maxPoints/64)
	o.lastPoint = ^uint32(0)
	o.boundaryHeard = -ownerIdle - 1
}

// hear notes a point and reports whether it is new.
func (o *owners) hear(point uint32) bool {
	o.lastPoint = point
	word, bit := &o.heard[point%maxPoints/64], uint64(1)<<(point%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	o.points++
	return true
}

// sampledKey stands in for ports and protocol in the key of a sampled record. It
// is none that ports and protocol give.
const sampledKey = 1 << 40

// key hashes what identifies the flow of record i, never to 0.
func (o *owners) key(b *flow.Batch, i int) uint64 {
	src, dst := &b.Src[i], &b.Dst[i]
	tail := uint64(sampledKey)
	if b.Sampling[i] <= 1 {
		tail = uint64(b.SrcPort[i])<<24 | uint64(b.DstPort[i])<<8 | uint64(b.Proto[i])
	}
	var h uint64
	if is4(src) && is4(dst) {
		pair := uint64(binary.BigEndian.Uint32(src[12:]))<<32 | uint64(binary.BigEndian.Uint32(dst[12:]))
		h = o.seed.Mix(pair, tail)
	} else {
		h = o.seed.Mix(o.seed.Hash(src), o.seed.Hash(dst)^tail)
	}
	return h | 1<<63
}

// is4 is flow.Addr.Is4, short enough to be inlined.
func is4(a *flow.Addr) bool {
	return binary.LittleEndian.Uint64(a[:8]) == 0 && binary.BigEndian.Uint32(a[8:]) == 0xffff
}

// places of a key.
func (o *owners) pair(key uint64) *[2]owner {
	return (*[2]owner)(o.places[key&o.mask:])
}

// verdict is what claim found out about one report.
type verdict uint8

const (
	counted   verdict = iota // the reporting point owns the flow
	duplicate                // somebody else does
	displaced                // the point owns the flow from now on, at the cost of another flow
)

// claim looks up who owns key and lets point have it when nobody does. preferred
// points take a flow over from others, and this one report is then a duplicate.
func (o *owners) claim(key uint64, point, now uint32, isPreferred func(point uint32) bool) verdict {
	pair := o.pair(key)
	for i := range pair {
		p := &pair[i]
		if p.key != key {
			continue
		}
		switch {
		case p.point == point:
			p.last = max(p.last, now)
			return counted
		case now > p.last && now-p.last > ownerIdle:
			p.point, p.last = point, now
			return counted
		case isPreferred != nil && isPreferred(point) && !isPreferred(p.point):
			p.point, p.last = point, max(p.last, now)
		}
		return duplicate
	}
	victim, out := &pair[0], counted
	if pair[0].key != 0 && (pair[1].key == 0 || pair[1].last < pair[0].last) {
		victim = &pair[1]
	}
	if victim.key != 0 && (now <= victim.last || now-victim.last <= ownerIdle) {
		out = displaced
	}
	*victim = owner{key: key, point: point, last: now}
	return out
}
