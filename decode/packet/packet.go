// SPDX-License-Identifier: Apache-2.0

// Package packet reads the headers of one captured frame: what a flow probe, or
// the reader of an sFlow sample, needs to know of it. It copies nothing,
// allocates nothing, and treats every byte as hostile.
package packet

import (
	"encoding/binary"

	"tidewatch/flow"
)

// Link is a libpcap link type (LINKTYPE_ registry of tcpdump.org).
type Link uint16

// The link types in which an IP packet is looked for. LinkRawOld and LinkRawOld2
// are what some systems wrote for LinkRaw.
const (
	LinkNull       Link = 0
	LinkEthernet   Link = 1
	LinkTokenRing  Link = 6
	LinkPPP        Link = 9
	LinkFDDI       Link = 10
	LinkRawOld     Link = 12
	LinkRawOld2    Link = 14
	LinkPPPHDLC    Link = 50
	LinkPPPoE      Link = 51
	LinkATM        Link = 100 // RFC 1483 with LLC
	LinkRaw        Link = 101
	LinkCHDLC      Link = 104
	LinkIEEE80211  Link = 105
	LinkFrameRelay Link = 107
	LinkLoop       Link = 108
	LinkEnc        Link = 109 // OpenBSD's IPsec device
	LinkLinuxSLL   Link = 113
	LinkPFLog      Link = 117 // OpenBSD's packet filter
	LinkPrism      Link = 119
	LinkRadiotap   Link = 127
	LinkAVS        Link = 163
	LinkPPPPPPD    Link = 166
	LinkPPI        Link = 192
	LinkPPPWithDir Link = 204
	LinkMPLS       Link = 219
	LinkIPv4       Link = 228
	LinkIPv6       Link = 229
	LinkNFLog      Link = 239 // Linux' netfilter log
	LinkLinuxSLL2  Link = 276
)

// Reason tells why a frame gave no IP packet.
type Reason uint8

// The reasons.
const (
	None        Reason = iota
	UnknownLink        // a link type that is not read
	NotIP              // another network protocol: ARP, STP, LLC, ...
	Truncated          // the headers are not all there
	Malformed          // a header contradicts itself
	NumReasons
)

// String names the reason as it stands in counters.
func (r Reason) String() string {
	return [NumReasons]string{"none", "unknown_link", "not_ip", "truncated", "malformed"}[r]
}

// Info is what the headers say.
type Info struct {
	Src, Dst         flow.Addr
	SrcPort, DstPort uint16 // ICMP: DstPort is type<<8|code
	Proto, TCPFlags  uint8
	Mark             flow.Mark // Fragment; NoTCPFlags when the TCP header was cut off
	IPBytes          int       // length of the IP packet on the wire
	Payload          []byte    // what of the transport payload was captured; nil for later fragments
	// Whole is false when the capture cut the packet short; Payload is then cut too.
	Whole bool
}

// Ethernet types.
const (
	etherIPv4   = 0x0800
	etherIPv6   = 0x86dd
	etherVLAN   = 0x8100
	etherQinQ   = 0x88a8
	etherQinQ2  = 0x9100
	etherMPLS   = 0x8847
	etherMPLSmc = 0x8848
	etherPPPoE  = 0x8864
)

// maxTags bounds VLAN tags, MPLS labels and IPv6 extension headers in one
// frame; real traffic has under five of each.
const maxTags = 16

// Decode reads one captured frame whose length on the wire was wireLen.
func Decode(link Link, frame []byte, wireLen int, out *Info) Reason {
	kind, at, r := network(link, frame)
	if r != None {
		return r
	}
	if at > len(frame) {
		return Truncated
	}
	b, left := frame[at:], max(wireLen, len(frame))-at
	switch kind {
	case etherIPv4:
		return ipv4(b, left, out)
	case etherIPv6:
		return ipv6(b, left, out)
	}
	return NotIP
}

// DecodeIP reads a packet that begins with its IP header.
func DecodeIP(b []byte, wireLen int, out *Info) Reason {
	if len(b) == 0 {
		return Truncated
	}
	switch b[0] >> 4 {
	case 4:
		return ipv4(b, max(wireLen, len(b)), out)
	case 6:
		return ipv6(b, max(wireLen, len(b)), out)
	}
	return NotIP
}

