// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"net/netip"
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const t0 = 1_700_000_000

var (
	victim  = flow.AddrFrom(netip.MustParseAddr("10.0.0.1"))
	victim6 = flow.AddrFrom(netip.MustParseAddr("fd00::1"))
)

// traffic is one second of flows to the victim, or from it.
type traffic struct {
	proto          uint8
	flags          uint8
	flows, packets int // a second; packets of each flow
	bytes          int // of a packet
	sources        int
	srcPort, port  uint16
	answers        bool  // the victim sends as much back
	back           int   // or so many packets for each flow
	backFlags      uint8 // with these flags, if any
	sampling       uint32
	mark           flow.Mark
	v6             bool
	out            bool // the victim is the sender
	from, to       int  // seconds of the minute; 0 = from its begin, to its end
}

func (x *traffic) record(sec int64, i int) flow.Record {
	n := i % x.sources
	r := flow.Record{
		Received: sec * 1e9, Start: sec * 1e9, End: sec * 1e9, Dst: victim, Src: flow.AddrFrom4([4]byte{198, byte(18 + n>>16), byte(n >> 8), byte(n)}),
		SrcPort: x.srcPort, DstPort: x.port, Proto: x.proto, TCPFlags: x.flags, Mark: flow.DstInternal | x.mark,
		Packets: uint64(x.packets), Bytes: uint64(x.packets * x.bytes), Sampling: max(1, x.sampling),
	}
	if x.v6 {
		r.Src = flow.Addr{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}
		r.Dst = victim6
	}
	if x.srcPort == 0 {
		r.SrcPort = uint16(1024 + i)
	}
	if x.out {
		r = turned(&r)
	}
	return r
}

// turned is the other direction of a flow.
func turned(r *flow.Record) flow.Record {
	o := *r
	o.Src, o.Dst, o.SrcPort, o.DstPort = r.Dst, r.Src, r.DstPort, r.SrcPort
	o.Mark &^= flow.SrcInternal | flow.DstInternal
	if r.Mark&flow.SrcInternal != 0 {
		o.Mark |= flow.DstInternal
	}
	if r.Mark&flow.DstInternal != 0 {
		o.Mark |= flow.SrcInternal
	}
	return o
}

// fresh is a window at t0 and a detector without a past.
func fresh(t *testing.T) (*window.Tracker, *Detector) {
	t.Helper()
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(new(DefaultConfig()), nil)
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(t0)
	return tr, d
}

// ticks plays so many seconds of traffic and calls f with the findings of each.
func ticks(t *testing.T, seconds int64, f func(sec int64, found []detect.Finding), all ...traffic) {
	t.Helper()
	tr, d := fresh(t)
	b := flow.NewBatch(1024)
	for sec := range seconds {
		b.Reset()
		for _, x := range all {
			if int64(x.from) > sec || x.to > 0 && int64(x.to) <= sec {
				continue
			}
			for i := range x.flows {
				r := x.record(t0+sec, i)
				b.Append(&r)
				if !x.answers && x.back == 0 {
					continue
				}
				o := turned(&r)
				if x.back > 0 {
					o.Packets, o.Bytes = uint64(x.back), uint64(60*x.back)
				}
				if x.backFlags != 0 {
					o.TCPFlags = x.backFlags
				}
				b.Append(&o)
			}
		}
		tr.Add(b, 0, b.Len(), nil)
		f(sec, d.Detect(tr.Tick(), nil))
		tr.Next(t0 + sec + 1)
	}
}

// run plays a quarter of a minute of traffic and returns the last finding.
func run(t *testing.T, all ...traffic) (f detect.Finding, found bool) {
	t.Helper()
	ticks(t, 16, func(_ int64, all []detect.Finding) {
		for _, g := range all {
			if found && (g.Kind != f.Kind || g.Subject != f.Subject) {
				t.Errorf("two causes: %s on %v, %s on %v", f.Kind, f.Subject, g.Kind, g.Subject)
			}
			f, found = g, true
		}
	}, all...)
	return f, found
}

