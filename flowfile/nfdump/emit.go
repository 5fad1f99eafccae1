// SPDX-License-Identifier: Apache-2.0

package nfdump

import (
	"tidewatch/flow"
)

// raw is a record as the file has it, before it is made a flow.
type raw struct {
	flow.Record
	start, end           int64 // Unix nanoseconds; 0 = not told
	received             uint64
	outPackets, outBytes uint64 // the outgoing counters, see emit
	sysid                uint16
	backFlags            uint8
	hasAddr, zeroAddr    bool
	sampled              bool // the counters were multiplied by the sampling rate
	event                bool // a firewall or NAT event
	egress               bool
	biflow               bool // the outgoing counters are those of the answers
}

// emit hands out a record.
//
// Sampled records hold counters that nfcapd multiplied already. Where the rate
// is known and divides them, they are divided again and the record carries the
// rate, so that the number of packets really seen stays known; the products are
// the same. Else they are taken as they are.
//
// The outgoing counters mean answers in firewall events and biflows, which then
// give a second record; in a record without incoming counts they are the counts
// (egress flows of NetFlow v9, field 23); in any other they repeat the same
// traffic behind the router and are left out.
func (n *reader) emit(b *flow.Batch, r *raw) {
	switch {
	case !r.hasAddr:
		n.tally.Ignore("no_address")
		return
	case r.event && r.Packets|r.Bytes|r.outPackets|r.outBytes == 0:
		n.tally.Ignore("event_without_counts")
		return
	}
	r.Start, r.End = r.start, r.end
	if r.start == 0 && r.end == 0 {
		r.Start = milliseconds(r.received)
		r.End = r.Start
		r.Mark |= flow.NoTime
	}
	if r.egress {
		r.Mark |= flow.Egress
	}
	r.Exporter = n.exporters.of(r.sysid)
	icmp := r.Proto == flow.ProtoICMP || r.Proto == flow.ProtoICMPv6
	if icmp {
		r.SrcPort = 0
	}
	back := r.Record
	if r.Packets|r.Bytes == 0 && !r.biflow {
		r.Packets, r.Bytes = r.outPackets, r.outBytes
		r.outPackets, r.outBytes = 0, 0
	}
	n.append(b, &r.Record, r)
	switch {
	case r.outPackets|r.outBytes == 0:
	case !r.biflow:
		if !n.twoWay {
			n.twoWay = true
			n.tally.Note("%s and perhaps others: outgoing counters beside incoming ones are taken as the same traffic and left out", n.where)
		}
	default:
		back.Src, back.Dst, back.InIf, back.OutIf = r.Dst, r.Src, r.OutIf, r.InIf
		back.SrcAS, back.DstAS = r.DstAS, r.SrcAS
		if !icmp {
			back.SrcPort, back.DstPort = r.DstPort, r.SrcPort
		}
		back.Packets, back.Bytes, back.TCPFlags = r.outPackets, r.outBytes, r.backFlags
		back.Mark |= flow.Reverse
		if back.TCPFlags == 0 {
			back.Mark |= flow.NoTCPFlags
		}
		n.append(b, &back, r)
	}
}

// append sets the sampling of a record and hands it out.
func (n *reader) append(b *flow.Batch, f *flow.Record, r *raw) {
	packets, bytes := f.Packets, f.Bytes
	switch {
	case r.sampled:
		f.Sampling = 1
		rate := n.exporters.rate(r.sysid)
		if m := uint64(rate); m > 1 && packets%m == 0 && bytes%m == 0 {
			f.Packets, f.Bytes, f.Sampling = packets/m, bytes/m, rate
		}
		if rate == 0 {
			f.Mark |= flow.NoRate
		}
	case n.sampling > 0:
		f.Sampling = n.sampling
	default:
		f.Mark |= flow.NoRate
	}
	n.tally.AppendAs(b, f, packets, bytes)
}
