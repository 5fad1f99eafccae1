// SPDX-License-Identifier: Apache-2.0

package packet

// maxTags bounds VLAN tags and MPLS labels in one frame. Real networks stack
// two or three of either; more is a forged frame.
const maxTags = 16

// ethernet reads an Ethernet II or 802.3 frame that begins at at.
func ethernet(b []byte, at int) (int, Reason) {
	if len(b) < at+14 {
		return 0, Truncated
	}
	if t := be16(b[at+12:]); t >= 0x0600 { // below: an 802.3 length
		return etherType(t, b, at+14)
	}
	return llc(b, at+14)
}

// etherType follows VLAN tags, MPLS and PPPoE to the IP header; at is the byte
// behind the type t.
func etherType(t uint16, b []byte, at int) (int, Reason) {
	for range maxTags {
		switch t {
		case 0x0800, 0x86dd:
			return at, None
		case 0x8100, 0x88a8, 0x9100, 0x9200: // 802.1Q, 802.1ad and their forerunners
			if len(b) < at+4 {
				return 0, Truncated
			}
			t = be16(b[at+2:])
			at += 4
			if t < 0x0600 {
				return llc(b, at)
			}
		case 0x8847, 0x8848:
			return mpls(b, at)
		case 0x8864:
			return pppoe(b, at)
		case 0x880b:
			return pppProtocol(b, at)
		default:
			return 0, NonIP
		}
	}
	return 0, Malformed
}

// llc reads an 802.2 header: IP stands behind SNAP or, rarely, under its own
// service access point.
func llc(b []byte, at int) (int, Reason) {
	if len(b) < at+3 {
		return 0, Truncated
	}
	switch {
	case b[at] == 0xaa && b[at+1] == 0xaa && b[at+2] == 0x03:
		return snap(b, at+3)
	case b[at] == 0x06 && b[at+1] == 0x06 && b[at+2] == 0x03:
		return at + 3, None
	}
	return 0, NonIP
}

// snap reads organisation and type. The zero organisation means EtherType, and
// 0x0000f8 the same behind an 802.1H bridge.
func snap(b []byte, at int) (int, Reason) {
	if len(b) < at+5 {
		return 0, Truncated
	}
	if b[at] != 0 || b[at+1] != 0 || b[at+2] != 0 && b[at+2] != 0xf8 {
		return 0, NonIP
	}
	return etherType(be16(b[at+3:]), b, at+5)
}

// mpls pops labels to the bottom of the stack. What follows names itself by its
// first four bits only (RFC 4928): 4 and 6 are IP, all else is a pseudo-wire.
func mpls(b []byte, at int) (int, Reason) {
	for range maxTags {
		if len(b) < at+5 {
			return 0, Truncated
		}
		bottom := b[at+2]&1 != 0
		at += 4
		if bottom {
			if v := b[at] >> 4; v != 4 && v != 6 {
				return 0, NonIP
			}
			return at, None
		}
	}
	return 0, Malformed
}
