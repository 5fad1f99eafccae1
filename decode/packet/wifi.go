// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// radiotap skips the radio's header and learns from its flags whether the
// driver padded the 802.11 header to four bytes.
func radiotap(b []byte) (int, Reason) {
	if len(b) < 8 {
		return 0, Truncated
	}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	if n < 8 {
		return 0, Malformed
	}
	if n > len(b) {
		return 0, Truncated
	}
	const (
		hasTSFT  = 1 << 0
		hasFlags = 1 << 1
		more     = 1 << 31 // another word of presence bits follows
		padded   = 0x20
	)
	present := binary.LittleEndian.Uint32(b[4:])
	at := 8
	for word := present; word&more != 0; at += 4 {
		if at+4 > n {
			return 0, Malformed
		}
		word = binary.LittleEndian.Uint32(b[at:])
	}
	if present&hasTSFT != 0 {
		at = (at+7)&^7 + 8
	}
	pad := present&hasFlags != 0 && at < n && b[at]&padded != 0
	return wifi(b, n, pad)
}

// ppi skips the Per-Packet Information header, which names the link behind it.
func ppi(b []byte) (int, Reason) {
	if len(b) < 8 {
		return 0, Truncated
	}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	if n < 8 {
		return 0, Malformed
	}
	if n > len(b) {
		return 0, Truncated
	}
	switch inner := Link(binary.LittleEndian.Uint32(b[4:])); inner {
	case LinkPPI: // one inside the other is forged
		return 0, Malformed
	default:
		at, r := network(inner, b[n:])
		return at + n, r
	}
}

// prism skips the header of the Prism or, told by its magic, of the AVS drivers;
// an AVS header gives its length in network order.
func prism(b []byte) (int, Reason) {
	const prismLen = 144
	if len(b) < 8 {
		return 0, Truncated
	}
	n := prismLen
	if binary.BigEndian.Uint32(b)&0xfffff000 == 0x80211000 {
		n = int(binary.BigEndian.Uint32(b[4:]) & 0xffff)
		if n < 8 {
			return 0, Malformed
		}
	}
	if n > len(b) {
		return 0, Truncated
	}
	return wifi(b, n, false)
}

// wifi reads an 802.11 header at at. Only unencrypted data frames show IP; of an
// aggregate (A-MSDU) the first packet is read.
func wifi(b []byte, at int, padded bool) (int, Reason) {
	if len(b) < at+24 {
		return 0, Truncated
	}
	control := binary.LittleEndian.Uint16(b[at:])
	const (
		typeData  = 2
		toFromDS  = 0x0300
		protected = 0x4000
		order     = 0x8000
	)
	kind, subtype := control>>2&3, control>>4&15
	fragment := b[at+22] & 0x0f
	if control&3 != 0 || kind != typeData || subtype&4 != 0 || control&protected != 0 || fragment != 0 {
		return 0, NonIP
	}
	header, aggregate := 24, false
	if control&toFromDS == toFromDS {
		header += 6 // fourth address
	}
	if subtype&8 != 0 { // quality of service
		if len(b) < at+header+2 {
			return 0, Truncated
		}
		aggregate = b[at+header]&0x80 != 0
		header += 2
		if control&order != 0 {
			header += 4 // high-throughput control
		}
	}
	if padded {
		header = (header + 3) &^ 3
	}
	if aggregate {
		header += 14 // addresses and length of the first packet
	}
	return llc(b, at+header)
}
