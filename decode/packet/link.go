// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// network finds the network layer in a frame: its Ethernet type and where it begins.
func network(link Link, f []byte) (kind uint16, at int, r Reason) {
	switch link {
	case LinkEthernet:
		return ethernet(f)
	case LinkRaw, LinkRawOld, LinkRawOld2, LinkIPv4, LinkIPv6:
		return byVersion(f, 0)
	case LinkNull, LinkLoop:
		// The address family is in either byte order; the IP version tells more surely.
		if len(f) < 5 {
			return 0, 0, Truncated
		}
		return byVersion(f, 4)
	case LinkPPP, LinkPPPHDLC, LinkPPPPPPD:
		return framedPPP(f, 0)
	case LinkPPPWithDir:
		return framedPPP(f, 1)
	case LinkPPPoE:
		return ppp(f, 6)
	case LinkCHDLC:
		return etherType(f, 2)
	case LinkLinuxSLL:
		return etherType(f, 14)
	case LinkLinuxSLL2:
		if len(f) < 20 {
			return 0, 0, Truncated
		}
		return tagged(f, 20, binary.BigEndian.Uint16(f))
	case LinkIEEE80211:
		return wifi(f, 0)
	case LinkRadiotap:
		return radiotap(f)
	case LinkPrism, LinkAVS:
		return prism(f)
	case LinkPPI:
		if len(f) < 8 {
			return 0, 0, Truncated
		}
		size := int(binary.LittleEndian.Uint16(f[2:]))
		inner := Link(binary.LittleEndian.Uint32(f[4:]))
		if size < 8 || size > len(f) || inner == LinkPPI {
			return 0, 0, Malformed
		}
		kind, at, r := network(inner, f[size:])
		return kind, at + size, r
	default:
		return device(link, f)
	}
}

func byVersion(f []byte, at int) (kind uint16, start int, r Reason) {
	if len(f) <= at {
		return 0, 0, Truncated
	}
	switch f[at] >> 4 {
	case 4:
		return etherIPv4, at, None
	case 6:
		return etherIPv6, at, None
	}
	return 0, 0, NotIP
}

func ethernet(f []byte) (kind uint16, at int, r Reason) { return etherType(f, 12) }

func etherType(f []byte, at int) (kind uint16, start int, r Reason) {
	if len(f) < at+2 {
		return 0, 0, Truncated
	}
	return tagged(f, at+2, binary.BigEndian.Uint16(f[at:]))
}

// tagged walks VLAN tags, MPLS labels and PPPoE from an Ethernet type on.
func tagged(f []byte, at int, kind uint16) (found uint16, start int, r Reason) {
	for range maxTags {
		switch kind {
		case etherIPv4, etherIPv6:
			return kind, at, None
		case etherVLAN, etherQinQ, etherQinQ2:
			if len(f) < at+4 {
				return 0, 0, Truncated
			}
			kind, at = binary.BigEndian.Uint16(f[at+2:]), at+4
		case etherMPLS, etherMPLSmc:
			return mpls(f, at)
		case etherPPPoE:
			return ppp(f, at+6)
		default:
			if kind < 1536 {
				return llc(f, at)
			}
			return 0, 0, NotIP
		}
	}
	return 0, 0, Malformed
}

// llc reads an IEEE 802.2 header: SNAP may carry an Ethernet type.
func llc(f []byte, at int) (kind uint16, start int, r Reason) {
	if len(f) >= at+3 && f[at] == 0x06 && f[at+1] == 0x06 && f[at+2] == 0x03 { // IP's own access point
		return byVersion(f, at+3)
	}
	if len(f) < at+8 {
		return 0, 0, NotIP
	}
	if f[at] == 0xaa && f[at+1] == 0xaa && f[at+2] == 0x03 {
		k := binary.BigEndian.Uint16(f[at+6:])
		if k == etherIPv4 || k == etherIPv6 {
			return k, at + 8, None
		}
	}
	return 0, 0, NotIP
}

// mpls skips the label stack; what follows is told by its version.
func mpls(f []byte, at int) (kind uint16, start int, r Reason) {
	for range maxTags {
		if len(f) < at+4 {
			return 0, 0, Truncated
		}
		bottom := f[at+2]&1 != 0
		at += 4
		if bottom {
			return pseudowire(f, at)
		}
	}
	return 0, 0, Malformed
}

// pseudowire tells IP from Ethernet behind an MPLS label: a control word begins
// with a zero nibble (RFC 4385), and then an Ethernet frame follows.
func pseudowire(f []byte, at int) (kind uint16, start int, r Reason) {
	if len(f) <= at {
		return 0, 0, Truncated
	}
	if f[at]>>4 == 0 && len(f) >= at+4+14 {
		kind, inner, r := ethernet(f[at+4:])
		return kind, at + 4 + inner, r
	}
	return byVersion(f, at)
}

// framedPPP reads PPP with or without the address and control of RFC 1662;
// Cisco HDLC's unicast and multicast addresses stand under the same link types.
func framedPPP(f []byte, at int) (kind uint16, start int, r Reason) {
	if len(f) < at+4 {
		return 0, 0, Truncated
	}
	switch {
	case f[at] == 0xff && f[at+1] == 0x03:
		return ppp(f, at+2)
	case f[at] == 0x0f || f[at] == 0x8f:
		return etherType(f, at+2)
	}
	return ppp(f, at)
}

// ppp reads the protocol field of RFC 1661, one or two bytes.
func ppp(f []byte, at int) (kind uint16, start int, r Reason) {
	if len(f) < at+2 {
		return 0, 0, Truncated
	}
	proto := binary.BigEndian.Uint16(f[at:])
	if f[at]&1 == 1 {
		proto, at = uint16(f[at]), at-1
	}
	switch proto {
	case 0x21:
		return etherIPv4, at + 2, None
	case 0x57:
		return etherIPv6, at + 2, None
	case 0x281, 0x283:
		return mpls(f, at+2)
	}
	return 0, 0, NotIP
}
