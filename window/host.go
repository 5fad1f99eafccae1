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

// Host is a busy device seen second by second.
type Host struct {
	Addr    flow.Addr
	dev     int32
	used    bool
	dirty   bool
	revised int64  // earliest second that changed since the last tick
	touched int64  // last second that had traffic
	since   int64  // Unix second from which its seconds are known
	rate    uint32 // sampling rate of the newest flow

	ring    ring
	classes [2][slots10][flow.NumClasses]Volume
	frags   [slots10]Volume
	sums10  [2][slots10]sum10 // all classes
	stamp10 [slots10]int64    // which ten seconds a bin holds now

	slices [sketch10]slice
	tops   [2]tops // the open minute and the one before
	minute int64   // of tops[0]
	ranked uint32  // flows offered to tops[0]

	arrived struct { // inbound in the running second
		second, flows int64
		packets       uint64
	}
	sent sentTo // to whom it sends
	held held   // connections that others keep open at it
}

// sum10 is what all classes together carried in ten seconds.
type sum10 struct{ packets, flows uint64 }

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
func (h *Host) start(addr flow.Addr, dev int32, now int64) {
	h.Addr, h.dev, h.used, h.dirty, h.since, h.touched = addr, dev, true, false, now, now
	h.revised = now
	h.ring.reset()
	h.classes, h.frags, h.sums10 = [2][slots10][flow.NumClasses]Volume{}, [slots10]Volume{}, [2][slots10]sum10{}
	h.stamp10 = [slots10]int64{}
	for i := range h.slices {
		h.slices[i].stamp = 0
		h.slices[i].sources.reset()
		h.slices[i].ports.reset()
	}
	for i := range h.tops {
		h.tops[i].make()
		h.tops[i].reset()
	}
	h.minute, h.ranked = now/60, 0
	h.sent.reset(now)
	h.held.reset()
}

// piece is the part of one flow that a tracker adds, its times already clamped.
type piece struct {
	first, last           int64 // seconds
	start, end            int64 // Unix nanoseconds
	bytes, packets, flows uint64
	class                 flow.Class
	mark                  flow.Mark
	proto                 uint8
	srcPort, dstPort      uint16
	src, dst              *flow.Addr
	srcHash, dstHash      uint64
	srcAS                 uint32
	rate                  uint32
	exporter              uint32
}

// add books one flow at second now (the newest known second).
func (h *Host) add(d Direction, p *piece, now int64) {
	oldest := now - RingSeconds + 2
	first, last := max(p.first, oldest), p.last
	if last < oldest {
		return
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
	h.ring.spread(d, first, last, amount{bytes, packets, syns})
	s := &h.ring.slots[first%RingSeconds]
	s.flows[d] += int32(p.flows)
	if asked {
		s.asked[d] += int32(p.flows)
	}
	h.book10(d, p, now)
	h.rate = p.rate
	if last-p.first >= heldSeconds {
		h.held.add(d, p, now)
	}
	if d == Out {
		if s.flows[Out] > sendingFlows || p.packets >= rankBig {
			h.sent.add(p, now)
		}
	} else if h.lively(p, now) {
		h.sketch(p, now)
	}
	h.dirty = true
	h.revised = min(h.revised, first)
	h.touched = max(h.touched, last)
}

// A device is lively in a second from so many inbound flows or packets on. Who
// sends, and to which ports, is noted of lively devices only: of the others
// nobody will ask, and of an attack it leaves out the first few flows a second.
// To whom a device sends is noted from more flows a second on, since an attack by
// it is only looked for from a thousand on, and of every large flow.
const (
	livelyFlows   = 10
	livelyPackets = 1000
	sendingFlows  = 100
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

// Peak10 is the most packets and flows in one direction in any ten seconds since
// the Unix second from; ok is false when that lies before the ten-second bins. No
// single second can have had more.
func (h *Host) Peak10(d Direction, from, now int64) (packets, flows uint64, ok bool) {
	sums := &h.sums10[d]
	for i, t := range h.stamp10 {
		if t >= from/10 {
			packets, flows = max(packets, sums[i].packets), max(flows, sums[i].flows)
		}
	}
	return packets, flows, from/10 > now/10-slots10
}

// part is the k-th of n nearly equal parts of v; the parts add up to v.
func part(v, k, n uint64) uint64 {
	q, r := v/n, v%n
	return q + (r*(k+1)/n - r*k/n)
}

// share is v*part/whole without overflow.
func share(v, part, whole int64) int64 {
	return v/whole*part + v%whole*part/whole
}

// book10 spreads the flow over the ten-second bins of its class.
func (h *Host) book10(d Direction, p *piece, now int64) {
	newest := now / 10
	a, b := max(p.first/10, newest-slots10+1), p.last/10
	if b < a {
		return
	}
	from, n := p.first/10, uint64(p.last/10-p.first/10+1)
	for t := a; t <= b; t++ {
		i := h.bin10(t)
		v := &h.classes[d][i][p.class]
		bytes, packets := p.bytes, p.packets
		if n > 1 {
			k := uint64(t - from)
			bytes, packets = part(p.bytes, k, n), part(p.packets, k, n)
		}
		v.Bytes += bytes
		v.Packets += packets
		sum := &h.sums10[d][i]
		sum.packets += packets
		if t == a {
			sum.flows += p.flows
			v.Flows += p.flows
		}
		if d == In && p.mark&flow.Fragment != 0 {
			h.frags[i].Bytes += bytes
			h.frags[i].Packets += packets
		}
	}
}

func (h *Host) bin10(t int64) int64 {
	i := t % slots10
	if h.stamp10[i] != t {
		h.stamp10[i] = t
		h.classes[In][i], h.classes[Out][i] = [flow.NumClasses]Volume{}, [flow.NumClasses]Volume{}
		h.frags[i], h.sums10[In][i], h.sums10[Out][i] = Volume{}, sum10{}, sum10{}
	}
	return i
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
	if h.ranked++; h.ranked > rankAll && p.packets < rankBig {
		if h.ranked%rankEvery != 0 {
			return
		}
		q := *p
		q.packets, q.bytes, q.flows = rankEvery*p.packets, rankEvery*p.bytes, rankEvery*p.flows
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

// Rate is the sampling rate of the newest flow: 1 means that every
// packet was seen and that flow counts mean something.
func (h *Host) Rate() uint32 { return max(h.rate, 1) }

// Class sums what one class carried in the ten-second bins that overlap the
// Unix seconds from..to.
func (h *Host) Class(d Direction, c flow.Class, from, to int64) Volume {
	var sum Volume
	for i, t := range h.stamp10 {
		if t >= from/10 && t <= to/10 {
			v := &h.classes[d][i][c]
			sum.Bytes += v.Bytes
			sum.Packets += v.Packets
			sum.Flows += v.Flows
		}
	}
	return sum
}

// Classes sums every class like Class.
func (h *Host) Classes(d Direction, from, to int64) (out [flow.NumClasses]Volume) {
	for i, t := range h.stamp10 {
		if t < from/10 || t > to/10 {
			continue
		}
		for c := range out {
			v := &h.classes[d][i][c]
			out[c].Bytes += v.Bytes
			out[c].Packets += v.Packets
			out[c].Flows += v.Flows
		}
	}
	return out
}

// Fragments sums inbound fragments like Class.
func (h *Host) Fragments(from, to int64) Volume {
	var sum Volume
	for i, t := range h.stamp10 {
		if t >= from/10 && t <= to/10 {
			sum.Bytes += h.frags[i].Bytes
			sum.Packets += h.frags[i].Packets
		}
	}
	return sum
}

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
