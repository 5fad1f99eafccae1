// SPDX-License-Identifier: Apache-2.0

package webflood

import (
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const t0 = 1_700_000_040 // the begin of a minute

// clients is what connections to a server look like in one minute.
type clients struct {
	conns, sources       int
	port                 uint16
	packets, bytes       int // a minute, from the client; bytes of a packet
	outPackets, outBytes int // likewise, from the server
	sampling             uint32
	seconds              int64 // that a piece lasts; 0 = all of the minute
	from, to             int   // minutes; to 0 = until the end
	v6                   bool
}

func slow() clients {
	return clients{conns: 3000, sources: 100, port: 443, packets: 6, bytes: 74, outPackets: 6, outBytes: 52, from: 11}
}

// play runs a quarter of an hour and returns the findings.
func play(t *testing.T, all ...clients) (out []detect.Finding) {
	t.Helper()
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(DefaultConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(t0)
	b := flow.NewBatch(1024)
	for minute := range 16 {
		b.Reset()
		for _, c := range all {
			if minute < c.from || c.to > 0 && minute >= c.to {
				continue
			}
			for i := range c.conns {
				end := int64(t0 + 60*minute + 59)
				n := c.seconds
				if n == 0 {
					n = 59
				}
				r := flow.Record{
					Received: end * 1e9, Start: (end - n) * 1e9, End: end * 1e9, Proto: flow.ProtoTCP, TCPFlags: flow.ACK | flow.PSH,
					Src: flow.AddrFrom4([4]byte{198, 18, byte(i % c.sources >> 8), byte(i % c.sources)}), Dst: flow.AddrFrom4([4]byte{10, 0, 0, 1}),
					SrcPort: uint16(1024 + i), DstPort: c.port, Packets: uint64(c.packets), Bytes: uint64(c.packets * c.bytes),
					Sampling: max(1, c.sampling), Mark: flow.DstInternal,
				}
				if c.v6 {
					r.Src, r.Dst = flow.Addr{0: 0x20, 14: byte(i % c.sources >> 8), 15: byte(i % c.sources)}, flow.Addr{0: 0xfd, 15: 1}
				}
				b.Append(&r)
				r.Src, r.Dst, r.SrcPort, r.DstPort, r.Mark = r.Dst, r.Src, r.DstPort, r.SrcPort, flow.SrcInternal
				r.Packets, r.Bytes, r.TCPFlags = uint64(c.outPackets), uint64(c.outPackets*c.outBytes), flow.ACK
				b.Append(&r)
			}
		}
		for s := range int64(60) {
			if s == 59 {
				tr.Add(b, 0, b.Len(), nil)
			}
			out = d.Detect(tr.Tick(), out)
			tr.Next(tr.Now() + 1)
		}
	}
	return out
}

func TestSlowRequests(t *testing.T) {
	with := func(change func(c *clients)) clients {
		c := slow()
		change(&c)
		return c
	}
	shop := clients{conns: 1000, sources: 1000, port: 443, packets: 20, bytes: 400, outPackets: 30, outBytes: 1200, seconds: 6}
	for name, tc := range map[string]struct {
		clients []clients
		found   bool
	}{
		"slow requests":                       {[]clients{slow()}, true},
		"over IPv6, with time stamps":         {[]clients{with(func(c *clients) { c.v6, c.bytes, c.outBytes = true, 94, 72 })}, true},
		"at a busy shop":                      {[]clients{shop, slow()}, true},
		"slow bodies":                         {[]clients{with(func(c *clients) { c.packets, c.outPackets, c.port = 30, 30, 8080 })}, true},
		"waiting web sockets, one a user":     {[]clients{with(func(c *clients) { c.sources = 3000 })}, false},
		"web sockets that get news":           {[]clients{with(func(c *clients) { c.outBytes = 140 })}, false},
		"uploads":                             {[]clients{with(func(c *clients) { c.packets, c.bytes, c.outPackets = 4000, 1400, 2000 })}, false},
		"few":                                 {[]clients{with(func(c *clients) { c.conns, c.sources = 300, 10 })}, false},
		"a database":                          {[]clients{with(func(c *clients) { c.port = 5432 })}, false},
		"sensors behind a gateway, as always": {[]clients{with(func(c *clients) { c.from = 0; c.sources = 3 }), with(func(c *clients) { c.from, c.to, c.conns = 0, 0, 100 })}, false},
		"short connections":                   {[]clients{with(func(c *clients) { c.seconds = 5 })}, false},
		"sampled: nobody can tell":            {[]clients{with(func(c *clients) { c.sampling = 100 })}, false},
	} {
		out := play(t, tc.clients...)
		if name == "sensors behind a gateway, as always" { // when the collector starts nobody knows
			for len(out) > 0 && out[0].At.Unix() <= t0+60*13 {
				out = out[1:]
			}
		}
		if (len(out) > 0) != tc.found {
			t.Errorf("%s: %d findings", name, len(out))
			continue
		}
		if !tc.found {
			continue
		}
		f := out[0]
		if f.Vector != "slow_http" || f.Kind != "ddos" || f.Severity.Rank() < detect.High.Rank() || f.Started.Unix() != t0+60*11 {
			t.Errorf("%s: %+v", name, f)
		}
		if late := out[0].At.Unix() - f.Started.Unix(); late > 125 {
			t.Errorf("%s: found after %d s", name, late)
		}
	}
}

// A tick in which nothing is wrong allocates nothing.
func TestQuietAllocatesNothing(t *testing.T) {
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(DefaultConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(t0)
	r := flow.Record{
		Received: t0 * 1e9, Start: (t0 - 60) * 1e9, End: t0 * 1e9, Dst: flow.Addr{15: 1}, Src: flow.Addr{1},
		Proto: flow.ProtoTCP, DstPort: 443, Packets: 30, Bytes: 1800, Sampling: 1, Mark: flow.DstInternal,
	}
	b := flow.NewBatch(64)
	for range 64 {
		b.Append(&r)
	}
	tr.Add(b, 0, 64, nil)
	w := tr.Tick()
	if w.Revised() != 1 {
		t.Fatal("nobody is busy")
	}
	if n := testing.AllocsPerRun(50, func() { d.Detect(w, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
