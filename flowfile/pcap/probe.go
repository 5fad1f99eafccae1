// SPDX-License-Identifier: Apache-2.0

package pcap

import (
	"container/heap"

	"tidewatch/decode/packet"
	"tidewatch/flow"
)

// The timeouts of a probe, as routers are commonly set, in nanoseconds.
const (
	idleTimeout   = 15e9 // a flow without packets for so long is over
	activeTimeout = 60e9 // a longer flow is exported in pieces
	closeTimeout  = 1e9  // a connection is over a second after FIN or RST
	maxFlows      = 1 << 18
)

// key is what a packet's flow is known by.
type key struct {
	src, dst         flow.Addr
	srcPort, dstPort uint16
	proto            uint8
}

// entry is a flow in the cache.
type entry struct {
	key    key
	rec    flow.Record
	closed int64 // when FIN or RST was seen, 0 before
	gen    uint32
	used   bool
}

// due is when a flow must be looked at again. A flow may have stale entries in
// the heap; its generation tells.
type due struct {
	at   int64
	slot int32
	gen  uint32
}

// probe aggregates packets into unidirectional flows with idle and active
// timeouts, as a router would. Its clock is the highest packet time seen, so a
// packet whose time jumps back joins its flow but moves no clock.
type probe struct {
	flows   map[key]int32
	entries []entry
	free    []int32
	heap    dues
	clock   int64
	sent    int64 // Received of the newest record handed out
	evicted uint64
	out     func(*flow.Record)
}

func newProbe(out func(*flow.Record)) *probe {
	return &probe{flows: map[key]int32{}, out: out}
}

// add books one packet.
func (p *probe) add(at int64, i *packet.Info) {
	if at > p.clock {
		p.clock = at
		p.expire()
	}
	k := key{i.Src, i.Dst, i.SrcPort, i.DstPort, i.Proto}
	slot, ok := p.flows[k]
	if !ok {
		slot = p.open(k, at, i)
	}
	e := &p.entries[slot]
	r := &e.rec
	r.Start, r.End = min(r.Start, at), max(r.End, at)
	r.Packets++
	r.Bytes += uint64(i.IPBytes)
	r.TCPFlags |= i.TCPFlags
	r.Mark |= i.Mark
	if i.Proto == flow.ProtoTCP && i.TCPFlags&(flow.FIN|flow.RST) != 0 && e.closed == 0 {
		e.closed = at
		heap.Push(&p.heap, due{at + closeTimeout, slot, e.gen})
	}
}

func (p *probe) open(k key, at int64, i *packet.Info) int32 {
	if len(p.flows) >= maxFlows {
		p.evict()
	}
	var slot int32
	if n := len(p.free); n > 0 {
		slot, p.free = p.free[n-1], p.free[:n-1]
	} else {
		slot = int32(len(p.entries))
		p.entries = append(p.entries, entry{})
	}
	e := &p.entries[slot]
	*e = entry{key: k, gen: e.gen + 1, used: true, rec: flow.Record{
		Start: at, End: at, Src: i.Src, Dst: i.Dst, SrcPort: i.SrcPort, DstPort: i.DstPort,
		Proto: i.Proto, Sampling: 1, Mark: flow.NoInterface,
	}}
	p.flows[k] = slot
	heap.Push(&p.heap, due{at + idleTimeout, slot, e.gen})
	return slot
}

// over is when the flow ends by what is known now.
func (e *entry) over() int64 {
	t := min(e.rec.End+idleTimeout, e.rec.Start+activeTimeout)
	if e.closed != 0 {
		t = min(t, e.closed+closeTimeout)
	}
	return t
}

// expire hands out the flows that are over, in the order of their ends.
func (p *probe) expire() {
	for len(p.heap) > 0 && p.heap[0].at <= p.clock {
		d := p.heap[0]
		e := &p.entries[d.slot]
		if !e.used || e.gen != d.gen {
			heap.Pop(&p.heap)
			continue
		}
		if over := e.over(); over > d.at {
			p.heap[0].at = over
			heap.Fix(&p.heap, 0)
			continue
		}
		heap.Pop(&p.heap)
		p.emit(d.slot, d.at)
	}
}

func (p *probe) emit(slot int32, at int64) {
	e := &p.entries[slot]
	p.sent = max(p.sent, at, e.rec.End) // a packet out of time may be overdue: exports never go back
	e.rec.Received = p.sent
	p.out(&e.rec)
	delete(p.flows, e.key)
	e.used = false
	p.free = append(p.free, slot)
}

// evict makes room by ending the flow that is due next, as a full router does.
func (p *probe) evict() {
	for len(p.heap) > 0 {
		d := heap.Pop(&p.heap).(due) //nolint:errcheck,forcetypeassert // the heap holds nothing else
		if e := &p.entries[d.slot]; e.used && e.gen == d.gen {
			p.evicted++
			p.emit(d.slot, p.clock)
			return
		}
	}
}

// flush hands out everything at the end of the capture.
func (p *probe) flush() {
	for len(p.heap) > 0 {
		d := heap.Pop(&p.heap).(due) //nolint:errcheck,forcetypeassert // the heap holds nothing else
		if e := &p.entries[d.slot]; e.used && e.gen == d.gen {
			p.emit(d.slot, p.clock)
		}
	}
}

// dues is a heap by time.
type dues []due

func (h dues) Len() int { return len(h) }
func (h dues) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].slot < h[j].slot
}
func (h dues) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *dues) Push(x any) { *h = append(*h, x.(due)) } //nolint:errcheck,forcetypeassert // see evict

// Pop implements heap.Interface.
func (h *dues) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