func ipv4(b []byte, wire int, out *Info) Reason {
	if len(b) < 20 {
		return Truncated
	}
	header := int(b[0]&15) * 4
	if b[0]>>4 != 4 || header < 20 {
		return Malformed
	}
	total := int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case total == 0: // TCP segmentation offload on the capturing host
		total = wire
	case total < header:
		return Malformed
	}
	*out = Info{
		Src: flow.AddrFrom4([4]byte(b[12:16])), Dst: flow.AddrFrom4([4]byte(b[16:20])),
		Proto: b[9], IPBytes: total, Whole: len(b) >= total,
	}
	frag := binary.BigEndian.Uint16(b[6:])
	offset := frag & 0x1fff
	if frag&0x2000 != 0 || offset != 0 {
		out.Mark |= flow.Fragment
	}
	if header > len(b) {
		cutTransport(out)
		return None
	}
	transport(b[header:min(len(b), max(total, header))], offset != 0, out)
	return None
}

func ipv6(b []byte, wire int, out *Info) Reason {
	if len(b) < 40 {
		return Truncated
	}
	if b[0]>>4 != 6 {
		return Malformed
	}
	total := 40 + int(binary.BigEndian.Uint16(b[4:]))
	if total == 40 && b[6] != 59 { // a jumbogram, or segmentation offload
		total = wire
	}
	*out = Info{
		Src: flow.Addr(b[8:24]), Dst: flow.Addr(b[24:40]),
		Proto: b[6], IPBytes: total, Whole: len(b) >= total,
	}
	rest := b[40:min(len(b), max(total, 40))]
	later := false
	for range maxTags {
		next, size, isFragment := extension(out.Proto, rest)
		if size == 0 {
			break
		}
		if size > len(rest) {
			cutTransport(out)
			return None
		}
		if isFragment {
			out.Mark |= flow.Fragment
			if binary.BigEndian.Uint16(rest[2:])&^7 != 0 {
				out.Proto, later = next, true
				break
			}
		}
		out.Proto, rest = next, rest[size:]
	}
	transport(rest, later, out)
	return None
}

// extension returns the next header and the size of an IPv6 extension header
// of this protocol (RFC 8200, 4), size 0 when it is none or cannot be read.
func extension(proto uint8, b []byte) (next uint8, size int, fragment bool) {
	switch proto {
	case 0, 43, 60, 135, 139, 140: // hop-by-hop, routing, destination, mobility, HIP, shim6
		if len(b) < 2 {
			return 0, 0, false
		}
		return b[0], 8 + int(b[1])*8, false
	case flow.ProtoAH:
		if len(b) < 2 {
			return 0, 0, false
		}
		return b[0], 8 + int(b[1])*4, false
	case 44:
		if len(b) < 8 {
			return 0, 0, false
		}
		return b[0], 8, true
	}
	return 0, 0, false
}

func cutTransport(out *Info) {
	out.Payload = nil
	if out.Proto == flow.ProtoTCP {
		out.Mark |= flow.NoTCPFlags
	}
}

// transport reads ports and flags. A later fragment has none.
func transport(b []byte, later bool, out *Info) {
	if later {
		cutTransport(out)
		return
	}
	out.Payload = b
	switch out.Proto {
	case flow.ProtoTCP:
		if len(b) < 14 {
			cutTransport(out)
		} else {
			out.TCPFlags = b[13]
			out.Payload = nil
			if header := int(b[12]>>4) * 4; header >= 20 && header <= len(b) {
				out.Payload = b[header:]
			}
		}
		ports(b, out)
	case flow.ProtoUDP:
		ports(b, out)
		out.Payload = nil
		if len(b) >= 8 {
			end := int(binary.BigEndian.Uint16(b[4:]))
			if end < 8 { // 0 is a jumbogram's (RFC 2675, 4), less a lie
				end = len(b)
			}
			out.Payload = b[8:min(end, len(b))]
		}
	case flow.ProtoSCTP, 33, 136: // SCTP, DCCP, UDP-Lite: ports at the same place
		ports(b, out)
	case flow.ProtoICMP, flow.ProtoICMPv6:
		if len(b) >= 2 {
			out.DstPort = uint16(b[0])<<8 | uint16(b[1])
		}
	}
}

func ports(b []byte, out *Info) {
	if len(b) >= 4 {
		out.SrcPort, out.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	}
}
