// SPDX-License-Identifier: Apache-2.0

package nfdump

import (
	"encoding/binary"
	"math"
	"time"

	"tidewatch/flow"
)

// Flags of a V3 record.
const (
	v3Event   = 1
	v3Sampled = 2
)

// The elements of a V3 record that a flow needs.
const (
	elementGeneric  = 1
	elementIPv4     = 2
	elementIPv6     = 3
	elementMisc     = 4
	elementCounters = 5
	elementAS       = 7
	elementNSEL     = 19
)

// v3 reads a record of layout 2: a header of 12 bytes and elements, each with
// type and length (its own four bytes included).
func (n *reader) v3(b *flow.Batch, rec []byte) bool {
	const fixed = 12
	if len(rec) < fixed {
		return false
	}
	le := binary.LittleEndian
	var r raw
	r.sysid = le.Uint16(rec[8:])
	r.event, r.sampled = rec[10]&v3Event != 0, rec[10]&v3Sampled != 0
	rest := rec[fixed:]
	for range le.Uint16(rec[4:]) {
		if len(rest) < 4 {
			return false
		}
		size := int(le.Uint16(rest[2:]))
		if size < 4 || size > len(rest) {
			return false
		}
		if !r.element(le.Uint16(rest), rest[4:size]) {
			return false
		}
		rest = rest[size:]
	}
	n.emit(b, &r)
	return true
}

// element reads one element; false means it is too short.
func (r *raw) element(id uint16, e []byte) bool {
	le := binary.LittleEndian
	switch id {
	case elementGeneric:
		if len(e) < 48 {
			return false
		}
		r.start, r.end = milliseconds(le.Uint64(e)), milliseconds(le.Uint64(e[8:]))
		r.received = le.Uint64(e[16:])
		r.Packets, r.Bytes = le.Uint64(e[24:]), le.Uint64(e[32:])
		r.SrcPort, r.DstPort = le.Uint16(e[40:]), le.Uint16(e[42:])
		r.Proto, r.TCPFlags = e[44], e[45]
	case elementIPv4:
		if len(e) < 8 {
			return false
		}
		r.addresses(addr4(le.Uint32(e)), addr4(le.Uint32(e[4:])), le.Uint64(e) == 0)
	case elementIPv6:
		if len(e) < 32 {
			return false
		}
		src, dst := addr6(e), addr6(e[16:])
		r.addresses(src, dst, src.IsZero() && dst.IsZero())
	case elementMisc:
		if len(e) < 12 {
			return false
		}
		r.InIf, r.OutIf = le.Uint32(e), le.Uint32(e[4:])
		r.egress = e[10] == 1
		if len(e) >= 15 {
			r.biflow = r.biflow || e[12] != 0 || e[14] != 0
			r.backFlags = e[14]
		}
	case elementCounters:
		if len(e) < 24 {
			return false
		}
		r.outPackets, r.outBytes = le.Uint64(e[8:]), le.Uint64(e[16:])
	case elementAS:
		if len(e) < 8 {
			return false
		}
		r.SrcAS, r.DstAS = le.Uint32(e), le.Uint32(e[4:])
	case elementNSEL:
		r.biflow = true
	}
	return true
}

// addresses sets the addresses. Exporters with one template for both versions
// send IPv4 and IPv6, one of them all zero; what is not zero counts.
func (r *raw) addresses(src, dst flow.Addr, zero bool) {
	if !r.hasAddr || r.zeroAddr && !zero {
		r.Src, r.Dst, r.zeroAddr = src, dst, zero
	}
	r.hasAddr = true
}

// milliseconds turns Unix milliseconds into nanoseconds, bounded to what these hold.
func milliseconds(ms uint64) int64 {
	return int64(min(ms, math.MaxInt64/uint64(time.Millisecond))) * int64(time.Millisecond)
}
