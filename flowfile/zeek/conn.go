// SPDX-License-Identifier: Apache-2.0

package zeek

import (
	"fmt"

	"tidewatch/flow"
	"tidewatch/flowfile"
)

// trouble is why a line gives no flow.
type trouble struct{ reason, what string }

func wrong(reason, field string, value []byte) trouble {
	return trouble{reason, fmt.Sprintf("%s is %.40q", field, value)}
}

// conn makes a connection of the row. guessed says that packet counts are missing.
func (r *row) conn(c *flowfile.Conn) (guessed bool, bad trouble) {
	var ok bool
	if r[ts] == nil || r[origHost] == nil || r[respHost] == nil || r[proto] == nil {
		return false, trouble{flowfile.ReasonNoField, "ts, id.orig_h, id.resp_h or proto is not set"}
	}
	if c.Start, ok = flowfile.ParseTime(r[ts], nil); !ok {
		return false, wrong(flowfile.ReasonTime, "ts", r[ts])
	}
	var length int64
	if r[duration] != nil {
		if length, ok = flowfile.ParseSeconds(r[duration]); !ok {
			return false, wrong(flowfile.ReasonTime, "duration", r[duration])
		}
	}
	c.End = c.Start + length
	if length > 0 && c.End < c.Start {
		return false, wrong(flowfile.ReasonTime, "duration", r[duration])
	}
	if c.From, ok = flowfile.ParseAddr(r[origHost]); !ok {
		return false, wrong(flowfile.ReasonAddress, "id.orig_h", r[origHost])
	}
	if c.To, ok = flowfile.ParseAddr(r[respHost]); !ok {
		return false, wrong(flowfile.ReasonAddress, "id.resp_h", r[respHost])
	}
	if c.FromPort, ok = port(r[origPort]); !ok {
		return false, wrong(flowfile.ReasonNumber, "id.orig_p", r[origPort])
	}
	if c.ToPort, ok = port(r[respPort]); !ok {
		return false, wrong(flowfile.ReasonNumber, "id.resp_p", r[respPort])
	}
	if c.Proto, ok = r.protocol(c.From); !ok {
		return false, wrong(flowfile.ReasonProtocol, "proto", r[proto])
	}
	return r.sides(c)
}

func (r *row) sides(c *flowfile.Conn) (guessed bool, bad trouble) {
	if bad = r.side(origPackets, origIPBytes, origBytes, &c.Sent); bad.reason != "" {
		return false, bad
	}
	if bad = r.side(respPackets, respIPBytes, respBytes, &c.Got); bad.reason != "" {
		return false, bad
	}
	guessed = r[origPackets] == nil || r[respPackets] == nil
	switch c.Proto {
	case flow.ProtoTCP:
		c.Sent.TCPFlags, c.Got.TCPFlags = flagsOf(r[history], r[connState])
		c.Sent.NoFlags, c.Got.NoFlags = c.Sent.TCPFlags == 0, c.Got.TCPFlags == 0
	case flow.ProtoICMP, flow.ProtoICMPv6:
		c.Sent.ICMP, c.Got.ICMP = icmp(c.Proto, c.FromPort, c.ToPort)
	}
	return guessed, trouble{}
}

func port(s []byte) (uint16, bool) {
	if s == nil {
		return 0, true
	}
	v, ok := flowfile.ParseUint(s, 0xffff)
	return uint16(v), ok
}

// unknownProtocol is IANA's reserved number: Zeek writes unknown_transport
// where it does not know, and such a record is kept.
const unknownProtocol = 255

func (r *row) protocol(from flow.Addr) (uint8, bool) {
	if v, ok := flowfile.ParseUint(r[ipProto], 255); ok {
		return uint8(v), true
	}
	if string(r[proto]) == "unknown_transport" {
		return unknownProtocol, true
	}
	p, ok := flowfile.ParseProtocol(r[proto])
	if p == flow.ProtoICMP && !from.Is4() {
		p = flow.ProtoICMPv6 // Zeek says icmp for both
	}
	return p, ok
}

// side reads what one end sent. IP bytes are preferred to payload bytes: flows
// everywhere else count IP bytes. Logs without packet counts exist (old Zeek,
// or trimmed by a shipper); there the count is guessed from bytes.
func (r *row) side(packets, ipBytes, payload field, s *flowfile.Side) trouble {
	var ok bool
	use := ipBytes
	if r[use] == nil {
		use = payload
	}
	if r[use] != nil {
		if s.Bytes, ok = flowfile.ParseCount(r[use]); !ok {
			return wrong(flowfile.ReasonNumber, "a count of bytes", r[use])
		}
	}
	if r[packets] != nil {
		if s.Packets, ok = flowfile.ParseCount(r[packets]); !ok {
			return wrong(flowfile.ReasonNumber, "a count of packets", r[packets])
		}
		return trouble{}
	}
	const segment = 1460 // payload of a full Ethernet frame over IPv4 and TCP
	s.Packets = s.Bytes/segment + min(1, s.Bytes%segment)
	if packets == origPackets {
		s.Packets = max(1, s.Packets) // a connection has at least the packet that opened it
	}
	return trouble{}
}

// twoWay pairs ICMP requests and replies as Zeek does; for these id.resp_p is
// the type of the other direction, for all other types it is the code.
func twoWay(proto uint8, t uint16) (uint16, bool) {
	pairs := [][2]uint16{{8, 0}, {13, 14}, {15, 16}, {17, 18}, {10, 9}}
	if proto == flow.ProtoICMPv6 {
		pairs = [][2]uint16{{128, 129}, {133, 134}, {135, 136}, {130, 131}, {139, 140}, {144, 145}}
	}
	for _, p := range pairs {
		switch t {
		case p[0]:
			return p[1], true
		case p[1]:
			return p[0], true
		}
	}
	return 0, false
}

// icmp turns Zeek's ports of an ICMP connection into type<<8|code a direction.
func icmp(proto uint8, orig, resp uint16) (from, to uint16) {
	if other, ok := twoWay(proto, orig); ok && (resp == other || resp == 0) {
		return orig << 8, other << 8
	}
	v := orig<<8 | resp&0xff
	return v, v
}
