// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

const (
	slots10   = 12 // ten-second bins by class: two minutes
	sketch10  = 7  // ten-second slices of distinct counts: the last minute and the open slice
	topSize   = 24 // heavy sources kept
	portsSize = 16 // heavy ports and AS numbers kept

	// The heavy hitters take every flow of a minute up to rankAll, then every
	// flow of rankBig packets or more and each eighth of the small ones, eightfold.
	rankAll, rankBig, rankEvery = 128, 64, 8
)

// Volume is traffic of one class in one direction.
type Volume struct{ Bytes, Packets, Flows uint64 }

// Host is a busy device seen second by second. Fields stand in the order in which
// booking a flow needs them.
type Host struct {
	// One cache line that every flow changes.
	dev     int32
	rate    [2]uint32 // sampling rates of the newest flows by Direction
	used    bool
	dirty   bool
	revised int64    // earliest second that changed since the last tick
	touched int64    // last second that had traffic
	near    *closeup // nil until it was lively
	arrived struct { // inbound in the running second
		second, flows int64
		packets       uint64
	}

	peaks   [2][slots10]peak
	ring    ring
	classes [flow.NumClasses][slots10]bin // the bins of a class side by side: a flow often falls into two
	frags   [slots10]bin                  // inbound fragments

	Addr   flow.Addr
	slices [sketch10]slice
	tops   [2]tops   // the open minute and the one before
	minute int64     // of tops[0]
	ranked uint32    // flows offered to tops[0]
	sent   sentTo    // to whom it sends
	held   held      // requests that others keep open at it
	idle   held      // connections likewise, see HeldIdle
	web    *Requests // what is asked of its web server; nil: nothing worth following was
	dns    *Requests // likewise of its name server
	nears  *closeups

	since   int64 // Unix second from which its seconds are known
	watched int64 // Unix second from which anything of it would have been seen

	_ [24]byte // whole cache lines: hosts lie side by side
}

type slice struct {
	stamp   int64
	sources distinct
	ports   distinct
}

// tops are the heavy hitters of one minute of inbound traffic.
type tops struct {
	sources, dstPorts, services, asns topK
}

func (t *tops) make() {
	if t.sources.entries == nil {
		t.sources = newTopK(topSize)
		t.dstPorts, t.services, t.asns = newTopK(portsSize), newTopK(portsSize), newTopK(portsSize)
	}
}

func (t *tops) reset() {
	t.sources.reset()
	t.dstPorts.reset()
	t.services.reset()
	t.asns.reset()
}

// start makes the slot ready for a device at second now.
func (h *Host) start(addr flow.Addr, dev int32, now, watched int64) {
	h.watched = watched
	h.Addr, h.dev, h.used, h.dirty, h.since, h.touched = addr, dev, true, false, now, now
	h.revised = now
	h.ring.reset()
	h.peaks, h.classes, h.frags = [2][slots10]peak{}, [flow.NumClasses][slots10]bin{}, [slots10]bin{}
	for i := range h.slices {
		h.slices[i].stamp = 0
		h.slices[i].sources.reset()
		h.slices[i].ports.reset()
	}
	for i := range h.tops {
		h.tops[i].make()
		h.tops[i].reset()
	}
	h.minute, h.ranked, h.rate = now/60, 0, [2]uint32{}
	h.arrived.second = 0
	h.sent.reset(now)
	h.held.reset(watched)
	h.idle.reset(watched)
	h.web.reset(watched)
	h.dns.reset(watched)
}

// piece is the part of one flow that a tracker adds, its times already clamped.
type piece struct {
	first, last           int64 // seconds
	start, end            int64 // Unix nanoseconds
	bytes, packets, flows uint64
	class                 flow.Class
	trial                 Trial
	mark                  flow.Mark
	proto, flags          uint8
	srcPort, dstPort      uint16
	src, dst              *flow.Addr
	srcHash, dstHash      uint64
	pair                  uint64 // hash of device, destination and service; 0 = not followed
	srcAS                 uint32
	rate                  uint32
	exporter              uint32
}

