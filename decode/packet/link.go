// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// Link is a link type as capture files number them
// (https://www.tcpdump.org/linktypes.html).
type Link uint16

// The link types in which an IP packet can be found. LinkRawBSD and
// LinkRawOpenBSD are what some systems wrote for LinkRaw.
const (
	LinkNull       Link = 0
	LinkEthernet   Link = 1
	LinkTokenRing  Link = 6
	LinkPPP        Link = 9
	LinkFDDI       Link = 10
	LinkRawBSD     Link = 12
	LinkRawOpenBSD Link = 14
	LinkPPPHDLC    Link = 50
	LinkPPPoE      Link = 51
	LinkATMRFC1483 Link = 100
	LinkRaw        Link = 101
	LinkCHDLC      Link = 104
	LinkIEEE80211  Link = 105
	LinkFrameRelay Link = 107
	LinkLoop       Link = 108
	LinkEnc        Link = 109
	LinkLinuxSLL   Link = 113
	LinkPFLog      Link = 117
	LinkPrism      Link = 119
	LinkRadiotap   Link = 127
	LinkAVS        Link = 163
	LinkPPPPPPD    Link = 166
	LinkPPI        Link = 192
	LinkPPPWithDir Link = 204
	LinkMPLS       Link = 219
	LinkIPv4       Link = 228
	LinkIPv6       Link = 229
	LinkNFLog      Link = 239
	LinkLinuxSLL2  Link = 276
)

// network finds the offset of the IP header in a frame.
func network(link Link, b []byte) (int, Reason) {
	switch link {
	case LinkEthernet:
		return ethernet(b, 0)
	case LinkRaw, LinkRawBSD, LinkRawOpenBSD, LinkIPv4, LinkIPv6:
		return 0, None
	case LinkNull, LinkLoop:
		return family(b, 0, 4)
	case LinkEnc:
		return family(b, 0, 12)
	case LinkLinuxSLL:
		return cooked(b, 16, 2, 14)
	case LinkLinuxSLL2:
		return cooked(b, 20, 8, 0)
	case LinkPPP, LinkPPPHDLC, LinkPPPPPPD:
		return ppp(b, 0)
	case LinkPPPWithDir:
		return ppp(b, 1)
	case LinkPPPoE:
		return pppoe(b, 0)
	case LinkCHDLC:
		return chdlc(b, 0)
	case LinkMPLS:
		return mpls(b, 0)
	case LinkIEEE80211:
		return wifi(b, 0, false)
	case LinkRadiotap:
		return radiotap(b)
	case LinkPPI:
		return ppi(b)
	case LinkPrism, LinkAVS:
		return prism(b)
	case LinkFDDI:
		return llc(b, 13)
	case LinkTokenRing:
		return tokenRing(b)
	case LinkATMRFC1483:
		return llc(b, 0)
	case LinkFrameRelay:
		return frameRelay(b)
	case LinkPFLog:
		return pflog(b)
	case LinkNFLog:
		return nflog(b)
	}
	return 0, UnknownLink
}

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }

// Address families: AF_INET is 2 everywhere, AF_INET6 differs by system (Linux
// 10, Windows 23, NetBSD and OpenBSD 24, FreeBSD 28, Darwin 30).
func isIPFamily(f uint32) bool {
	switch f {
	case 2, 10, 23, 24, 28, 30:
		return true
	}
	return false
}

// family reads an address family of 4 bytes at at, in the byte order of the
// machine that captured, which the file does not reliably tell.
func family(b []byte, at, header int) (int, Reason) {
	if len(b) < header {
		return 0, Truncated
	}
	f := binary.LittleEndian.Uint32(b[at:])
	if f > 0xffff {
		f = binary.BigEndian.Uint32(b[at:])
	}
	if !isIPFamily(f) {
		return 0, NonIP
	}
	return header, None
}

// cooked reads Linux's SLL (version 1 and 2): device type and protocol stand at
// different places of the header.
func cooked(b []byte, header, device, protocol int) (int, Reason) {
	if len(b) < header {
		return 0, Truncated
	}
	switch be16(b[device:]) { // ARPHRD_ numbers whose protocol field is no EtherType
	case 824: // netlink
		return 0, NonIP
	case 803: // radiotap
		at, r := radiotap(b[header:])
		return at + header, r
	}
	switch p := be16(b[protocol:]); p {
	case 0x0004: // ETH_P_802_2
		return llc(b, header)
	default:
		return etherType(p, b, header)
	}
}

