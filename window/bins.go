// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

// bin is what one class carried in ten seconds, by Direction. It tells itself
// which ten seconds that is, so a bin is cleared when it is used again, and those
// of classes that a device never sees are never touched.
type bin struct {
	bytes, packets [2]uint64
	flows          [2]uint32
	stamp          uint32 // Unix time / 10
}

// at makes the bin that of the ten seconds t.
func (b *bin) at(t int64) *bin {
	if b.stamp != uint32(t) {
		*b = bin{stamp: uint32(t)}
	}
	return b
}

func (b *bin) addTo(v *Volume, d Direction) {
	v.Bytes += b.bytes[d]
	v.Packets += b.packets[d]
	v.Flows += uint64(b.flows[d])
}

// within reports whether the ten seconds overlap the Unix seconds from..to.
func (b *bin) within(from, to int64) bool {
	t := int64(b.stamp)
	return t >= from/10 && t <= to/10
}

// peak is what all classes together carried in ten seconds, in one direction.
type peak struct {
	packets      uint64
	flows, stamp uint32
}

func (p *peak) at(t int64) *peak {
	if p.stamp != uint32(t) {
		*p = peak{stamp: uint32(t)}
	}
	return p
}

// book10 spreads the flow over the ten-second bins of its class.
func (h *Host) book10(d Direction, p *piece, now int64) {
	newest := now / 10
	from, b := p.first/10, p.last/10
	a, n := max(from, newest-slots10+1), uint64(b-from+1)
	bins := &h.classes[p.class]
	for t := a; t <= b; t++ {
		i := t % slots10
		bytes, packets := p.bytes, p.packets
		if n > 1 {
			k := uint64(t - from)
			bytes, packets = part(p.bytes, k, n), part(p.packets, k, n)
		}
		v := bins[i].at(t)
		v.bytes[d] += bytes
		v.packets[d] += packets
		if t == a {
			v.flows[d] += uint32(p.flows)
		}
		sum := h.peaks[d][i].at(t)
		sum.packets += packets
		if t == a {
			sum.flows += uint32(p.flows)
		}
		if d == In && p.mark&flow.Fragment != 0 {
			f := h.frags[i].at(t)
			f.bytes[In] += bytes
			f.packets[In] += packets
		}
	}
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

// Peak10 is the most packets and flows in one direction in any ten seconds since
// the Unix second from; ok is false when that lies before the ten-second bins. No
// single second can have had more.
func (h *Host) Peak10(d Direction, from, now int64) (packets, flows uint64, ok bool) {
	for i := range h.peaks[d] {
		if p := &h.peaks[d][i]; int64(p.stamp) >= from/10 {
			packets, flows = max(packets, p.packets), max(flows, uint64(p.flows))
		}
	}
	return packets, flows, from/10 > now/10-slots10
}

// Class sums what one class carried in the ten-second bins that overlap the
// Unix seconds from..to.
func (h *Host) Class(d Direction, c flow.Class, from, to int64) (sum Volume) {
	for i := range h.classes[c] {
		if b := &h.classes[c][i]; b.within(from, to) {
			b.addTo(&sum, d)
		}
	}
	return sum
}

// Classes sums every class like Class.
func (h *Host) Classes(d Direction, from, to int64) (out [flow.NumClasses]Volume) {
	for c := range out {
		out[c] = h.Class(d, flow.Class(c), from, to)
	}
	return out
}

// Fragments sums inbound fragments like Class.
func (h *Host) Fragments(from, to int64) (sum Volume) {
	for i := range h.frags {
		if b := &h.frags[i]; b.within(from, to) {
			b.addTo(&sum, In)
		}
	}
	return sum
}