func TestDetect(t *testing.T) {
	session := uint8(flow.SYN | flow.ACK | flow.PSH | flow.FIN)
	for name, tc := range map[string]struct {
		traffic []traffic
		vector  string // empty: nothing to find
	}{
		"SYN flood":                      {[]traffic{{proto: flow.ProtoTCP, flags: flow.SYN, flows: 500, packets: 40, bytes: 60, sources: 500, port: 443}}, "syn_flood"},
		"SYN flood with ECN bits":        {[]traffic{{proto: flow.ProtoTCP, flags: flow.SYN | flow.ECE | flow.CWR, flows: 500, packets: 1, bytes: 60, sources: 500, port: 443}}, "syn_flood"},
		"busy web shop":                  {[]traffic{{proto: flow.ProtoTCP, flags: session, flows: 1000, packets: 20, bytes: 400, sources: 1000, port: 443, answers: true}}, ""},
		"shop under SYN flood":           {[]traffic{{proto: flow.ProtoTCP, flags: session, flows: 500, packets: 20, bytes: 400, sources: 500, port: 443, answers: true}, {proto: flow.ProtoTCP, flags: flow.SYN, flows: 300, packets: 1, bytes: 60, sources: 300, port: 443}}, "syn_flood"},
		"few lost connections":           {[]traffic{{proto: flow.ProtoTCP, flags: session, flows: 1000, packets: 8, bytes: 400, sources: 1000, port: 443, answers: true}, {proto: flow.ProtoTCP, flags: flow.SYN, flows: 110, packets: 1, bytes: 60, sources: 110, port: 443}}, ""},
		"UDP flood":                      {[]traffic{{proto: flow.ProtoUDP, flows: 500, packets: 40, bytes: 500, sources: 500, port: 7}}, "udp_flood"},
		"video call":                     {[]traffic{{proto: flow.ProtoUDP, flows: 10, packets: 1500, bytes: 900, sources: 1, srcPort: 50000, port: 50001, answers: true}}, ""},
		"QUIC download":                  {[]traffic{{proto: flow.ProtoUDP, flows: 20, packets: 1000, bytes: 1300, sources: 2, srcPort: 443, port: 50001, back: 200}}, ""},
		"the same from many sources":     {[]traffic{{proto: flow.ProtoUDP, flows: 200, packets: 100, bytes: 1300, sources: 200, srcPort: 443, port: 50001, back: 20}}, "udp_flood"},
		"acknowledged by clients of web": {[]traffic{{proto: flow.ProtoUDP, flows: 200, packets: 100, bytes: 1300, sources: 200, srcPort: 443, port: 50001, back: 45}}, ""},
		"of no web servers":              {[]traffic{{proto: flow.ProtoUDP, flows: 200, packets: 100, bytes: 1300, sources: 200, srcPort: 4430, port: 50001, back: 45}}, "udp_flood"},
		"UDP flood from one, unanswered": {[]traffic{{proto: flow.ProtoUDP, flows: 20, packets: 1000, bytes: 1300, sources: 1, srcPort: 443, port: 50001}}, "udp_flood"},
		"DNS amplification":              {[]traffic{{proto: flow.ProtoUDP, flows: 600, packets: 1, bytes: 1400, sources: 600, srcPort: 53, port: 4444}}, "dns_amplification"},
		"recursive resolver":             {[]traffic{{proto: flow.ProtoUDP, flows: 600, packets: 1, bytes: 200, sources: 600, srcPort: 53, port: 4444, answers: true}}, ""},
		"syslog server":                  {[]traffic{{proto: flow.ProtoUDP, flows: 400, packets: 2, bytes: 200, sources: 400, port: 514}}, ""},
		"ping flood":                     {[]traffic{{proto: flow.ProtoICMP, flows: 200, packets: 100, bytes: 84, sources: 200}}, "icmp_flood"},
		"monitoring by ping":             {[]traffic{{proto: flow.ProtoICMP, flows: 50, packets: 2, bytes: 84, sources: 50, answers: true}}, ""},
		"two vectors":                    {[]traffic{{proto: flow.ProtoTCP, flags: flow.SYN, flows: 300, packets: 60, bytes: 60, sources: 300, port: 80}, {proto: flow.ProtoUDP, flows: 300, packets: 60, bytes: 500, sources: 300, port: 80}}, "mixed"},
		"sampled shop: lone SYNs seen":   {[]traffic{{proto: flow.ProtoTCP, flags: flow.SYN, flows: 2, packets: 1000, bytes: 60, sources: 2, port: 443, sampling: 1000}, {proto: flow.ProtoTCP, flags: flow.ACK, flows: 20, packets: 1000, bytes: 600, sources: 20, port: 443, sampling: 1000}}, ""},
		"sampled SYN flood":              {[]traffic{{proto: flow.ProtoTCP, flags: flow.SYN, flows: 50, packets: 1000, bytes: 60, sources: 50, port: 443, sampling: 1000}}, "syn_flood"},
	} {
		f, found := run(t, tc.traffic...)
		if found != (tc.vector != "") || f.Vector != tc.vector {
			t.Errorf("%s: vector %q, found %v; want %q: %+v", name, f.Vector, found, tc.vector, f.Indicators)
		}
	}
}

// A tick in which nothing is wrong allocates nothing.
func TestQuietAllocatesNothing(t *testing.T) {
	tr, d := fresh(t)
	r := flow.Record{Received: t0 * 1e9, Start: t0 * 1e9, End: t0 * 1e9, Dst: victim, Src: flow.Addr{1}, Proto: 6, TCPFlags: 0x1b, Packets: 20_000, Bytes: 1e6, Sampling: 1, Mark: flow.DstInternal}
	b := flow.NewBatch(1)
	b.Append(&r)
	tr.Add(b, 0, 1, nil)
	w := tr.Tick()
	if n := testing.AllocsPerRun(50, func() {
		if len(d.Detect(w, nil)) != 0 {
			t.Error("a finding")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
