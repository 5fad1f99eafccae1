// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

const (
	destSize    = 16           // heavy destinations kept for each half day
	upNetsSize  = 8            // heavy networks of destinations kept
	upPortsSize = 8            // heavy destination ports kept
	halfDay     = 43200        // seconds of one generation
	upFloor     = 256_000      // bytes sent out in an hour from which a device's uploads are followed
	upReturn    = 64 * upFloor // bytes received in one flow, of which the acknowledgements alone come to the floor
	upHours     = 36           // hour bins: two generations and room
	upBig       = 1 << 20      // flows of so many bytes are always ranked; smaller ones of a busy device each eighth, eightfold
)

// Upload follows what one device sends to outside, in half days: the running
// one and the one before, so it always covers the last 12 to 24 hours.
type Upload struct {
	// One cache line, with the counts of the open generation: what each flow needs.
	dev   int32
	used  bool
	dirty bool
	last  int64 // last second of an upload
	gens  [2]generation

	hours [upHours]upHour
	known lately // destinations
	nets  lately // networks of them

	Addr  flow.Addr
	Since int64 // Unix second from which its uploads are known

	_ [8]byte // whole cache lines: uploads lie side by side
}

type generation struct {
	stamp    int64 // Unix time / halfDay
	out, in  uint64
	flows    uint64
	outBulk  uint64 // sent to ports other than 53, 80, 443
	firstOut int64  // Unix nanoseconds
	dests    topK
	ports    topK
	packets  uint64 // sent
	givers   givers
	nets     topK // networks of destinations
}

type upHour struct {
	stamp   int64
	out, in uint64
}

func (u *Upload) start(addr flow.Addr, dev int32, now int64) {
	for i := range u.gens {
		g := &u.gens[i]
		if g.dests.entries == nil {
			g.dests, g.ports, g.nets = newTopK(destSize), newTopK(upPortsSize), newTopK(upNetsSize)
		}
		g.reset(0)
	}
	u.Addr, u.dev, u.used, u.dirty, u.Since, u.last = addr, dev, true, false, now, now
	u.hours = [upHours]upHour{}
	u.known.n, u.nets.n = 0, 0
}

func (g *generation) reset(stamp int64) {
	g.dests.reset()
	g.ports.reset()
	g.nets.reset()
	*g = generation{stamp: stamp, dests: g.dests, ports: g.ports, nets: g.nets}
}

// turn makes the generation of second now the open one; what leaves is
// remembered as known destinations.
func (u *Upload) turn(now int64) *generation {
	stamp := now / halfDay
	if u.gens[0].stamp == stamp || stamp < u.gens[0].stamp {
		return &u.gens[0]
	}
	u.remember(&u.gens[1])
	u.gens[0], u.gens[1] = u.gens[1], u.gens[0]
	if u.gens[1].stamp != stamp-1 {
		u.remember(&u.gens[1])
		u.gens[1].reset(stamp - 1)
	}
	u.gens[0].reset(stamp)
	return &u.gens[0]
}

func (u *Upload) remember(g *generation) {
	u.known.remember(g.dests.tags)
	u.nets.remember(g.nets.tags)
}

// add books a flow between the device and outside. fresh tells that the
// destination is new in the device's list.
func (u *Upload) add(d Direction, p *piece, now int64, seed *flow.Seed) (fresh bool) {
	g := u.turn(now)
	u.book(d, p, now)
	if d == In {
		g.in += p.bytes
		if p.bytes >= giverPiece {
			g.givers.add(p)
		}
		return false
	}
	u.dirty = true
	u.last = max(u.last, p.last)
	g.out += p.bytes
	g.flows += p.flows
	g.packets += p.packets
	if g.firstOut == 0 || p.start < g.firstOut {
		g.firstOut = p.start
	}
	if !ordinaryPort(p) {
		g.outBulk += p.bytes
	}
	if g.flows > rankAll && p.bytes < upBig {
		if g.flows%rankEvery != 0 {
			return false
		}
		q := *p
		q.packets, q.bytes, q.flows = rankEvery*p.packets, rankEvery*p.bytes, rankEvery
		p = &q
	}
	e, fresh := g.dests.add(uint32(p.dstHash>>32), p.dst, p.bytes)
	fill(e, p, fresh)
	net := flow.NetworkOf(*p.dst)
	ne, nfresh := g.nets.add(uint32(seed.Hash(&net)>>32), &net, p.bytes)
	fill(ne, p, nfresh)
	key := uint32(p.proto)<<16 | uint32(p.dstPort)
	k := numKey(key)
	pe, pfresh := g.ports.add(key, &k, p.bytes)
	fill(pe, p, pfresh)
	return fresh
}

