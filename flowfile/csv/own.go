// SPDX-License-Identifier: Apache-2.0

package csv

import (
	"bytes"
	"math"
	"net/netip"

	"tidewatch/flow"
	"tidewatch/flowfile"
)

// own hands out the flow of a row with tidewatch's columns, and the reverse
// half where the row has counts for it.
func (c *reader) own(b *flow.Batch) trouble {
	var r flow.Record
	p, bad := c.protocol()
	if bad.reason == notIP {
		return trouble{}
	}
	r.Proto = p
	if bad = first(bad, c.addresses(&r), c.times(&r), c.ports(&r), c.metadata(&r)); bad.reason != "" {
		return bad
	}
	back := r
	if bad = first(c.counts(&r, packets, bytesCount), c.counts(&back, revPackets, revBytes)); bad.reason != "" {
		return bad
	}
	if bad = first(c.flags(&r, tcpFlags, rateFin), c.flags(&back, revFlags, revRateFin)); bad.reason != "" {
		return bad
	}
	if r.Packets == 0 && back.Packets == 0 {
		c.tally.Ignore("no_packets")
		return trouble{}
	}
	if r.Packets > 0 {
		c.tally.Append(b, &r)
	}
	if back.Packets > 0 {
		back.Src, back.Dst, back.InIf, back.OutIf = r.Dst, r.Src, r.OutIf, r.InIf
		back.SrcAS, back.DstAS = r.DstAS, r.SrcAS
		if back.Proto != flow.ProtoICMP && back.Proto != flow.ProtoICMPv6 {
			back.SrcPort, back.DstPort = r.DstPort, r.SrcPort
		}
		back.Mark |= flow.Reverse
		c.tally.Append(b, &back)
	}
	return trouble{}
}

func first(all ...trouble) trouble {
	for _, t := range all {
		if t.reason != "" {
			return t
		}
	}
	return trouble{}
}

// notIP stands for a row that was counted as no IP traffic.
const notIP = "not_ip"

// protocol reads the protocol. The Westermo data set writes IPV4-TCP and
// IPV4-2; Argus and it list ARP and the like beside IP.
func (c *reader) protocol() (uint8, trouble) {
	s := c.row[proto]
	if s == nil {
		return 0, trouble{flowfile.ReasonNoField, "no protocol"}
	}
	if p, ok := flowfile.ParseProtocol(s); ok {
		return p, trouble{}
	}
	if len(s) > 5 && (bytes.EqualFold(s[:5], []byte("ipv4-")) || bytes.EqualFold(s[:5], []byte("ipv6-"))) {
		if p, ok := flowfile.ParseProtocol(s[5:]); ok {
			return p, trouble{}
		}
	}
	if flowfile.NotIP(s) {
		c.tally.Ignore(notIP)
		return 0, trouble{reason: notIP}
	}
	return 0, wrong(flowfile.ReasonProtocol, proto, s)
}

func (c *reader) addresses(r *flow.Record) trouble {
	var ok bool
	if r.Src, ok = flowfile.ParseAddr(c.row[src]); !ok {
		return wrong(flowfile.ReasonAddress, src, c.row[src])
	}
	if r.Dst, ok = flowfile.ParseAddr(c.row[dst]); !ok {
		return wrong(flowfile.ReasonAddress, dst, c.row[dst])
	}
	return trouble{}
}

// times reads start and end, or start and duration; without both the flow has
// no length.
func (c *reader) times(r *flow.Record) trouble {
	var ok bool
	if r.Start, ok = flowfile.ParseTime(c.row[start], c.zone); !ok {
		return wrong(flowfile.ReasonTime, start, c.row[start])
	}
	r.End = r.Start
	switch {
	case c.row[end] != nil:
		if r.End, ok = flowfile.ParseTime(c.row[end], c.zone); !ok {
			return wrong(flowfile.ReasonTime, end, c.row[end])
		}
	case c.row[duration] != nil:
		d, ok := flowfile.ParseSeconds(c.row[duration])
		if !ok || d > 0 && r.Start+d < r.Start {
			return wrong(flowfile.ReasonTime, duration, c.row[duration])
		}
		r.End += d
	}
	return trouble{}
}

// ports reads ports, or type and code of ICMP: as dst_port "8.0" (nfdump),
// dst_port 2048 (type*256+code), or in columns of their own.
func (c *reader) ports(r *flow.Record) trouble {
	if r.Proto == flow.ProtoICMP || r.Proto == flow.ProtoICMPv6 {
		return c.icmp(r)
	}
	var bad [2]trouble
	r.SrcPort, bad[0] = number[uint16](c, srcPort, math.MaxUint16)
	r.DstPort, bad[1] = number[uint16](c, dstPort, math.MaxUint16)
	return first(bad[:]...)
}

