// SPDX-License-Identifier: Apache-2.0

package window

import (
	"tidewatch/flow"
	"tidewatch/pages"
)

const (
	notesPerPair = 16 // places for pairs that are only noted, to each that is followed
	noteWays     = 4  // places of one set: a cache line
	pairStarts   = 3  // connections from which a pair is followed
	// A device may have so many pairs followed and, in an hour, so many new ones
	// noted: a crawler or scanner costs the others no more than that.
	pairsPerDevice = 256
	newPerHour     = 4096
)

// pairNote is a pair seen once or twice, or the way to one that is followed.
type pairNote struct {
	tag         uint32
	first, last uint32 // Unix seconds at which its connections began
	at          int32  // slot of the pair that is followed; below zero, less the connections begun
}

// pairs follows which device asks which service of whom: for as many pairs as it
// has room. Most pairs are seen once, so a pair is only noted, in 16 bytes, until
// its third connection. Where a note finds no room, the pair with the fewest
// connections gives way, then the one not heard of for longest. Where a pair that
// is to be followed finds none, of a sample of pairs the most overdue gives way:
// the one that is silent for most of its own mean intervals, times the devices
// that share its destination. So what went on for a moment gives way first, and
// what many do before what one does.
type pairs struct {
	sets []pairNote // in sets of noteWays
	all  []*Pair
	free []int32
	hand int
	vain struct { // searches for an overdue pair in one second
		second   int64
		searches int
	}
	peers  keyCounts // devices by service of a destination
	since  int64     // Unix second from which pairs are followed
	askers int       // devices with pairs
	pool   pages.Pool[Pair]
}

// reaches reports whether the device asks something of a peer with this flow that
// is worth following: all that goes outside, of what stays inside only the later
// pieces of connections, and whole ones that last.
func reaches(p *piece) bool {
	if p.mark&flow.DstInternal != 0 && (p.proto != flow.ProtoTCP || p.class != flow.TCPAck && !p.lasts()) {
		return false
	}
	return !serves(Out, p) && !nowhere(p.dst)
}

// begins reports whether the flow is known to hold the beginning of a connection.
func begins(p *piece) bool {
	return p.class == flow.TCPSyn || p.class == flow.TCPSession || p.class == flow.TCPSynAck
}

// pairHash names the device, the destination and its service.
func (t *Tracker) pairHash(p *piece) uint64 { return t.hashPair(p.srcHash, p.dstHash, p.service()) }

func (t *Tracker) hashPair(device, dest uint64, service uint32) uint64 {
	return t.cfg.Seed.Mix(device, dest+uint64(service)<<32) | 1<<32
}

// service is proto<<16|port of the side that is asked.
func (p *piece) service() uint32 { return uint32(p.proto)<<16 | uint32(p.dstPort) }

// pairTag tells pairs of one set apart; none is 0.
func pairTag(hash uint64) uint32 { return uint32(hash >> 32) }

// set returns the places of a pair, nil before there are any.
func (x *pairs) set(hash uint64) []pairNote {
	if x.sets == nil {
		return nil
	}
	i := hash & uint64(len(x.sets)/noteWays-1) * noteWays
	return x.sets[i : i+noteWays : i+noteWays]
}

// prepare makes the places for notes, which are not taken before they are needed.
func (x *pairs) prepare(t *Tracker) {
	if x.sets == nil {
		x.sets = pages.Make[pairNote](ceilPower(notesPerPair * t.cfg.MaxPairs))
	}
}

// touch reads what add begins with, if the pair is followed.
func (x *pairs) touch(hash uint64) (sum uint64) {
	tag := pairTag(hash)
	set := x.set(hash)
	for i := range set {
		if n := &set[i]; n.tag == tag && n.at >= 0 {
			r := x.all[n.at]
			sum += uint64(r.count) + r.bytes + uint64(r.open[connections-1].first) + uint64(r.hours[0]) + uint64(r.calls[0].gap) +
				uint64(r.calls[startsKept/4].gap) + uint64(r.calls[startsKept/2].gap) + uint64(r.calls[startsKept*3/4].gap)
		}
	}
	return sum
}

// bookPair books a flow of a device that asks: see asks.
func (t *Tracker) bookPair(slot int32, p *piece) {
	x := &t.pairs
	if x.sets == nil {
		x.prepare(t)
		if x.since == 0 { // else a run before this one followed pairs already
			x.since = t.now
		}
	}
	hash := p.pair
	tag := pairTag(hash)
	set := x.set(hash)
	worst := -1
	for i := range set {
		n := &set[i]
		switch {
		case n.tag == tag && n.at >= 0:
			x.all[n.at].add(p)
			return
		case n.tag == tag:
			t.noteAgain(slot, hash, n, p)
			return
		case n.tag != 0 && n.at >= 0: // followed: stays
		case worst < 0 || n.less(&set[worst]):
			worst = i
		}
	}
	dev := t.dev.at(slot)
	if worst < 0 || dev.newPairs >= newPerHour {
		t.losses.PairsUnnoted++
		return
	}
	dev.newPairs++
	first := clip(p.first)
	set[worst] = pairNote{tag: tag, first: first, last: first, at: -1}
	if p.lasts() || t.watch != nil && p.mark&flow.DstInternal == 0 && t.watch.Listed(p.dst) {
		t.followPair(slot, hash, &set[worst], 0, p)
	}
}

// lasts reports whether the flow fills about a minute, the shortest active timeout
// in common use, so that it may be a piece of something long.
func (p *piece) lasts() bool { return p.last-p.first >= 55 }

// less tells which of two notes gives way first.
func (n *pairNote) less(than *pairNote) bool {
	switch {
	case n.tag == 0 || than.tag == 0:
		return n.tag == 0 && than.tag != 0
	case n.at != than.at:
		return n.at > than.at // fewer connections, by the sign
	}
	return n.last < than.last
}

// noteAgain counts another connection of a pair, and follows it from the third on.
// Several in one second are one occasion.
func (t *Tracker) noteAgain(slot int32, hash uint64, n *pairNote, p *piece) {
	begun, at := -n.at, clip(p.first)
	if p.lasts() || begun+1 >= pairStarts && at > n.last {
		t.followPair(slot, hash, n, uint32(begun), p)
	} else if at > n.last {
		n.last = at
		n.at--
	}
}

// clip brings a Unix second into 32 bits, which last until 2106.
func clip(second int64) uint32 { return uint32(max(min(second, 1<<32-1), 1)) }

// ceilPower is the next power of two.
func ceilPower(n int) int {
	p := noteWays
	for p < n {
		p *= 2
	}
	return p
}
