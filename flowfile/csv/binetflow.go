// SPDX-License-Identifier: Apache-2.0

package csv

import (
	"bytes"
	"math"

	"tidewatch/flow"
	"tidewatch/flowfile"
)

// binetflow hands out the two directions of an Argus row. SrcBytes is what
// SrcAddr sent; the rest of TotBytes came back.
func (c *reader) binetflow(b *flow.Batch) trouble {
	var r flow.Record
	p, bad := c.protocol()
	if bad.reason == notIP {
		return trouble{}
	}
	if bad = first(bad, c.addresses(&r), c.times(&r)); bad.reason != "" {
		return bad
	}
	k := flowfile.Conn{Start: r.Start, End: r.End, From: r.Src, To: r.Dst, Proto: p, Sampling: max(1, c.sampling)}
	if p == flow.ProtoICMP && !r.Src.Is4() {
		k.Proto = flow.ProtoICMPv6
	}
	if bad = c.argusPorts(&k); bad.reason != "" {
		return bad
	}
	if bad = c.argusCounts(&k); bad.reason != "" {
		return bad
	}
	if k.Proto == flow.ProtoTCP {
		argusFlags(c.row[state], &k)
	}
	dir := bytes.TrimSpace(c.row[direction])
	k.Answered = string(dir) == "<-" || string(dir) == "<?"
	c.tally.AppendConn(b, &k)
	return trouble{}
}

// argusPorts reads ports, decimal or hexadecimal. Of ICMP, Sport is the type in
// the low and the code in the high byte: 0x0403 with state URF is type 3 code 4,
// fragmentation needed.
func (c *reader) argusPorts(k *flowfile.Conn) trouble {
	from, bad := number[uint16](c, srcPort, math.MaxUint16)
	if bad.reason != "" {
		return bad
	}
	if k.Proto == flow.ProtoICMP || k.Proto == flow.ProtoICMPv6 {
		k.Sent.ICMP = from<<8 | from>>8
		k.Got.ICMP = k.Sent.ICMP
		switch {
		case k.Proto == flow.ProtoICMP && k.Sent.ICMP>>8 == 8:
			k.Got.ICMP = 0 // echo reply
		case k.Proto == flow.ProtoICMPv6 && k.Sent.ICMP>>8 == 128:
			k.Got.ICMP = 129 << 8
		}
		return trouble{}
	}
	k.FromPort = from
	k.ToPort, bad = number[uint16](c, dstPort, math.MaxUint16)
	return bad
}

func (c *reader) argusCounts(k *flowfile.Conn) trouble {
	var n [3]uint64
	for i, r := range []role{totalPackets, totalBytes, srcBytes} {
		var ok bool
		if n[i], ok = flowfile.ParseCount(c.row[r]); !ok {
			return wrong(flowfile.ReasonNumber, r, c.row[r])
		}
	}
	total, all, sent := n[0], n[1], n[2]
	if sent > all {
		return wrong(flowfile.ReasonNumber, srcBytes, c.row[srcBytes])
	}
	k.Sent.Bytes, k.Got.Bytes = sent, all-sent
	if s := c.row[srcPackets]; s != nil {
		p, ok := flowfile.ParseCount(s)
		if !ok || p > total {
			return wrong(flowfile.ReasonNumber, srcPackets, s)
		}
		k.Sent.Packets, k.Got.Packets = p, total-p
		return trouble{}
	}
	k.Sent.Packets, k.Got.Packets = shares(total, sent, all-sent)
	if k.Got.Packets == 0 { // one packet cannot have gone both ways
		k.Sent.Bytes, k.Got.Bytes = all, 0
	}
	if k.Sent.Packets > 0 && k.Got.Packets > 0 && !c.noted {
		c.noted = true
		c.tally.Note("the file has no packet counts per direction: TotPkts is split in proportion to bytes, at least 1 each way")
	}
	return trouble{}
}

// shares splits packets between two directions in proportion to their bytes. A
// direction with bytes has at least one packet where there are two or more.
func shares(total, sent, got uint64) (a, b uint64) {
	switch {
	case got == 0 || total < 2:
		return total, 0
	case sent == 0:
		return 0, total
	}
	a = uint64(math.Round(float64(total) * (float64(sent) / (float64(sent) + float64(got)))))
	a = min(max(a, 1), total-1)
	return a, total - a
}

// argusFlags reads the state of a TCP flow: the flags of both sides (FSPA_FSPA),
// or a word. Of the words only those that pin flags down are used.
func argusFlags(s []byte, k *flowfile.Conn) {
	from, to, ok := bytes.Cut(s, []byte("_"))
	if ok {
		k.Sent.TCPFlags, k.Sent.NoFlags = argusLetters(from)
		k.Got.TCPFlags, k.Got.NoFlags = argusLetters(to)
		return
	}
	k.Sent.NoFlags, k.Got.NoFlags = true, true
	switch string(s) {
	case "REQ": // asked for and not answered
		k.Sent.TCPFlags, k.Sent.NoFlags = flow.SYN, false
	case "ACC": // answered, nothing more seen
		k.Sent.TCPFlags, k.Sent.NoFlags = flow.SYN, false
		k.Got.TCPFlags, k.Got.NoFlags = flow.SYN|flow.ACK, false
	}
}

func argusLetters(s []byte) (flags uint8, unknown bool) {
	v, ok := flowfile.ParseTCPFlags(s)
	return v, !ok
}
