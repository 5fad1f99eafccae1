// SPDX-License-Identifier: Apache-2.0

package window

import (
	"unsafe"

	"tidewatch/flow"
)

// overdue is how many of its own mean intervals a pair must be silent before it
// gives way to another.
const overdue = 4

// followPair begins to follow a pair that is noted, of which so many connections
// began before the piece.
func (t *Tracker) followPair(slot int32, hash uint64, n *pairNote, begun uint32, p *piece) {
	x, dev := &t.pairs, t.dev.at(slot)
	full := dev.pairs >= pairsPerDevice || len(x.free) == 0 && len(x.all) >= t.cfg.MaxPairs
	if full && !t.overduePair(dev) {
		t.losses.PairsRefused++
		return
	}
	r := Pair{
		Dest: *p.dst, hash: hash, service: p.service(), first: n.first, last: n.last,
		inside: p.mark&flow.DstInternal != 0, hour: n.last / 3600,
	}
	if begun > 0 && !r.inside {
		r.count, r.start = begun, n.last
	}
	t.enlist(slot, n, &r).add(p)
}

// enlist gives a pair a place of its own, which there must be, among those of its device.
func (t *Tracker) enlist(slot int32, n *pairNote, pair *Pair) *Pair {
	x, dev := &t.pairs, t.dev.at(slot)
	if len(x.free) == 0 {
		x.free = append(x.free, int32(len(x.all)))
		x.all = append(x.all, x.pool.New())
	}
	i := x.free[len(x.free)-1]
	x.free = x.free[:len(x.free)-1]
	r := x.all[i]
	*r = *pair
	r.dev, r.used, r.before, r.after = slot, true, 0, dev.pair
	if r.after != 0 {
		x.all[r.after-1].before = i + 1
	}
	n.at, dev.pair = i, i+1
	if dev.pairs++; dev.pairs == 1 {
		x.askers++
	}
	x.peers.add(r.peerKey(), 1)
	return r
}

// peerKey names the service of the destination.
func (r *Pair) peerKey() uint64 {
	return countKey(&r.Dest, r.service)
}

// pairSearches is how many searches for an overdue pair a second may see.
const pairSearches = 16

// overduePair makes room by what is lost least, among a device's own pairs when it
// has as many as it may, else in a sample of all, and reports whether there was any
// that is overdue.
func (t *Tracker) overduePair(dev *device) bool {
	x := &t.pairs
	if x.vain.second != t.now {
		x.vain.second, x.vain.searches = t.now, 0
	}
	if x.vain.searches++; x.vain.searches > pairSearches {
		return false
	}
	worst, most := int32(-1), float64(overdue)
	weigh := func(i int32) {
		if r := x.all[i]; r.used && t.late(r) > most {
			worst, most = i, t.late(r)
		}
	}
	if dev.pairs >= pairsPerDevice {
		for i := dev.pair; i != 0; i = x.all[i-1].after {
			weigh(i - 1)
		}
	} else {
		for range sample {
			x.hand = (x.hand + 1) % len(x.all)
			weigh(int32(x.hand))
		}
	}
	if worst < 0 {
		return false
	}
	t.dropPair(worst)
	t.losses.PairsForgotten++
	return true
}

// late is for how many of its mean intervals a pair is silent, times the devices
// that share the destination.
func (t *Tracker) late(r *Pair) float64 {
	mean := max(float64(r.last-r.first)/float64(max(r.count, 1)), 1)
	return float64(t.now-int64(r.last)) / mean * float64(t.pairs.peers.of(r.peerKey()))
}

// dropPair forgets a pair.
func (t *Tracker) dropPair(i int32) {
	x := &t.pairs
	r := x.all[i]
	for k, set := 0, x.set(r.hash); k < len(set); k++ {
		if set[k].at == i && set[k].tag == pairTag(r.hash) {
			set[k] = pairNote{}
		}
	}
	x.peers.add(r.peerKey(), -1)
	dev := t.dev.at(r.dev)
	if r.before != 0 {
		x.all[r.before-1].after = r.after
	} else {
		dev.pair = r.after
	}
	if r.after != 0 {
		x.all[r.after-1].before = r.before
	}
	if dev.pairs--; dev.pairs == 0 {
		x.askers--
	}
	r.used, r.dirty = false, false
	x.free = append(x.free, i)
}

// idlePair is how long a pair is kept without traffic, in seconds: three of the
// longest intervals that are looked for, a day.
const idlePair = 3 * 86400

// openPairs begins another minute.
func (t *Tracker) openPairs(hourOpens bool) {
	for i, r := range t.pairs.all {
		r.dirty = false
		if hourOpens && r.used && int64(r.last) < t.now-idlePair {
			t.dropPair(int32(i))
		}
	}
}

// Pairs is one more than the highest index that Pair accepts.
func (w *Window) Pairs() int { return len(w.t.pairs.all) }

// Pair returns pair i, nil where the place is empty.
func (w *Window) Pair(i int) *Pair {
	if r := w.t.pairs.all[i]; r.used {
		return r
	}
	return nil
}

// Dirty reports whether the pair had traffic since the last minute tick.
func (r *Pair) Dirty() bool { return r.dirty }

// PairOf returns the device of a pair.
func (w *Window) PairOf(r *Pair) Device { return Device{dev: w.t.dev.at(r.dev), w: w} }

// PairDevices is how many devices of this shard repeatedly ask the same service
// of the same destination, this pair's included.
func (w *Window) PairDevices(r *Pair) int { return w.t.pairs.peers.of(r.peerKey()) }

// PairsSince is the Unix second from which pairs are followed.
func (w *Window) PairsSince() int64 { return w.t.pairs.since }

// Askers is how many devices of this shard have pairs that are followed.
func (w *Window) Askers() int { return w.t.pairs.askers }

// PairBytes is the memory that the pairs take, in bytes.
func (t *Tracker) PairBytes() int {
	x := &t.pairs
	return len(x.sets)*int(unsafe.Sizeof(pairNote{})) + len(x.all)*int(unsafe.Sizeof(Pair{})) + len(x.peers.entries)*int(unsafe.Sizeof(keyCount{}))
}
