// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math"
	"slices"

	"tidewatch/flow"
)

// Flows are sampled in three strata, else the pages of a busy shop would leave no
// room for the SYNs that flood it.
const (
	stratumAsked   = iota // SYN alone, SYN and ACK alone
	stratumSession        // whole connections
	stratumOther
	strata

	reserve = 25 // kept of each; 24 of them count
)

func stratumOf(c flow.Class) int {
	switch c {
	case flow.TCPSyn, flow.TCPSynAck:
		return stratumAsked
	case flow.TCPSession:
		return stratumSession
	default:
		return stratumOther
	}
}

// reservoir is a priority sample of flows by bytes (Duffield, Lund and Thorup 2007):
// a flow of w bytes has the priority w/u, u its hash as a number up to 1, and the
// highest stay. The lowest of those is the threshold: a flow above it stands for
// max(w, threshold) bytes, and sums over any part of the sample estimate the bytes
// of that part without bias, with a standard error of 1/sqrt(23) = 21 % of the whole
// at most. Nothing is drawn: the same flows give the same sample.
type reservoir struct {
	n        int
	priority [reserve]float64
	kept     [reserve]keptFlow
}

type keptFlow struct {
	src, dst         flow.Addr
	start            int64 // Unix nanoseconds
	bytes            uint64
	packets          uint32 // at most 2^32-1
	millis           uint32 // it lasted
	exporter         uint32
	srcPort, dstPort uint16
	mark             flow.Mark
	proto, flags     uint8
	class            flow.Class
}

// chance is the hash of a flow as a number above 0 and up to 1.
func (p *piece) chance() float64 {
	x := p.srcHash ^ uint64(p.start)*0x9e3779b97f4a7c15 ^ (uint64(p.srcPort)<<16|uint64(p.dstPort))*0xd6e8feb86659fd93
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	x ^= x >> 32
	return (float64(x>>11) + 1) / (1 << 53)
}

// add takes a flow in and returns what the next must exceed.
func (r *reservoir) add(p *piece, priority float64) (least float64) {
	at := r.n
	if at == reserve {
		at = r.lowest()
	} else {
		r.n++
	}
	r.priority[at] = priority
	r.kept[at] = keptFlow{
		src: *p.src, dst: *p.dst, start: p.start, bytes: p.bytes, exporter: p.exporter,
		packets: uint32(min(p.packets, math.MaxUint32)), millis: uint32(min((p.end-p.start)/1e6, math.MaxUint32)),
		srcPort: p.srcPort, dstPort: p.dstPort, mark: p.mark, proto: p.proto, flags: p.flags, class: p.class,
	}
	return r.least()
}

// least is the lowest priority when the reservoir is full, 0 before.
func (r *reservoir) least() float64 {
	if r.n < reserve {
		return 0
	}
	return r.priority[r.lowest()]
}

func (r *reservoir) lowest() (at int) {
	for i, q := range r.priority {
		if q < r.priority[at] {
			at = i
		}
	}
	return at
}

// Sample is one of a sample of flows to a device.
type Sample struct {
	Src, Dst         flow.Addr
	Start, End       int64 // Unix nanoseconds
	Bytes, Packets   uint64
	SrcPort, DstPort uint16
	Proto, Flags     uint8
	Class            flow.Class
	Mark             flow.Mark
	Exporter         uint32
	Weight           float64 // bytes it stands for
	Priority         float64 // the higher, the sooner it stays in a smaller sample
}

// Samples lists a sample of the flows to the device in the running minute, the one
// before, and the newest that was usual: 24 at most of each and of each kind (asked,
// whole connections, all else). Whoever wants those of a time looks at Start and End.
func (h *Host) Samples() (out []Sample) {
	if h.near == nil {
		return nil
	}
	for i := range h.near.pictures {
		for j := range h.near.pictures[i].flows {
			out = h.near.pictures[i].flows[j].appendTo(out)
		}
	}
	slices.SortFunc(out, func(a, b Sample) int {
		switch {
		case a.Start != b.Start:
			return int(min(max(a.Start-b.Start, -1), 1))
		default:
			return slices.Compare(a.Src[:], b.Src[:])
		}
	})
	return out
}

func (r *reservoir) appendTo(out []Sample) []Sample {
	threshold := -1
	if r.n == reserve {
		threshold = r.lowest()
	}
	least := r.least()
	for i := range r.n {
		if i == threshold {
			continue
		}
		k := &r.kept[i]
		out = append(out, Sample{
			Src: k.src, Dst: k.dst, Start: k.start, End: k.start + int64(k.millis)*1e6, Bytes: k.bytes, Packets: uint64(k.packets),
			SrcPort: k.srcPort, DstPort: k.dstPort, Proto: k.proto, Flags: k.flags, Class: k.class, Mark: k.mark, Exporter: k.exporter,
			Weight: max(float64(k.bytes), least, 1), Priority: r.priority[i],
		})
	}
	return out
}
