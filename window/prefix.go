// SPDX-License-Identifier: Apache-2.0

package window

import (
	"net/netip"

	"tidewatch/flow"
)

// Prefix is a network, or a block of addresses, that is followed second by second.
// It is a Host, so that it is judged as one; what differs is that whole sessions
// stand in the sums by class alone, not in the seconds and lists, which a busy
// network would fill with what nobody looks for; and that it knows how its packets are
// spread over hosts.
type Prefix struct {
	Host
	Net    netip.Prefix
	count  *count
	lively int64 // last second over the floor
	spread spread
	_      [16]byte // whole cache lines, as a Host
}

// begin makes the place ready for a prefix.
func (x *Prefix) begin(net netip.Prefix, c *count, now int64) {
	x.start(flow.AddrFrom(net.Addr()), -1, now, now)
	x.Net, x.count, x.lively = net, c, now
	x.spread.reset(net.Bits() < blockBits(net))
}

func (x *Prefix) add(d Direction, p *piece, now int64) {
	if p.class == flow.TCPSession {
		x.book10(d, p, now)
		if d == In && x.near != nil { // what a filter would hit
			x.near.add(p, now)
		}
		return
	}
	if x.book(d, p, now) == nil {
		return
	}
	if d == Out {
		if x.near != nil && p.class == flow.UDP {
			x.near.answered(p)
		}
		return
	}
	if x.alive(p, now) {
		x.sketch(p, now)
		x.spread.add(p, now)
	}
	if x.near != nil {
		x.near.add(p, now)
	}
}

// alive is Host.lively: who sends to whom is noted in seconds over the floor only, since
// a busy network is followed all day.
func (x *Prefix) alive(p *piece, now int64) bool {
	a := &x.arrived
	if a.second != now {
		a.second, a.flows, a.packets = now, 0, 0
	}
	if asks(p.class) {
		a.flows++
	}
	a.packets += p.packets
	return a.packets > FollowPackets || a.flows > FollowFlows
}

// spread is to which hosts of a prefix packets go, and from whom: distinct ones by ten
// seconds of flow time, the heaviest in these ten seconds and the ten before.
type spread struct {
	slices [sketch10]struct {
		stamp int64
		hosts distinct
	}
	wide   bool // wider than a block
	stamp  int64
	ranked uint32
	tops   [2]spreadTops
}

type spreadTops struct {
	total                  uint64 // packets of all flows in the sample
	hosts, blocks, sources topK
}

func (t *spreadTops) reset() {
	if t.hosts.entries == nil {
		t.hosts, t.sources, t.blocks = newTopK(topSize), newTopK(targets), newTopK(targets)
	}
	t.total = 0
	t.hosts.reset()
	t.blocks.reset()
	t.sources.reset()
}

func (s *spread) reset(wide bool) {
	for i := range s.slices {
		s.slices[i].stamp = 0
		s.slices[i].hosts.reset()
	}
	s.wide, s.stamp, s.ranked = wide, 0, 0
	s.tops[0].reset()
	s.tops[1].reset()
}

func (s *spread) add(p *piece, now int64) {
	b := p.last / 10
	for t := max(p.first/10, b-5, now/10-sketch10+1); t <= b; t++ {
		k := &s.slices[t%sketch10]
		if k.stamp != t {
			k.stamp = t
			k.hosts.reset()
		}
		k.hosts.add(p.dstHash)
	}
	if t := now / 10; t != s.stamp {
		s.tops[0], s.tops[1] = s.tops[1], s.tops[0]
		s.tops[0].reset()
		if t != s.stamp+1 {
			s.tops[1].reset()
		}
		s.stamp, s.ranked = t, 0
	}
	switch times := offer(&s.ranked, p.packets); times {
	case 0:
		return
	case rankEvery:
		q := p.times(times)
		p = &q
	}
	t := &s.tops[0]
	t.total += p.packets
	note(&t.hosts, uint32(p.dstHash>>32), p.dst, p)
	note(&t.sources, uint32(p.srcHash>>32), p.src, p)
	if s.wide {
		key := blockKey(p.dst)
		block := flow.AddrFrom(blockOf(key).Addr())
		note(&t.blocks, uint32(key), &block, p)
	}
}

// Hosts estimates how many hosts of the prefix were sent to in the slices that
// overlap from..to (the last minute at most).
func (x *Prefix) Hosts(from, to int64) uint64 {
	var u union
	for i := range x.spread.slices {
		if s := &x.spread.slices[i]; s.stamp >= from/10 && s.stamp <= to/10 {
			u.add(&s.hosts)
		}
	}
	return u.estimate()
}

// Heaviest appends the hosts that most of the latest ten to twenty seconds' packets
// went to, heaviest first, at most n; total is the packets of all.
func (x *Prefix) Heaviest(out []Entry, n int) (entries []Entry, total uint64) {
	t := &x.spread.tops
	return merged(out, n, &t[0].hosts, &t[1].hosts), t[0].total + t[1].total
}

// HeaviestBlocks is Heaviest by block, by their first addresses; none for a prefix
// that is no wider than one.
func (x *Prefix) HeaviestBlocks(out []Entry, n int) (entries []Entry, total uint64) {
	t := &x.spread.tops
	return merged(out, n, &t[0].blocks, &t[1].blocks), t[0].total + t[1].total
}

// HeaviestSources is Heaviest by sender.
func (x *Prefix) HeaviestSources(out []Entry, n int) (entries []Entry, total uint64) {
	t := &x.spread.tops
	return merged(out, n, &t[0].sources, &t[1].sources), t[0].total + t[1].total
}

// Prefixes is one more than the highest index that Prefix accepts.
func (w *Window) Prefixes() int { return len(w.t.prefixes.followed) }

// Prefix returns a prefix that is followed second by second and had traffic booked
// since the last tick, else nil.
func (w *Window) Prefix(i int) *Prefix {
	if x := w.t.prefixes.followed[i]; x.used && x.dirty {
		return x
	}
	return nil
}