func (c *reader) icmp(r *flow.Record) trouble {
	if c.row[icmpType] != nil {
		t, bad := number[uint16](c, icmpType, math.MaxUint8)
		code, bad2 := number[uint16](c, icmpCode, math.MaxUint8)
		r.DstPort = t<<8 | code
		return first(bad, bad2)
	}
	if t, code, ok := bytes.Cut(c.row[dstPort], []byte(".")); ok {
		hi, ok1 := flowfile.ParseUint(t, math.MaxUint8)
		lo, ok2 := flowfile.ParseUint(code, math.MaxUint8)
		if !ok1 || !ok2 {
			return wrong(flowfile.ReasonNumber, dstPort, c.row[dstPort])
		}
		r.DstPort = uint16(hi<<8 | lo)
		return trouble{}
	}
	var bad trouble
	r.DstPort, bad = number[uint16](c, dstPort, math.MaxUint16)
	return bad
}

// number reads an optional number; an empty cell is zero.
func number[T uint16 | uint32](c *reader, r role, limit uint64) (T, trouble) {
	s := c.row[r]
	if s == nil {
		return 0, trouble{}
	}
	v, ok := flowfile.ParseNumber(s, limit)
	if !ok {
		return 0, wrong(flowfile.ReasonNumber, r, s)
	}
	return T(v), trouble{}
}

func (c *reader) metadata(r *flow.Record) trouble {
	var bad [5]trouble
	r.InIf, bad[0] = number[uint32](c, inIf, math.MaxUint32)
	r.OutIf, bad[1] = number[uint32](c, outIf, math.MaxUint32)
	r.SrcAS, bad[2] = number[uint32](c, srcAS, math.MaxUint32)
	r.DstAS, bad[3] = number[uint32](c, dstAS, math.MaxUint32)
	r.Sampling, bad[4] = number[uint32](c, sampling, math.MaxUint32)
	if r.Sampling == 0 {
		r.Sampling = c.sampling
	}
	if r.Sampling == 0 {
		r.Mark |= flow.NoRate
	}
	r.Exporter = c.exporterIndex(c.row[exporter])
	return first(bad[:]...)
}

// maxExporters bounds the table of exporters; those beyond share the last index.
const maxExporters = 65536

func (c *reader) exporterIndex(name []byte) uint32 {
	if name == nil {
		return 0
	}
	if i, ok := c.exporters[string(name)]; ok {
		return i
	}
	i := uint32(len(c.exporters))
	if i >= maxExporters {
		return maxExporters - 1
	}
	c.exporters[string(name)] = i
	if a, err := netip.ParseAddr(string(name)); err == nil && c.seen != nil {
		c.seen(i, a)
	}
	return i
}

func (c *reader) counts(r *flow.Record, p, n role) trouble {
	var ok bool
	if s := c.row[p]; s != nil {
		if r.Packets, ok = flowfile.ParseCount(s); !ok {
			return wrong(flowfile.ReasonNumber, p, s)
		}
	} else if p == packets {
		return trouble{flowfile.ReasonNoField, "no packets"}
	}
	if s := c.row[n]; s != nil {
		if r.Bytes, ok = flowfile.ParseCount(s); !ok {
			return wrong(flowfile.ReasonNumber, n, s)
		}
	} else if n == bytesCount && r.Packets > 0 {
		return trouble{flowfile.ReasonNoField, "no bytes"}
	}
	return trouble{}
}

// flags reads TCP flags from their column, or from the shares of packets that
// carried each flag, which stand in six columns from rates on.
func (c *reader) flags(r *flow.Record, column, rates role) trouble {
	if r.Proto != flow.ProtoTCP {
		return trouble{}
	}
	if s := c.row[column]; s != nil {
		var ok bool
		if r.TCPFlags, ok = flowfile.ParseTCPFlags(s); !ok {
			return wrong(flowfile.ReasonNumber, column, s)
		}
		return trouble{}
	}
	known := false
	for i := range 6 {
		s := c.row[int(rates)+i]
		known = known || s != nil
		if len(bytes.Trim(s, "0.")) > 0 {
			r.TCPFlags |= 1 << i
		}
	}
	if !known {
		r.Mark |= flow.NoTCPFlags
	}
	return trouble{}
}
