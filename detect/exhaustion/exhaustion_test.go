// SPDX-License-Identifier: Apache-2.0

package exhaustion

import (
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const (
	t0                 = 1_700_000_040
	attackAt, playTime = 300, 420
)

const (
	handshake = flow.SYN | flow.ACK
	whole     = handshake | flow.PSH | flow.FIN
)

// clients open so many connections a second, of which the exporter tells 15 s later.
type clients struct {
	rate, sources int
	port          uint16
	flags         uint8
	packets, size int // of the client: packets, bytes of one
	back          int // bytes of a packet of the server
	backFlags     uint8
	lasting       int64 // seconds of the record
	silent        bool  // the server sends nothing
	sampling      uint32
	from          int
}

func idlers(rate, sources int) clients {
	return clients{rate: rate, sources: sources, port: 22, flags: handshake, packets: 2, size: 56, back: 60, backFlags: handshake, from: attackAt}
}

func play(t *testing.T, v6 bool, all ...clients) (best detect.Finding) {
	t.Helper()
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(t0)
	b := flow.NewBatch(4096)
	var out []detect.Finding
	for sec := range playTime {
		b.Reset()
		for i := range all {
			if x := &all[i]; sec >= x.from+15 {
				x.append(b, sec, v6)
			}
		}
		tr.Add(b, 0, b.Len(), nil)
		out = d.Detect(tr.Tick(), out[:0])
		for _, f := range out {
			if f.Score > best.Score {
				best = f
			}
		}
		tr.Next(tr.Now() + 1)
	}
	return best
}

func (x *clients) append(b *flow.Batch, sec int, v6 bool) {
	end := int64(t0+sec-15) * 1e9
	for k := range x.rate {
		source := (sec*x.rate + k) % x.sources
		q := flow.Record{
			Received: int64(t0+sec) * 1e9, Start: end - x.lasting*1e9, End: end, Proto: flow.ProtoTCP, TCPFlags: x.flags,
			Src: flow.AddrFrom4([4]byte{198, 18, byte(source >> 8), byte(source)}), Dst: flow.AddrFrom4([4]byte{10, 0, 0, 1}),
			SrcPort: uint16(40000 + k), DstPort: x.port, Packets: uint64(x.packets), Bytes: uint64(x.packets * x.size),
			Sampling: max(1, x.sampling), Mark: flow.DstInternal,
		}
		if v6 {
			q.Src, q.Dst = flow.Addr{0: 0x20, 14: byte(source >> 8), 15: byte(source)}, flow.Addr{0: 0xfd, 15: 1}
			q.Bytes += 20 * q.Packets
		}
		b.Append(&q)
		if x.silent {
			continue
		}
		a := q
		a.Src, a.Dst, a.SrcPort, a.DstPort, a.Mark = q.Dst, q.Src, q.DstPort, q.SrcPort, flow.SrcInternal
		a.TCPFlags, a.Packets, a.Bytes = x.backFlags, max(q.Packets-1, 1), max(q.Packets-1, 1)*uint64(x.back)
		if v6 {
			a.Bytes += 20 * a.Packets
		}
		b.Append(&a)
	}
}

func TestIdleConnections(t *testing.T) {
	with := func(c clients, change func(*clients)) clients { change(&c); return c }
	shop := clients{rate: 300, sources: 9000, port: 443, flags: whole, packets: 10, size: 300, back: 900, backFlags: whole}
	crowd := with(shop, func(c *clients) { c.rate, c.from = 1000, attackAt })
	for name, tc := range map[string]struct {
		all   []clients
		found bool
	}{
		"logins that nobody goes on with": {[]clients{idlers(60, 50)}, true},
		"by thousands, one each":          {[]clients{idlers(60, 60000)}, true},
		"at a busy shop":                  {[]clients{shop, with(idlers(60, 50), func(c *clients) { c.port = 443 })}, true},
		"a byte every ten seconds, at a database": {[]clients{with(idlers(60, 100), func(c *clients) {
			c.port, c.flags, c.packets, c.size, c.lasting, c.back = 5432, flow.ACK|flow.PSH, 6, 53, 55, 52
		})}, true},
		"few":                              {[]clients{idlers(10, 50)}, false},
		"as always":                        {[]clients{with(idlers(60, 50), func(c *clients) { c.from = 0 })}, false},
		"a crowd, of which some never ask": {[]clients{shop, crowd, with(idlers(30, 30000), func(c *clients) { c.port = 443 })}, false},
		"SYNs that are answered":           {[]clients{with(idlers(500, 50000), func(c *clients) { c.flags, c.packets = flow.SYN, 1 })}, false},
		"answers that nobody asked for":    {[]clients{with(idlers(500, 50), func(c *clients) { c.silent = true })}, false},
		"a pool of a database, with data": {[]clients{with(idlers(100, 3), func(c *clients) {
			c.port, c.flags, c.size, c.packets, c.back, c.lasting = 5432, whole, 120, 20, 300, 20
		})}, false},
		"mail programs wait, one each":      {[]clients{shop, with(idlers(60, 6000), func(c *clients) { c.port, c.flags, c.packets, c.lasting = 993, flow.ACK|flow.PSH, 6, 55 })}, false},
		"sampled: nobody can tell":          {[]clients{with(idlers(60, 50), func(c *clients) { c.sampling = 100 })}, false},
		"a scanner that ends what it opens": {[]clients{with(idlers(200, 1), func(c *clients) { c.flags, c.packets = handshake|flow.RST, 3 })}, false},
	} {
		for _, v6 := range []bool{false, true} {
			f := play(t, v6, tc.all...)
			if (f.Score > 0) != tc.found {
				t.Errorf("%s (IPv6 %v): found %v: %+v", name, v6, f.Score > 0, f)
			}
			if tc.found && (f.Vector != "connection_exhaustion" || f.Severity.Rank() < detect.High.Rank()) {
				t.Errorf("%s: %s of severity %s", name, f.Vector, f.Severity)
			}
			if d := f.Started.Unix() - t0 - attackAt; tc.found && (d < -60 || d > 30) {
				t.Errorf("%s: started %d s after it began", name, d)
			}
		}
	}
}

// A tick in which nothing is wrong allocates nothing.
func TestQuietAllocatesNothing(t *testing.T) {
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(t0)
	b := flow.NewBatch(4096)
	x := idlers(900, 100)
	x.append(b, 15, false)
	tr.Add(b, 0, b.Len(), nil)
	w := tr.Tick()
	if open, _ := w.Host(0).HeldIdle().Most(t0 + 30); open < 100 {
		t.Fatal("nothing is open")
	}
	if n := testing.AllocsPerRun(50, func() { d.Detect(w, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestConfigure(t *testing.T) {
	d, err := New(DefaultConfig())
	if err != nil || d.Name() != "exhaustion" {
		t.Fatal(d.Name(), err)
	}
	if err := d.Configure(Config{MinOpen: 10, PerSource: 8}); err == nil || d.cfg != DefaultConfig() {
		t.Errorf("took %+v, error %v", d.cfg, err)
	}
}