// ordinaryPort tells the ports that every client talks to (mission D2). The
// server's side of a session sends to an ephemeral port from such a port.
func ordinaryPort(p *piece) bool {
	for _, port := range [2]uint16{p.srcPort, p.dstPort} {
		if port == 53 || port == 80 || port == 443 {
			return p.proto == flow.ProtoTCP || p.proto == flow.ProtoUDP
		}
	}
	return false
}

func fill(e *Entry, p *piece, fresh bool) {
	e.Bytes += p.bytes
	e.Packets += p.packets
	e.Flows += p.flows
	if fresh || p.start < e.First {
		e.First = p.start
	}
	e.Last = max(e.Last, p.end)
}

// book spreads the flow over hour bins.
func (u *Upload) book(d Direction, p *piece, now int64) {
	a, b := max(p.first/3600, now/3600-upHours+1), p.last/3600
	if b < a {
		return
	}
	n := uint64(b - a + 1)
	for t := a; t <= b; t++ {
		h := &u.hours[t%upHours]
		if h.stamp != t {
			*h = upHour{stamp: t}
		}
		v := p.bytes / n
		if t == b {
			v += p.bytes % n
		}
		if d == Out {
			h.out += v
		} else {
			h.in += v
		}
	}
}

// Totals are the bytes sent to and received from outside, and the flows sent,
// in the last two half days; Bulk is what was sent through ports other than 53,
// 80 and 443, Packets are those sent.
type Totals struct{ Out, In, Bulk, Flows, Packets uint64 }

// Totals sums the last two half days.
func (u *Upload) Totals() (t Totals) {
	for i := range u.gens {
		g := &u.gens[i]
		t.Out += g.out
		t.In += g.in
		t.Bulk += g.outBulk
		t.Flows += g.flows
		t.Packets += g.packets
	}
	return t
}

// First is the start of the first upload in the last two half days, Unix nanoseconds.
func (u *Upload) First() int64 {
	if f := u.gens[1].firstOut; f != 0 {
		return f
	}
	return u.gens[0].firstOut
}

// Last is the newest Unix second with an upload.
func (u *Upload) Last() int64 { return u.last }

// Destinations appends the heaviest destinations by bytes sent, at most n.
func (u *Upload) Destinations(out []Entry, n int) []Entry {
	return merged(out, n, &u.gens[0].dests, &u.gens[1].dests)
}

// Networks appends the heaviest networks of destinations (/24, /48 in IPv6), by their
// first addresses.
func (u *Upload) Networks(out []Entry, n int) []Entry {
	return merged(out, n, &u.gens[0].nets, &u.gens[1].nets)
}

// Ports appends the heaviest destination ports (number: proto<<16|port).
func (u *Upload) Ports(out []Entry, n int) []Entry {
	return merged(out, n, &u.gens[0].ports, &u.gens[1].ports)
}

// Hours calls f with each hour of the last two half days that saw an upload:
// its Unix hour and the bytes sent and received.
func (u *Upload) Hours(f func(hour int64, out, in uint64)) {
	from := min(u.gens[0].stamp-1, u.gens[1].stamp) * halfDay / 3600
	if u.gens[1].stamp == 0 {
		from = u.gens[0].stamp * halfDay / 3600
	}
	for i := range u.hours {
		if h := &u.hours[i]; h.stamp >= from && h.out > 0 {
			f(h.stamp, h.out, h.in)
		}
	}
}
