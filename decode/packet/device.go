// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// device reads the rarer link types.
func device(link Link, f []byte) (kind uint16, at int, r Reason) {
	switch link {
	case LinkFDDI:
		return llc(f, 13)
	case LinkTokenRing:
		return tokenRing(f)
	case LinkATM:
		return llc(f, 0)
	case LinkFrameRelay:
		return frameRelay(f)
	case LinkEnc:
		return byVersion(f, 12)
	case LinkPFLog:
		return pflog(f)
	case LinkMPLS:
		return mpls(f, 0)
	case LinkNFLog:
		return nflog(f)
	default:
		return 0, 0, UnknownLink
	}
}

// tokenRing skips the source route, which the first bit of the source address
// announces (IEEE 802.5).
func tokenRing(f []byte) (kind uint16, at int, r Reason) {
	if len(f) < 15 {
		return 0, 0, Truncated
	}
	if f[1]&0xc0 != 0x40 { // a frame of the ring itself
		return 0, 0, NotIP
	}
	at = 14
	if f[8]&0x80 != 0 {
		at += int(f[14] & 0x1f)
	}
	return llc(f, at)
}

// frameRelay reads a Q.922 address of two to four bytes, whose last has bit 0
// set, and either RFC 2427's protocol number or Cisco's Ethernet type.
func frameRelay(f []byte) (kind uint16, at int, r Reason) {
	for at < 3 && at < len(f) && f[at]&1 == 0 {
		at++
	}
	at++
	if len(f) < at+4 {
		return 0, 0, Truncated
	}
	if f[at] != 0x03 {
		return etherType(f, at)
	}
	at++
	if f[at] == 0 { // padding
		at++
	}
	switch f[at] {
	case 0xcc, 0x8e: // IPv4, IPv6
		return byVersion(f, at+1)
	case 0x80: // organisation and Ethernet type
		return etherType(f, at+4)
	}
	return 0, 0, NotIP
}

// pflog skips a header that gives its own length, without the padding to four.
func pflog(f []byte) (kind uint16, at int, r Reason) {
	if len(f) < 4 {
		return 0, 0, Truncated
	}
	at = (int(f[0]) + 3) &^ 3
	if at < 4 {
		return 0, 0, Malformed
	}
	return byVersion(f, at)
}

// nflog walks the attributes of a netfilter log message to its payload. Their
// lengths are in the byte order of the machine that wrote them; little endian is
// what is in use.
func nflog(f []byte) (kind uint16, at int, r Reason) {
	const payload = 9 // NFULA_PAYLOAD
	for at = 4; at+4 <= len(f); {
		size := int(binary.LittleEndian.Uint16(f[at:]))
		if size < 4 {
			return 0, 0, Malformed
		}
		if binary.LittleEndian.Uint16(f[at+2:]) == payload {
			return byVersion(f, at+4)
		}
		at += (size + 3) &^ 3
	}
	return 0, 0, Truncated
}
