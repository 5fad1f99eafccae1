// SPDX-License-Identifier: Apache-2.0

package pcap

import (
	"tidewatch/decode/packet"
	"tidewatch/flow"
)

// The timeouts of a probe, as routers are commonly set, in nanoseconds.
const (
	idleTimeout   = 15e9    // a flow without packets for so long is over
	activeTimeout = 60e9    // a longer flow is exported in pieces
	closeTimeout  = 1e9     // a connection is over a second after FIN or RST
	maxFlows      = 1 << 18 // about 60 MB; a router's cache is of that order
)

// key is what a packet's flow is known by.
type key struct {
	src, dst         flow.Addr
	srcPort, dstPort uint16
	proto            uint8
}

func keyOf(r *flow.Record) key { return key{r.Src, r.Dst, r.SrcPort, r.DstPort, r.Proto} }

// stamped is a packet with the time that the probe gives it.
type stamped struct {
	at      int64 // Unix nanoseconds
	raw     int64 // as the capture says
	seq     uint64
	clamped bool
	info    packet.Info // without payload
}

// probe aggregates packets into unidirectional flows with idle and active
// timeouts, as a router would. Each timeout is the same for all flows, so a list
// in order of arrival is a list in order of expiry, and ending a flow costs the
// same however many there are.
type probe struct {
	times    timeline
	todo     stamped // the packet to book next
	pending  bool    // there is one
	flows    map[key]int32
	entries  []entry
	free     []int32
	lists    [numLists]list
	limit    int // flows held at once
	clock    int64
	sent     int64 // Received of the newest record handed out
	evicted  uint64
	sampling uint32
	active   int64 // active timeout
}

func newProbe(limit int, sampling uint32) *probe {
	return &probe{
		times: timeline{need: confirm}, flows: map[key]int32{}, entries: make([]entry, 1), limit: limit, sampling: sampling, active: activeTimeout,
	}
}

// add takes one packet; run must have booked those before it.
func (p *probe) add(at int64, i *packet.Info) {
	s := stamped{at: at, info: *i}
	s.info.Payload = nil // it points into a buffer that is used again
	p.times.push(s)
}

// run books the packets whose times are settled and hands out the flows that are
// over by then, in the order of their ends. It stops when out holds limit
// records, and reports whether all is done.
func (p *probe) run(out *flow.Batch, limit int) bool {
	for {
		if !p.pending {
			if p.todo, p.pending = p.times.pop(); !p.pending {
				return true
			}
			p.clock = max(p.clock, p.todo.at)
		}
		if !p.expire(out, limit) || out.Len() >= limit { // a new flow may push out an old one
			return false
		}
		p.book(&p.todo, out)
		p.pending = false
	}
}

// flush ends all flows, as a probe does that is stopped with its capture.
func (p *probe) flush(out *flow.Batch, limit int) bool {
	p.times.end()
	if !p.run(out, limit) {
		return false
	}
	for head := p.lists[idle].head; head != none; head = p.lists[idle].head {
		if out.Len() >= limit {
			return false
		}
		p.emit(head, p.clock, out)
	}
	return true
}

// book adds one packet to its flow.
func (p *probe) book(s *stamped, out *flow.Batch) {
	i := &s.info
	k := key{i.Src, i.Dst, i.SrcPort, i.DstPort, i.Proto}
	slot, ok := p.flows[k]
	if !ok {
		slot = p.open(k, s, out)
	}
	e := &p.entries[slot]
	r := &e.rec
	r.Start, r.End = min(r.Start, s.at), max(r.End, s.at)
	r.Packets++
	r.Bytes += uint64(i.IPBytes)
	r.TCPFlags |= i.TCPFlags
	// One packet with flags is enough to know some; all other marks add up.
	r.Mark = (r.Mark | i.Mark&^flow.NoTCPFlags) &^ (^i.Mark & flow.NoTCPFlags)
	if s.clamped {
		r.Mark |= flow.Clamped
	}
	p.append(idle, slot)
	if i.Proto == flow.ProtoTCP && i.TCPFlags&(flow.FIN|flow.RST) != 0 && !e.links[closed].in {
		p.append(closed, slot)
	}
}

func (p *probe) open(k key, s *stamped, out *flow.Batch) int32 {
	if len(p.flows) >= p.limit { // full: the flow silent for longest makes room
		p.evicted++
		p.emit(p.lists[idle].head, p.clock, out)
	}
	var slot int32
	if n := len(p.free); n > 0 {
		slot, p.free = p.free[n-1], p.free[:n-1]
	} else {
		slot = int32(len(p.entries))
		p.entries = append(p.entries, entry{})
	}
	p.entries[slot] = entry{rec: flow.Record{
		Start: s.at, End: s.at, Src: k.src, Dst: k.dst, SrcPort: k.srcPort, DstPort: k.dstPort,
		Proto: k.proto, Sampling: p.sampling, Mark: flow.NoInterface | s.info.Mark,
	}}
	p.flows[k] = slot
	p.append(active, slot)
	return slot
}

// expire hands out the flows that are over, always the one that ended first.
func (p *probe) expire(out *flow.Batch, limit int) bool {
	for {
		slot, due := p.first()
		if slot == none || due > p.clock {
			return true
		}
		if out.Len() >= limit {
			return false
		}
		p.emit(slot, due, out)
	}
}

func (p *probe) emit(slot int32, at int64, out *flow.Batch) {
	r := &p.entries[slot].rec
	p.sent = max(p.sent, at)
	r.Received = p.sent
	out.Append(r)
	delete(p.flows, keyOf(r))
	for which := range p.lists {
		p.unlink(which, slot)
	}
	p.free = append(p.free, slot)
}
