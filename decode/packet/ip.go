// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"encoding/binary"

	"tidewatch/flow"
)

// maxExtensions bounds IPv6 extension headers. RFC 8504, 5.3 lets a host give
// up after ten; floods of them are read a little further so that the protocol
// behind is still named.
const maxExtensions = 32

// DecodeIP reads a packet that begins at its IPv4 or IPv6 header. wireLen is the
// number of bytes from there to the end of the frame on the wire.
func DecodeIP(b []byte, wireLen int, out *Info) Reason {
	if len(b) == 0 {
		return Truncated
	}
	wireLen = max(wireLen, len(b))
	switch b[0] >> 4 {
	case 4:
		return decode4(b, wireLen, out)
	case 6:
		return decode6(b, wireLen, out)
	}
	return Malformed
}

func decode4(b []byte, wireLen int, out *Info) Reason {
	if len(b) < 20 {
		return Truncated
	}
	header, total := int(b[0]&15)*4, int(be16(b[2:]))
	if total == 0 { // left to the network card by segmentation offload
		total = wireLen
	}
	if header < 20 || total < header {
		return Malformed
	}
	*out = Info{
		Src:     flow.AddrFrom4([4]byte(b[12:16])),
		Dst:     flow.AddrFrom4([4]byte(b[16:20])),
		Proto:   b[9],
		IPBytes: total,
	}
	offset := be16(b[6:])
	if offset&0x3fff != 0 { // more fragments follow, or this is a later one
		out.Mark |= flow.Fragment
	}
	transport(b, header, total, offset&0x1fff != 0, out)
	return None
}

func decode6(b []byte, wireLen int, out *Info) Reason {
	if len(b) < 40 {
		return Truncated
	}
	total := 40 + int(be16(b[4:]))
	if total == 40 && b[6] != noNext { // a jumbogram, or segmentation offload
		total = wireLen
	}
	*out = Info{
		Src:     flow.Addr(b[8:24]),
		Dst:     flow.Addr(b[24:40]),
		Proto:   b[6],
		IPBytes: total,
	}
	at, later := extensions(b, out)
	transport(b, at, total, later, out)
	return None
}

// IPv6 extension headers (IANA). Authentication (51) and ESP (50) are left as
// protocols, as they are in IPv4.
const (
	hopByHop    = 0
	routing     = 43
	fragment    = 44
	noNext      = 59
	destination = 60
	shim6       = 140
)

// extensions walks the chain of extension headers, sets Proto to what follows
// them, and reports where that starts and whether this is a later fragment.
// Where the bytes or the patience end, Proto keeps the header that was not read.
func extensions(b []byte, out *Info) (at int, later bool) {
	at = 40
	for range maxExtensions {
		switch out.Proto {
		case hopByHop, routing, destination, shim6:
			if len(b) < at+8 {
				return len(b), later
			}
			out.Proto = b[at]
			at += 8 + 8*int(b[at+1])
		case fragment:
			if len(b) < at+8 {
				return len(b), later
			}
			offset := be16(b[at+2:])
			if offset&0xfff9 != 0 { // RFC 6946: offset 0 and no more is a whole packet
				out.Mark |= flow.Fragment
			}
			out.Proto = b[at]
			at += 8
			if offset>>3 != 0 {
				return at, true // the chain goes on in the first fragment only
			}
		default:
			return at, later
		}
	}
	return len(b), later
}

// transport reads ports, flags and payload at at; total is where the IP packet
// ends, which may lie before the frame's padding or behind the capture's cut.
func transport(b []byte, at, total int, later bool, out *Info) {
	if out.Proto == flow.ProtoTCP {
		out.Mark |= flow.NoTCPFlags
	}
	if later || at >= len(b) || at >= total {
		return
	}
	whole := total <= len(b)
	seg := b[at:min(total, len(b))]
	header := 0
	switch out.Proto {
	case flow.ProtoTCP, flow.ProtoUDP, flow.ProtoSCTP, protoDCCP, protoUDPLite:
		if len(seg) < 4 {
			return
		}
		ports := binary.BigEndian.Uint32(seg)
		out.SrcPort, out.DstPort = uint16(ports>>16), uint16(ports)
		header = 8
	case flow.ProtoICMP, flow.ProtoICMPv6:
		if len(seg) >= 2 {
			out.DstPort = be16(seg)
		}
		header = 8
	default:
		return
	}
	switch out.Proto {
	case flow.ProtoTCP:
		if len(seg) < 14 {
			return
		}
		out.TCPFlags = seg[13]
		out.Mark &^= flow.NoTCPFlags
		header = max(20, int(seg[12]>>4)*4)
	case flow.ProtoUDP:
		if len(seg) < 8 {
			return
		}
		// A length of 0 means up to the end of the packet (RFC 2675, 4).
		if n := int(be16(seg[4:])); n >= 8 && n <= len(seg) {
			seg, whole = seg[:n], true
		}
	case flow.ProtoSCTP, protoDCCP:
		header = 12
	}
	if whole && header <= len(seg) && out.Mark&flow.Fragment == 0 {
		out.Payload = seg[header:]
	}
}

// Transport protocols whose ports stand where UDP's do (IANA).
const (
	protoDCCP    = 33
	protoUDPLite = 136
)