// add books one flow at second now (the newest known second).
func (h *Host) add(d Direction, p *piece, now int64) {
	s := h.book(d, p, now)
	if s == nil {
		return
	}
	if p.last-p.first >= heldSeconds {
		h.hold(d, p, now)
	}
	if p.class == flow.TCPSynAck {
		h.open(d, p, now)
	}
	if d == Out {
		if s.flows[Out] > sendingFlows || p.packets >= rankBig {
			h.sent.add(p, now)
		}
		if h.near != nil && p.class == flow.UDP {
			h.near.answered(p)
		}
		h.answer(p)
		return
	}
	if h.lively(p, now) {
		h.sketch(p, now)
		h.request(p, now)
	}
	if h.near != nil {
		h.near.add(p, now)
	}
}

// book books the volume of one flow, and returns the second it began in; nil when the
// ring does not reach back to it.
func (h *Host) book(d Direction, p *piece, now int64) *second {
	oldest := now - RingSeconds + 2
	first, last := max(p.first, oldest), p.last
	if last < oldest {
		return nil
	}
	bytes, packets := int64(p.bytes), int64(p.packets)
	if first != p.first { // the share before the ring went to the minutes
		n, keep := p.last-p.first+1, last-first+1
		bytes, packets = share(bytes, keep, n), share(packets, keep, n)
	}
	var syns int64
	asked := p.class == flow.TCPSyn || p.class == flow.TCPSynAck
	if d == In && asked {
		syns = packets
	}
	h.ring.spread(d, max(p.start, oldest*1e9), p.end, amount{bytes, packets, syns})
	s := &h.ring.slots[first%RingSeconds]
	s.flows[d] += int32(p.flows)
	if asked {
		s.asked[d] += int32(p.flows)
	}
	h.book10(d, p, now)
	h.rate[d] = p.rate
	h.dirty = true
	h.revised = min(h.revised, first)
	h.touched = max(h.touched, last)
	return s
}

// A device is lively in a second from so many inbound flows or packets on. Who
// sends, and to which ports, is noted of lively devices only: of the others
// nobody will ask, and of an attack it leaves out the first few flows a second.
// To whom a device sends is noted from more flows a second on, since an attack by
// it is only looked for from a thousand on, and of every large flow.
const (
	livelyFlows   = 10
	livelyPackets = 1000
	// A close-up costs a flow two more reads of memory, so not every device that has
	// a dozen flows in one second gets one; a flood of connections is over it at once.
	closeupFlows = 30
	sendingFlows = 100
)

func (h *Host) lively(p *piece, now int64) bool {
	a := &h.arrived
	if a.second != now {
		a.second, a.flows, a.packets = now, 0, 0
	}
	a.flows++
	a.packets += p.packets
	return a.flows > livelyFlows || a.packets > livelyPackets
}

// sketch notes who sent and to which port: in the slices that the flow
// overlaps, six at most, the last always.
func (h *Host) sketch(p *piece, now int64) {
	b := p.last / 10
	for t := max(p.first/10, b-5, now/10-sketch10+1); t <= b; t++ {
		s := &h.slices[t%sketch10]
		if s.stamp != t {
			s.stamp = t
			s.sources.reset()
			s.ports.reset()
		}
		s.sources.add(p.srcHash)
		if p.proto == flow.ProtoTCP || p.proto == flow.ProtoUDP {
			s.ports.add(portHash(p.proto, p.dstPort))
		}
	}
	h.rank(p, now)
	if h.near == nil && (h.arrived.flows > closeupFlows || h.arrived.packets > livelyPackets) { // once in a device's busy life
		h.near = h.nears.take(now)
	}
}

// offer counts a flow that is offered to the heavy hitters of a minute, and tells how
// many times it counts there: 0 when it is left out, rankEvery when it stands for those.
func offer(ranked *uint32, packets uint64) (times uint64) {
	*ranked++
	switch {
	case *ranked <= rankAll || packets >= rankBig:
		return 1
	case *ranked%rankEvery != 0:
		return 0
	}
	return rankEvery
}