// ppp reads PPP in HDLC-like framing, with or without address and control
// (RFC 1662) and with a compressed protocol field (RFC 1661, 6.5).
func ppp(b []byte, at int) (int, Reason) {
	if len(b) < at+4 {
		return 0, Truncated
	}
	switch {
	case b[at] == 0xff && b[at+1] == 0x03:
		at += 2
	case b[at] == 0x0f || b[at] == 0x8f: // Cisco HDLC's unicast and multicast under PPP's link type
		return chdlc(b, at)
	}
	return pppProtocol(b, at)
}

func pppProtocol(b []byte, at int) (int, Reason) {
	if len(b) < at+2 {
		return 0, Truncated
	}
	p := uint16(b[at])
	at++
	if p&1 == 0 {
		p = p<<8 | uint16(b[at])
		at++
	}
	switch p {
	case 0x0021, 0x0057: // IPv4, IPv6
		return at, None
	case 0x0281, 0x0283: // MPLS unicast, multicast
		return mpls(b, at)
	}
	return 0, NonIP
}

func pppoe(b []byte, at int) (int, Reason) {
	if len(b) < at+8 {
		return 0, Truncated
	}
	if b[at+1] != 0 { // code 0: session data
		return 0, NonIP
	}
	return pppProtocol(b, at+6)
}

func chdlc(b []byte, at int) (int, Reason) {
	if len(b) < at+4 {
		return 0, Truncated
	}
	return etherType(be16(b[at+2:]), b, at+4)
}

// tokenRing skips the source route, which the first bit of the source address
// announces (IEEE 802.5).
func tokenRing(b []byte) (int, Reason) {
	if len(b) < 16 {
		return 0, Truncated
	}
	if b[1]&0xc0 != 0x40 { // frame type LLC
		return 0, NonIP
	}
	if b[8]&0x80 != 0 {
		return llc(b, 14+int(b[14]&0x1f))
	}
	return llc(b, 14)
}

// frameRelay reads a Q.922 address of two to four bytes and RFC 2427's NLPID.
func frameRelay(b []byte) (int, Reason) {
	at := 0
	for at < 4 && at < len(b) && b[at]&1 == 0 { // the last address byte has bit 0 set
		at++
	}
	at++
	if len(b) < at+2 {
		return 0, Truncated
	}
	if b[at] != 0x03 { // unnumbered information
		return etherType(be16(b[at:]), b, at+2) // Cisco's framing
	}
	at++
	if b[at] == 0 { // pad
		at++
	}
	if len(b) < at+6 {
		return 0, Truncated
	}
	switch b[at] {
	case 0xcc, 0x8e: // IPv4, IPv6
		return at + 1, None
	case 0x80: // SNAP
		return snap(b, at+1)
	}
	return 0, NonIP
}

func pflog(b []byte) (int, Reason) {
	if len(b) < 4 {
		return 0, Truncated
	}
	if !isIPFamily(uint32(b[1])) {
		return 0, NonIP
	}
	at := (int(b[0]) + 3) &^ 3
	if at < 4 {
		return 0, Malformed
	}
	if at > len(b) {
		return 0, Truncated
	}
	return at, None
}

// nflog walks the attributes of a Linux netfilter log message to its payload.
// Lengths are in the byte order of the machine that wrote it; all that are sold
// today are little endian.
func nflog(b []byte) (int, Reason) {
	const payload = 9 // NFULA_PAYLOAD
	if len(b) < 4 {
		return 0, Truncated
	}
	if !isIPFamily(uint32(b[0])) {
		return 0, NonIP
	}
	for at := 4; at+4 <= len(b); {
		n := int(binary.LittleEndian.Uint16(b[at:]))
		if n < 4 {
			return 0, Malformed
		}
		if binary.LittleEndian.Uint16(b[at+2:]) == payload {
			return at + 4, None
		}
		at += (n + 3) &^ 3
	}
	return 0, Truncated
}
