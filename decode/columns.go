// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/binary"
	"math"

	"tidewatch/flow"
)

// unsigned are the columns that take plain numbers.
type unsigned interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

// load reads a big-endian number of up to eight bytes, as reduced-size encoding
// sends it (RFC 7011, 6.2).
func load(b []byte, width int) uint64 {
	switch width {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	case 8:
		return binary.BigEndian.Uint64(b)
	}
	var v uint64
	for _, c := range b[:width] {
		v = v<<8 | uint64(c)
	}
	return v
}

// fill copies one field of all records into dst; the records lie stride bytes
// apart. Each width has its own loop, because that is where the time goes.
func fill[T unsigned](dst []T, body []byte, o *op, stride int) {
	pos := o.off
	switch {
	case o.keep:
		for i := range dst {
			if dst[i] == 0 {
				dst[i] = T(load(body[pos:], o.width))
			}
			pos += stride
		}
	case o.width == 1:
		for i := range dst {
			dst[i] = T(body[pos])
			pos += stride
		}
	case o.width == 2:
		for i := range dst {
			dst[i] = T(binary.BigEndian.Uint16(body[pos:]))
			pos += stride
		}
	case o.width == 4:
		for i := range dst {
			dst[i] = T(binary.BigEndian.Uint32(body[pos:]))
			pos += stride
		}
	case o.width == 8:
		for i := range dst {
			dst[i] = T(binary.BigEndian.Uint64(body[pos:]))
			pos += stride
		}
	default:
		for i := range dst {
			dst[i] = T(load(body[pos:], o.width))
			pos += stride
		}
	}
}

// fillAddr copies addresses. Where a record has fields for both families, the
// one that is not all zero counts.
func fillAddr(dst []flow.Addr, body []byte, o *op, stride int) {
	pos := o.off
	switch {
	case o.width == 4 && !o.keep:
		for i := range dst {
			put4(&dst[i], body[pos:])
			pos += stride
		}
	case o.width == 4:
		for i := range dst {
			if unset(&dst[i]) {
				put4(&dst[i], body[pos:])
			}
			pos += stride
		}
	case o.width == 16:
		for i := range dst {
			if a := flow.Addr(body[pos:]); !o.keep || unset(&dst[i]) && !a.IsZero() {
				dst[i] = a
			}
			pos += stride
		}
	}
}

// unset reports whether an address column still waits for a real address.
func unset(a *flow.Addr) bool {
	return a.IsZero() || *a == flow.Addr{10: 0xff, 11: 0xff}
}

// markWhere sets mark on the records whose field, masked, has the value want, or
// any but 0 when want is 0.
func markWhere(marks []flow.Mark, body []byte, o *op, stride int, w where) {
	pos := o.off
	for i := range marks {
		if v := load(body[pos:], o.width) & w.mask; v != 0 && (w.want == 0 || v == w.want) {
			marks[i] |= w.mark
		}
		pos += stride
	}
}

// where says which records to mark.
type where struct {
	mask, want uint64
	mark       flow.Mark
}

// orFlags joins several flag fields.
func orFlags(dst []uint8, body []byte, o *op, stride int) {
	pos := o.off
	for i := range dst {
		dst[i] |= uint8(load(body[pos:], o.width))
		pos += stride
	}
}

func isICMP(proto uint8) bool { return proto == flow.ProtoICMP || proto == flow.ProtoICMPv6 }

// fillICMP writes type and code into DstPort. A zero leaves what the port field
// said: exporters fill the one or the other.
func fillICMP(ports []uint16, proto []uint8, body []byte, o *op, stride int) {
	pos := o.off
	for i := range ports {
		if isICMP(proto[i]) {
			switch v := uint16(load(body[pos:], o.width)); {
			case v == 0:
			case o.col == colICMPTypeCode:
				ports[i] = v
			case o.col == colICMPType:
				ports[i] = v << 8
			default:
				ports[i] = ports[i]&0xff00 | v&0xff
			}
		}
		pos += stride
	}
}

// fillRate computes the rate from elements that come in pairs: num holds the
// first of the two.
func fillRate(rates []uint32, num []uint64, body []byte, o *op, stride int) {
	pos := o.off
	for i := range rates {
		v := load(body[pos:], o.width)
		if r := pairedRate(o.col, &num[i], v); r != 0 {
			rates[i] = r
		}
		pos += stride
	}
}

// pairedRate takes the elements of a pair in the order of their columns and
// returns the rate known so far, 0 for none. An interval without a space is
// taken as the rate itself: nobody samples packets in a row and names no gap.
func pairedRate(c column, num *uint64, v uint64) uint32 {
	switch c {
	case colInterval:
		*num = v
		return clampRate(v)
	case colSpace:
		if n := *num; n != 0 && v <= math.MaxUint32 {
			return clampRate((n + v) / n)
		}
	case colSize:
		*num = v
	case colPopulation:
		if n := *num; n != 0 {
			return clampRate(v / n)
		}
	case colProbability:
		if f := math.Float64frombits(v); f > 0 && f <= 1 {
			return clampRate(uint64(math.Round(min(1/f, math.MaxUint32))))
		}
	default:
	}
	return 0
}

func clampRate(v uint64) uint32 { return uint32(min(v, math.MaxUint32)) }
