// SPDX-License-Identifier: Apache-2.0

// Package repeat makes a short capture of an attack last: laid end to end at its
// own rate, over ordinary traffic of the victim. No rate is changed, and no limit
// is lowered for a capture that is too short to be judged by seconds.
package repeat

import (
	"net/netip"
	"slices"

	"tidewatch/flow"
)

const (
	second = int64(1e9)
	// Before is for how many seconds ordinary traffic comes first.
	Before = 120
	// Lasts is for how many seconds the capture is laid end to end.
	Lasts = 30
	after = 30
	// The ordinary traffic: so many web connections a second, in both directions.
	connections = 50
)

// Mix states what is laid over what, for a reader of the results.
const Mix = "50 web connections/s to the victim, 8 packets in and 10 out each, for three minutes; the capture begins after two and is laid end to end over 30 s"

// Over lays the capture end to end over 30 s, after two minutes of ordinary
// traffic to the victim. What begins in the first skip nanoseconds of the capture
// is left out. start is when its first packet comes.
func Over(capture *flow.Batch, victim netip.Addr, skip int64) (mixed *flow.Batch, start int64) {
	first, last := slices.Min(capture.Start), slices.Max(capture.End)
	if skip > 0 {
		early := first + skip
		first = last
		for _, at := range capture.Start {
			if at >= early {
				first = min(first, at)
			}
		}
	}
	length := max(last-first, second/100)
	base := first / second * second
	start = base + Before*second
	recs := ordinary(victim, base)
	for shift := int64(0); shift < Lasts*second; shift += length {
		for i := range capture.Start {
			r := capture.Record(i)
			if r.Start < first {
				continue
			}
			r.Start, r.End = r.Start-first+start+shift, r.End-first+start+shift
			r.Received = r.End + second
			recs = append(recs, r)
		}
	}
	slices.SortStableFunc(recs, func(a, b flow.Record) int { return int((a.Received - b.Received) / 1000) })
	mixed = flow.NewBatch(len(recs))
	for i := range recs {
		mixed.Append(&recs[i])
	}
	return mixed, start
}

// ordinary is the victim's traffic from base on.
func ordinary(victim netip.Addr, base int64) (recs []flow.Record) {
	for s := range int64(Before + Lasts + after) {
		for c := range int64(connections) {
			at := base + s*second + c*second/connections
			in := flow.Record{
				Received: at + second, Start: at, End: at + second/2, Src: flow.AddrFrom4([4]byte{198, 51, byte(c), byte(s)}), Dst: flow.AddrFrom(victim),
				SrcPort: uint16(20000 + s), DstPort: 443, Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN,
				Packets: 8, Bytes: 1200, Sampling: 1,
			}
			out := in
			out.Src, out.Dst, out.SrcPort, out.DstPort, out.Packets, out.Bytes = in.Dst, in.Src, 443, in.SrcPort, 10, 12_000
			recs = append(recs, in, out)
		}
	}
	return recs
}

// Onset is how long after the capture's begin its attack does: where a tenth of a
// second first has a tenth of the packets to the victim that its fullest one has.
// What comes before is neighbours talking.
func Onset(capture *flow.Batch, victim netip.Addr) (skip int64) {
	const tenth = second / 10
	first, to := slices.Min(capture.Start), flow.AddrFrom(victim)
	counts := map[int64]uint64{}
	most := uint64(0)
	for i, at := range capture.Start {
		if capture.Dst[i] != to {
			continue
		}
		// A flow's packets over its own tenths, as they came.
		from, until := (at-first)/tenth, (capture.End[i]-first)/tenth
		for k := from; k <= until; k++ {
			counts[k] += capture.Packets[i] / uint64(until-from+1)
			most = max(most, counts[k])
		}
	}
	begin := (slices.Max(capture.End) - first) / tenth
	for k, n := range counts {
		if 10*n >= most {
			begin = min(begin, k)
		}
	}
	return begin * tenth
}
