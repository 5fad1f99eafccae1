// SPDX-License-Identifier: Apache-2.0

package encode

import "math/bits"

// sampler keeps every n-th packet of all that pass, whichever flow they belong
// to. That is what a router with systematic sampling does, and it needs no dice:
// the packet sum is off by less than one packet, however short the flows are.
type sampler struct {
	n     uint64
	carry uint64 // packets since the last kept one, below n
}

// newSampler starts in the middle of an interval, so that the first packet kept
// is neither early nor late on average.
func newSampler(n uint64) sampler { return sampler{n: max(n, 1), carry: n / 2} }

// take says how much of a flow is kept, and which of its packets, counted from
// 0, is the first. Bytes follow the flow's own mean packet size.
func (s *sampler) take(packets, bytes uint64) (keptPackets, keptBytes, first uint64) {
	if s.n == 1 {
		return packets, bytes, 0
	}
	first = s.n - 1 - s.carry
	s.carry += packets
	keptPackets = s.carry / s.n
	s.carry -= keptPackets * s.n
	if keptPackets == 0 {
		return 0, 0, 0
	}
	// bytes*kept/packets rounded, in 128 bits. It cannot overflow: carry was
	// below n, so kept <= packets.
	hi, lo := bits.Mul64(bytes, keptPackets)
	lo, c := bits.Add64(lo, packets/2, 0)
	keptBytes, _ = bits.Div64(hi+c, lo, packets)
	return keptPackets, keptBytes, first
}
