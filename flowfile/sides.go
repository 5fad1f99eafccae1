// SPDX-License-Identifier: Apache-2.0

package flowfile

import "tidewatch/flow"

// Side is what one end of a connection sent.
type Side struct {
	Packets, Bytes uint64
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
	// ICMP type and code as type<<8|code, for each direction.
	FromICMP, ToICMP uint16
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
		t.appendSide(b, c, &r, &c.Sent, c.FromICMP, c.Answered)
	}
	if c.Got.Packets > 0 {
		r := flow.Record{
			Start: c.Start, End: c.End, Src: c.To, Dst: c.From,
			SrcPort: c.ToPort, DstPort: c.FromPort,
		}
		t.appendSide(b, c, &r, &c.Got, c.ToICMP, !c.Answered)
	}
}

func (t *Tally) appendSide(b *flow.Batch, c *Conn, r *flow.Record, s *Side, icmp uint16, reverse bool) {
	r.Proto, r.Packets, r.Bytes, r.Sampling, r.Mark = c.Proto, s.Packets, s.Bytes, c.Sampling, c.Mark
	switch r.Proto {
	case flow.ProtoTCP:
		r.TCPFlags = s.TCPFlags
		if s.NoFlags {
			r.Mark |= flow.NoTCPFlags
		}
	case flow.ProtoICMP, flow.ProtoICMPv6:
		r.SrcPort, r.DstPort = 0, icmp
	}
	if reverse {
		r.Mark |= flow.Reverse
	}
	t.Append(b, r)
}