// times is so many flows alike in one.
func (p *piece) times(n uint64) piece {
	q := *p
	q.packets, q.bytes, q.flows = n*p.packets, n*p.bytes, n*p.flows
	return q
}

func portHash(proto uint8, port uint16) uint64 {
	return (uint64(proto)<<16 | uint64(port)) * 0x9e3779b97f4a7c15
}

// rank updates the heavy hitters of the minute.
func (h *Host) rank(p *piece, now int64) {
	if m := now / 60; m != h.minute {
		h.tops[0], h.tops[1] = h.tops[1], h.tops[0]
		h.tops[0].reset()
		if m != h.minute+1 {
			h.tops[1].reset()
		}
		h.minute, h.ranked = m, 0
	}
	switch times := offer(&h.ranked, p.packets); times {
	case 0:
		return
	case rankEvery:
		q := p.times(times)
		p = &q
	}
	t := &h.tops[0]
	note(&t.sources, uint32(p.srcHash>>32), p.src, p)
	if p.proto == flow.ProtoTCP || p.proto == flow.ProtoUDP {
		key := uint32(p.proto)<<16 | uint32(p.dstPort)
		k := numKey(key)
		note(&t.dstPorts, key, &k, p)
	}
	if p.proto == flow.ProtoUDP || p.class == flow.TCPSynAck {
		key := uint32(p.srcPort)
		if p.proto != flow.ProtoUDP {
			key |= uint32(p.proto) << 16
		}
		k := numKey(key)
		note(&t.services, key, &k, p)
	}
	if p.srcAS != 0 {
		k := numKey(p.srcAS)
		note(&t.asns, p.srcAS, &k, p)
	}
}

func note(t *topK, tag uint32, key *flow.Addr, p *piece) {
	e, fresh := t.add(tag, key, p.packets)
	e.Bytes += p.bytes
	e.Packets += p.packets
	e.Flows += p.flows
	if fresh || p.start < e.First {
		e.First = p.start
	}
	e.Last = max(e.Last, p.end)
}

// Revised is the earliest Unix second that changed since the last tick.
func (h *Host) Revised() int64 { return h.revised }

// Since is the Unix second from which the device was followed second by second.
func (h *Host) Since() int64 { return h.since }

// Rate is the sampling rate of the newest flows, of the direction that is sampled more:
// 1 means that every packet was seen and that flow counts mean something.
func (h *Host) Rate() uint32 { return max(h.rate[In], h.rate[Out], 1) }

// Distinct estimates how many sources sent to the device and how many of its
// ports were addressed in the slices that overlap from..to (the last minute at most).
func (h *Host) Distinct(from, to int64) (sources, ports uint64) {
	var s, p union
	for i := range h.slices {
		if sl := &h.slices[i]; sl.stamp >= from/10 && sl.stamp <= to/10 {
			s.add(&sl.sources)
			p.add(&sl.ports)
		}
	}
	return s.estimate(), p.estimate()
}

// TopSources appends the heaviest sources of this minute and the one before,
// heaviest first, at most n; weight is packets.
func (h *Host) TopSources(out []Entry, n int) []Entry {
	return merged(out, n, &h.tops[0].sources, &h.tops[1].sources)
}

// TopPorts lists destination ports (number: proto<<16|port); see TopSources.
func (h *Host) TopPorts(out []Entry, n int) []Entry {
	return merged(out, n, &h.tops[0].dstPorts, &h.tops[1].dstPorts)
}

// TopServices lists the source ports of what answers: of UDP (number: port) and
// of TCP flows of SYN and ACK alone (number: proto<<16|port); see TopSources.
func (h *Host) TopServices(out []Entry, n int) []Entry {
	return merged(out, n, &h.tops[0].services, &h.tops[1].services)
}

// TopASNs lists source AS numbers; see TopSources.
func (h *Host) TopASNs(out []Entry, n int) []Entry {
	return merged(out, n, &h.tops[0].asns, &h.tops[1].asns)
}
