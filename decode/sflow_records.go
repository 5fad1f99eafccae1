// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/binary"

	"tidewatch/decode/packet"
	"tidewatch/flow"
)

// sFlow v5 flow record formats of enterprise 0.
const (
	rawHeader       = 1
	sampledEthernet = 2
	sampledIPv4     = 3
	sampledIPv6     = 4
	extendedGateway = 1003
)

// Header protocols of a raw header record.
const (
	headerEthernet = 1
	headerPPP      = 7
	headerIPv4     = 11
	headerIPv6     = 12
	headerPOS      = 14
	headerWiFi     = 15
)

// flowRecords makes one flow of one sample: a single packet that stands for rate
// packets. The first record that names addresses counts.
func (d *Decoder) flowRecords(m *message, s *sampled) {
	b := m.out
	at := b.Grow(1)
	p := packetOf{why: NonIP}
	rest := s.rest
	for left := s.records; left > 0 && len(rest) >= 8; left-- {
		kind, n := binary.BigEndian.Uint32(rest), int(binary.BigEndian.Uint32(rest[4:]))
		rest = rest[8:]
		if n > len(rest) {
			d.broken(m, BadSample)
			n = len(rest)
		}
		body := rest[:n]
		rest = rest[n:]
		switch {
		case kind == extendedGateway:
			b.SrcAS[at], b.DstAS[at] = gateway(body)
		case !p.found:
			p.read(kind, body)
		}
	}
	i := &p.info
	if !p.found {
		d.broken(m, p.why)
		i.Mark |= flow.NoTCPFlags
	}
	b.Src[at], b.Dst[at] = i.Src, i.Dst
	b.SrcPort[at], b.DstPort[at] = i.SrcPort, i.DstPort
	b.Proto[at], b.TCPFlags[at] = i.Proto, i.TCPFlags
	b.Bytes[at], b.Packets[at] = uint64(i.IPBytes), 1
	b.InIf[at], b.OutIf[at] = s.in, s.out
	mark := i.Mark
	if s.in|s.out == 0 {
		mark |= flow.NoInterface
	}
	if s.source != 0 && s.source == s.out && s.source != s.in {
		mark |= flow.Egress
	}
	rate, known := m.rate(s.rate)
	b.Sampling[at], b.Exporter[at] = rate, m.ex.index
	b.Mark[at] = mark | rateMark(known)
	b.Received[at], b.Start[at], b.End[at] = m.stamp, m.stamp, m.stamp
	m.count(at)
}

// packetOf is the packet that a sample's records describe.
type packetOf struct {
	info  packet.Info
	found bool
	why   Reason // why not
}

// read takes one record. What it cannot use leaves the length of the frame.
func (p *packetOf) read(kind uint32, b []byte) {
	switch kind {
	case rawHeader:
		p.header(b)
	case sampledEthernet:
		if len(b) >= 4 {
			p.info.IPBytes = int(binary.BigEndian.Uint32(b))
		}
	case sampledIPv4:
		if len(b) < 28 {
			p.why = BadSample
			return
		}
		p.info.Src, p.info.Dst = flow.AddrFrom4([4]byte(b[8:12])), flow.AddrFrom4([4]byte(b[12:16]))
		p.fields(b, 16)
	case sampledIPv6:
		if len(b) < 52 {
			p.why = BadSample
			return
		}
		p.info.Src, p.info.Dst = flow.Addr(b[8:24]), flow.Addr(b[24:40])
		p.fields(b, 40)
	}
}

// fields reads what sampled IPv4 and IPv6 records have in common: length and
// protocol in front of the addresses, ports and flags from at on.
func (p *packetOf) fields(b []byte, at int) {
	i := &p.info
	i.IPBytes = int(binary.BigEndian.Uint32(b))
	i.Proto = uint8(min(binary.BigEndian.Uint32(b[4:]), 255)) // 255 is reserved, so it misnames nothing
	src, dst := uint16(binary.BigEndian.Uint32(b[at:])), uint16(binary.BigEndian.Uint32(b[at+4:]))
	if isICMP(i.Proto) {
		src, dst = 0, src<<8|dst&0xff // the specification puts the type into the first, the code into the second
	}
	i.SrcPort, i.DstPort = src, dst
	i.TCPFlags = uint8(binary.BigEndian.Uint32(b[at+8:]))
	p.found = true
}

// header reads a raw header record: protocol, frame length, bytes stripped off
// the end, and the first bytes of the frame.
func (p *packetOf) header(b []byte) {
	if len(b) < 16 {
		p.why = BadSample
		return
	}
	proto := binary.BigEndian.Uint32(b)
	wire := int(binary.BigEndian.Uint32(b[4:])) - int(binary.BigEndian.Uint32(b[8:]))
	n := int(binary.BigEndian.Uint32(b[12:]))
	frame := b[16:]
	if n < len(frame) {
		frame = frame[:n]
	}
	wire = max(wire, len(frame))
	var why packet.Reason
	switch proto {
	case headerEthernet:
		why = packet.Decode(packet.LinkEthernet, frame, wire, &p.info)
	case headerIPv4, headerIPv6:
		why = packet.DecodeIP(frame, wire, &p.info)
	case headerPPP, headerPOS:
		why = packet.Decode(packet.LinkPPP, frame, wire, &p.info)
	case headerWiFi:
		why = packet.Decode(packet.LinkIEEE80211, frame, wire, &p.info)
	default:
		why = packet.UnknownLink
	}
	p.info.Payload = nil
	switch why {
	case packet.None:
		p.found = true
		return
	case packet.Truncated, packet.Malformed:
		p.why = BadPacket
	default:
		p.why = NonIP
	}
	p.info = packet.Info{IPBytes: wire}
}

// gateway returns source AS and the last AS on the path, the destination's, of an
// extended gateway record.
func gateway(b []byte) (src, dst uint32) {
	at := 8
	if len(b) >= 4 && binary.BigEndian.Uint32(b) == 2 {
		at = 20
	}
	if len(b) < at+16 {
		return 0, 0
	}
	src = binary.BigEndian.Uint32(b[at+4:])
	segments := binary.BigEndian.Uint32(b[at+12:])
	for b = b[at+16:]; segments > 0 && len(b) >= 8; segments-- {
		n := int(binary.BigEndian.Uint32(b[4:]))
		b = b[8:]
		if n > len(b)/4 {
			break
		}
		if n > 0 {
			dst = binary.BigEndian.Uint32(b[4*(n-1):])
		}
		b = b[4*n:]
	}
	return src, dst
}
