// SPDX-License-Identifier: Apache-2.0

package flowfile

import "tidewatch/flow"

// Side is what one end of a connection sent.
type Side struct {
	Packets, Bytes uint64
	ICMP           uint16 // type<<8|code of what this side sent
	TCPFlags       uint8
	NoFlags        bool // the file does not tell this side's TCP flags
}

// Conn is a connection as Zeek, Suricata and Argus write it: both directions in
// one row. From is the side named first.
type Conn struct {
	Start, End       int64 // Unix nanoseconds
	From, To         flow.Addr
	FromPort, ToPort uint16
	Proto            uint8
	Sent, Got        Side // what From sent and what To sent
	Answered         bool // To opened the connection, so From's half is the reverse one
	Sampling         uint32
	Mark             flow.Mark
}

// AppendConn hands out a connection as two records, one a direction, the
// responder's with the mark Reverse. A direction without a packet gives none.
func (t *Tally) AppendConn(b *flow.Batch, c *Conn) {
	if c.Sent.Packets == 0 && c.Got.Packets == 0 {
		t.Ignore("no_packets")
		return
	}
	if c.Sent.Packets > 0 {
		r := flow.Record{
			Start: c.Start, End: c.End, Src: c.From, Dst: c.To,
			SrcPort: c.FromPort, DstPort: c.ToPort,
		}
		t.appendSide(b, c, &c.Sent, &r)
	}
	if c.Got.Packets > 0 {
		r := flow.Record{
			Start: c.Start, End: c.End, Src: c.To, Dst: c.From,
			SrcPort: c.ToPort, DstPort: c.FromPort,
		}
		t.appendSide(b, c, &c.Got, &r)
	}
}

// appendSide hands out r, which has times, addresses and ports, as the
// direction that s counts.
func (t *Tally) appendSide(b *flow.Batch, c *Conn, s *Side, r *flow.Record) {
	r.Proto, r.Packets, r.Bytes, r.Sampling, r.Mark = c.Proto, s.Packets, s.Bytes, c.Sampling, c.Mark
	switch r.Proto {
	case flow.ProtoTCP:
		r.TCPFlags = s.TCPFlags
		if s.NoFlags {
			r.Mark |= flow.NoTCPFlags
		}
	case flow.ProtoICMP, flow.ProtoICMPv6:
		r.SrcPort, r.DstPort = 0, s.ICMP
	}
	if (s == &c.Got) != c.Answered {
		r.Mark |= flow.Reverse
	}
	t.Append(b, r)
}
