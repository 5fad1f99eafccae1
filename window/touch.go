// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

// block is how many records are booked together. What they need must stay in the
// first cache (about ten lines of 64 bytes each) from touching to booking.
const block = 32

// work is what is known of a block of records.
type work struct {
	pieces  [block]piece
	wanted  [block]flow.Mark // which ends are devices of this shard
	out, in [block]int32     // their slots, -1 = none
	talks   [block]told      // those that belong to talks
	nTalks  int
	touched uint64 // keeps the reads from being optimised away
}

// Booking one record follows a chain through memory: place in the table, device,
// seconds. One record after the other would wait for each link. So the links of a
// whole block are read side by side, where nothing waits for anything else and the
// processor has many of them on the way at once.

// touchDevices reads the places of the addresses, and the devices there.
func (t *Tracker) touchDevices(n int) {
	w, sum := &t.block, uint64(0)
	entries := t.dev.table.entries
	mask := uint64(len(entries) - 1)
	for i := range n {
		if w.wanted[i]&flow.SrcInternal != 0 {
			sum += entries[w.pieces[i].srcHash&mask]
		}
		if w.wanted[i]&flow.DstInternal != 0 {
			sum += entries[w.pieces[i].dstHash&mask]
		}
	}
	for i := range n {
		if w.wanted[i]&flow.SrcInternal != 0 {
			sum += t.touchDevice(w.pieces[i].srcHash, entries)
		}
		if w.wanted[i]&flow.DstInternal != 0 {
			sum += t.touchDevice(w.pieces[i].dstHash, entries)
		}
	}
	w.touched += sum
}

func (t *Tracker) touchDevice(h uint64, entries []uint64) uint64 {
	e := entries[h&uint64(len(entries)-1)]
	if e == 0 || (e^h)&tagMask != 0 {
		return 0
	}
	d := t.dev.at(int32(uint32(e) - 1))
	return d.hash + d.now.Flows[In]
}

// touchBins reads what the devices lead to.
func (t *Tracker) touchBins(n int) {
	w, sum := &t.block, uint64(0)
	for i := range n {
		if w.out[i] >= 0 {
			sum += t.touchBin(w.out[i], &w.pieces[i])
		}
		if w.in[i] >= 0 {
			sum += t.touchBin(w.in[i], &w.pieces[i])
			if hot := t.dev.at(w.in[i]).hot; hot >= 0 && t.hot[hot].near != nil {
				sum += t.hot[hot].near.touch(&w.pieces[i])
			}
		}
	}
	w.touched += sum
	t.touchPairs(n)
	t.touchTalks(n)
}

func (t *Tracker) touchBin(slot int32, p *piece) (sum uint64) {
	d := t.dev.at(slot)
	if d.hot >= 0 {
		h := t.hot[d.hot]
		first := max(p.first, t.now-RingSeconds+2)
		sum += uint64(h.touched) + h.ring.touch(first, p.last)
		a, b := first/10%slots10, p.last/10%slots10
		sum += uint64(h.peaks[In][b].stamp) + uint64(h.classes[p.class][a].stamp) + uint64(h.classes[p.class][b].stamp)
	}
	if d.up >= 0 {
		u := t.ups[d.up]
		sum += uint64(u.last) + uint64(u.hours[p.last/3600%upHours].stamp)
	}
	if d.met >= 0 && p.bytes >= uint64(min(d.due[0], d.due[1])) {
		sum += t.contacts[d.met].touch()
	}
	return sum
}

// touchPairs tells which records ask for something, and reads where that is noted
// and followed.
func (t *Tracker) touchPairs(n int) {
	w, sum := &t.block, uint64(0)
	for i := range n {
		p := &w.pieces[i]
		if p.pair = 0; w.out[i] >= 0 && reaches(p) {
			p.pair = t.pairHash(p)
			if t.pairs.sets != nil {
				sum += uint64(t.pairs.set(p.pair)[0].tag)
			}
		}
	}
	if t.pairs.sets != nil {
		for i := range n {
			if p := &w.pieces[i]; p.pair != 0 {
				sum += t.pairs.touch(p.pair)
			}
		}
	}
	w.touched += sum
}
