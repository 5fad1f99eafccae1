// SPDX-License-Identifier: Apache-2.0

package eve

import (
	"fmt"

	"tidewatch/flow"
	"tidewatch/flowfile"
)

// trouble is why an event gives no flow.
type trouble struct{ reason, what string }

func wrong(reason, field string, value []byte) trouble {
	return trouble{reason, fmt.Sprintf("%s is %.40q", field, value)}
}

// event holds the members of one event that a flow needs, as written.
type event struct {
	kind, time         []byte
	src, dst           []byte
	srcPort, dstPort   []byte
	proto              []byte
	icmpType, icmpCode []byte
	backType, backCode []byte // type and code of the answer, where Suricata saw one
	data, tcp          []byte // members flow or netflow, and tcp
}

// parse takes a line apart; false means it is no whole object.
func (e *event) parse(line []byte) bool {
	*e = event{}
	var asFlow, asNetflow []byte
	o := flowfile.NewObject(line)
	for k, v, ok := o.Next(); ok; k, v, ok = o.Next() {
		switch string(k) {
		case "event_type":
			e.kind = flowfile.Text(v)
		case "timestamp":
			e.time = flowfile.Text(v)
		case "src_ip":
			e.src = flowfile.Text(v)
		case "dest_ip":
			e.dst = flowfile.Text(v)
		case "src_port":
			e.srcPort = flowfile.Text(v)
		case "dest_port":
			e.dstPort = flowfile.Text(v)
		case "proto":
			e.proto = flowfile.Text(v)
		case "icmp_type":
			e.icmpType = flowfile.Text(v)
		case "icmp_code":
			e.icmpCode = flowfile.Text(v)
		case "response_icmp_type":
			e.backType = flowfile.Text(v)
		case "response_icmp_code":
			e.backCode = flowfile.Text(v)
		case "flow":
			asFlow = v
		case "netflow":
			asNetflow = v
		case "tcp":
			e.tcp = v
		}
	}
	e.data = asFlow
	if string(e.kind) == "netflow" {
		e.data = asNetflow
	}
	return !o.Damaged()
}

// conn makes a connection of a flow or netflow event.
func (e *event) conn(c *flowfile.Conn) trouble {
	var ok bool
	if c.From, ok = flowfile.ParseAddr(e.src); !ok {
		return wrong(flowfile.ReasonAddress, "src_ip", e.src)
	}
	if c.To, ok = flowfile.ParseAddr(e.dst); !ok {
		return wrong(flowfile.ReasonAddress, "dest_ip", e.dst)
	}
	if c.FromPort, ok = number16(e.srcPort); !ok {
		return wrong(flowfile.ReasonNumber, "src_port", e.srcPort)
	}
	if c.ToPort, ok = number16(e.dstPort); !ok {
		return wrong(flowfile.ReasonNumber, "dest_port", e.dstPort)
	}
	if c.Proto, ok = flowfile.ParseProtocol(e.proto); !ok {
		return wrong(flowfile.ReasonProtocol, "proto", e.proto)
	}
	if c.Proto == flow.ProtoICMP || c.Proto == flow.ProtoICMPv6 {
		c.Sent.ICMP, c.Got.ICMP = e.icmp()
	}
	if bad := e.counts(c); bad.reason != "" {
		return bad
	}
	if c.Proto == flow.ProtoTCP {
		e.flags(c)
	}
	return trouble{}
}

func number16(s []byte) (uint16, bool) {
	if s == nil {
		return 0, true
	}
	v, ok := flowfile.ParseUint(s, 0xffff)
	return uint16(v), ok
}

// icmp gives type<<8|code of both directions. Without an answer seen by type,
// the answer carries the type asked for: better than none for a ping.
func (e *event) icmp() (from, to uint16) {
	t, _ := flowfile.ParseUint(e.icmpType, 255)
	c, _ := flowfile.ParseUint(e.icmpCode, 255)
	from = uint16(t<<8 | c)
	if e.backType == nil {
		return from, from
	}
	t, _ = flowfile.ParseUint(e.backType, 255)
	c, _ = flowfile.ParseUint(e.backCode, 255)
	return from, uint16(t<<8 | c)
}

// counts reads times, packets and bytes from the member flow or netflow.
func (e *event) counts(c *flowfile.Conn) trouble {
	var start, end []byte
	o := flowfile.NewObject(e.data)
	for k, v, ok := o.Next(); ok; k, v, ok = o.Next() {
		var into *uint64
		switch string(k) {
		case "start":
			start = flowfile.Text(v)
		case "end":
			end = flowfile.Text(v)
		case "pkts_toserver", "pkts":
			into = &c.Sent.Packets
		case "bytes_toserver", "bytes":
			into = &c.Sent.Bytes
		case "pkts_toclient":
			into = &c.Got.Packets
		case "bytes_toclient":
			into = &c.Got.Bytes
		}
		if into == nil {
			continue
		}
		n, ok := flowfile.ParseCount(flowfile.Text(v))
		if !ok {
			return wrong(flowfile.ReasonNumber, string(k), v)
		}
		*into = n
	}
	if o.Damaged() {
		return trouble{flowfile.ReasonLine, "the flow member is not well formed"}
	}
	if end == nil {
		end = e.time
	}
	if start == nil {
		start = end
	}
	var ok bool
	if c.Start, ok = flowfile.ParseTime(start, nil); !ok {
		return wrong(flowfile.ReasonTime, "start", start)
	}
	if c.End, ok = flowfile.ParseTime(end, nil); !ok {
		return wrong(flowfile.ReasonTime, "end", end)
	}
	return trouble{}
}

// flags reads the hexadecimal flags of both sides. Where only their union is
// written both sides get it.
func (e *event) flags(c *flowfile.Conn) {
	var union, ts, tc []byte
	o := flowfile.NewObject(e.tcp)
	for k, v, ok := o.Next(); ok; k, v, ok = o.Next() {
		switch string(k) {
		case "tcp_flags":
			union = flowfile.Text(v)
		case "tcp_flags_ts":
			ts = flowfile.Text(v)
		case "tcp_flags_tc":
			tc = flowfile.Text(v)
		}
	}
	if ts == nil && tc == nil {
		ts, tc = union, union
	}
	c.Sent.TCPFlags, c.Sent.NoFlags = hexFlags(ts)
	c.Got.TCPFlags, c.Got.NoFlags = hexFlags(tc)
}

func hexFlags(s []byte) (flags uint8, unknown bool) {
	v, ok := flowfile.ParseHex(s, 255)
	return uint8(v), !ok
}
