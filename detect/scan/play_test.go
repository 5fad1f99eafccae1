// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const t0 = int64(1_772_409_600) // a Monday, midnight UTC

// play is a tracker and a detector with the second that runs.
type play struct {
	tr *window.Tracker
	d  *Detector
	b  *flow.Batch
	at int64
}

func newPlay(tb testing.TB, networks ...netip.Prefix) *play {
	tb.Helper()
	cfg := window.DefaultConfig()
	cfg.Networks = window.NewNetworks(networks)
	tr, err := window.New(&cfg)
	if err != nil {
		tb.Fatal(err)
	}
	d, err := New(DefaultConfig(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tr.Jump(t0)
	return &play{tr: tr, d: d, b: flow.NewBatch(64), at: t0}
}

func internal(a netip.Addr) bool {
	return netip.MustParsePrefix("10.0.0.0/8").Contains(a) || netip.MustParsePrefix("fd00::/8").Contains(a)
}

// add appends a record of the running second.
func (p *play) add(r flow.Record) {
	r.Start, r.End, r.Received = p.at*1e9, p.at*1e9, p.at*1e9
	if internal(r.Src.Netip()) {
		r.Mark |= flow.SrcInternal
	}
	if internal(r.Dst.Netip()) {
		r.Mark |= flow.DstInternal
	}
	r.Sampling = max(r.Sampling, 1)
	p.b.Append(&r)
}

// run plays seconds; each is called with the number of every second.
func (p *play) run(seconds int64, each func(s int64)) (out []detect.Finding) {
	for end := t0 + seconds; p.tr.Now() < end; {
		p.at = p.tr.Now()
		p.b.Reset()
		each(p.at - t0)
		p.tr.Add(p.b, 0, p.b.Len(), nil)
		out = p.d.Detect(p.tr.Tick(), out)
		p.tr.Next(p.at + 1)
	}
	return out
}

func ip(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

// nth is an address near base.
func nth(base string, n int64) flow.Addr {
	a := ip(base)
	v := binary.BigEndian.Uint32(a[12:])
	binary.BigEndian.PutUint32(a[12:], v+uint32(n))
	return a
}

func syn(from, to flow.Addr, port uint16) flow.Record {
	return flow.Record{Src: from, Dst: to, SrcPort: 40_000 + port%20_000, DstPort: port, Proto: flow.ProtoTCP, TCPFlags: flow.SYN, Packets: 1, Bytes: 44}
}

func answer(r flow.Record, flags uint8, packets, bytes uint64) flow.Record {
	r.Src, r.Dst, r.SrcPort, r.DstPort = r.Dst, r.Src, r.DstPort, r.SrcPort
	r.TCPFlags, r.Packets, r.Bytes = flags, packets, bytes
	return r
}

// session is an answered one, both halves: packets of each, bytes sent and received.
func (p *play) session(from, to flow.Addr, port uint16, load [3]uint64) {
	packets, sent, received := load[0], load[1], load[2]
	r := flow.Record{Src: from, Dst: to, SrcPort: 50_000 + uint16(p.at%9000), DstPort: port, Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN, Packets: packets, Bytes: sent}
	p.add(r)
	p.add(answer(r, r.TCPFlags, packets, received))
}

const rst = flow.RST | flow.ACK
