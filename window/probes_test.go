// SPDX-License-Identifier: Apache-2.0

package window

import (
	"encoding/binary"
	"math"
	"os"
	"testing"

	"tidewatch/flow"
)

// asked is a SYN of a device to port p of an address outside.
func asked(device, peer uint32, port uint16) flow.Record {
	r := session("192.0.2.1", port, 1, 44)
	binary.BigEndian.PutUint32(r.Src[12:], 10<<24+device)
	binary.BigEndian.PutUint32(r.Dst[12:], 1<<30+peer%(1<<29)) // no multicast
	r.TCPFlags = flow.SYN
	return r
}

// addAll books records in batches, in the running second.
func addAll(tr *Tracker, n int, each func(i int) flow.Record) {
	b := flow.NewBatch(1024)
	for i := range n {
		r := each(i)
		r.Received, r.Start, r.End = tr.now*1e9, tr.now*1e9, tr.now*1e9
		b.Append(&r)
		if b.Len() == 1024 || i == n-1 {
			tr.Add(b, 0, b.Len(), nil)
			b.Reset()
		}
	}
}

// What a flow tries, told by its shape.
func TestTrials(t *testing.T) {
	with := func(flags uint8, packets, bytes uint64, change ...func(*flow.Record)) flow.Record {
		r := session("192.0.2.1", 22, packets, bytes)
		r.TCPFlags = flags
		for _, f := range change {
			f(&r)
		}
		return r
	}
	const all = flow.SYN | flow.ACK | flow.PSH | flow.FIN
	v6 := func(r *flow.Record) { r.Dst = addr("2001:db8::1") }
	server := func(r *flow.Record) { r.SrcPort, r.DstPort = 22, 50_000 }
	sampled := func(r *flow.Record) { r.Sampling = 100 }
	for name, tc := range map[string]struct {
		r    flow.Record
		want Trial
	}{
		"SYN":                        {with(flow.SYN, 3, 180), TrySyn},
		"SYN with ECN":               {with(flow.SYN|flow.ECE|flow.CWR, 1, 60), TrySyn},
		"SYN and RST":                {with(flow.SYN|flow.RST, 2, 84), TryHalf},
		"FIN":                        {with(flow.FIN, 1, 40), TryOdd},
		"null":                       {with(0, 1, 40), TryOdd},
		"no flags told":              {with(0, 1, 40, func(r *flow.Record) { r.Mark |= flow.NoTCPFlags }), NoTrial},
		"null, but with data":        {with(0, 2, 900), NoTrial},
		"Xmas":                       {with(flow.FIN|flow.PSH|flow.URG, 1, 40), TryOdd},
		"opened and closed":          {with(flow.SYN|flow.ACK|flow.FIN, 4, 220), TryOpen},
		"opened and closed, IPv6":    {with(flow.SYN|flow.ACK|flow.FIN, 4, 304, v6), TryOpen},
		"its answer":                 {with(flow.SYN|flow.ACK|flow.FIN, 3, 164, server), NoTrial},
		"a login":                    {with(all, 14, 2500), TryLogin},
		"its answer too":             {with(all, 18, 3000, server), NoTrial},
		"a version check":            {with(all, 6, 900), NoTrial},
		"a long session":             {with(all, 900, 90_000), tryLong},
		"a page":                     {with(all, 14, 2500, func(r *flow.Record) { r.DstPort = 443 }), NoTrial},
		"a sampled packet of SSH":    {with(all, 14, 2500, sampled), NoTrial},
		"a sampled SYN":              {with(flow.SYN, 100, 4400, sampled), TrySyn},
		"the middle of a connection": {with(flow.ACK, 2, 104), NoTrial},
		"SCTP":                       {with(flow.SYN, 1, 44, func(r *flow.Record) { r.Proto = flow.ProtoSCTP }), NoTrial},
	} {
		b := flow.NewBatch(1)
		b.Append(&tc.r)
		var p piece
		newTracker(t, nil).cut(&p, b, 0)
		if p.trial != tc.want {
			t.Errorf("%s: %d, want %d", name, p.trial, tc.want)
		}
	}
}

// A device that tries millions of destinations has one record of the size of any other,
// and how many they are is known to some percent. TIDEWATCH_ACCURACY tries ten million.
func TestProbesOfMillions(t *testing.T) {
	minutes := 5
	if os.Getenv("TIDEWATCH_ACCURACY") != "" {
		minutes = 100
	}
	const perMinute = 100_000
	tr := newTracker(t, nil)
	var w *Window
	for m := range minutes {
		tr.now = tr.now/60*60 + 59
		addAll(tr, perMinute, func(i int) flow.Record { return asked(1, uint32(m*perMinute+i)*2654435761, 445) })
		w = tr.Tick()
		if m < minutes-1 {
			tr.Next(tr.now + 1)
		}
	}
	p := w.Prober(Out, 0)
	if p == nil || w.Probers(Out) != 1 {
		t.Fatal("no record, or more than one")
	}
	var a Attempts
	p.Read(Day, w.Now, &a)
	// Beyond 1000 flows a second each sixteenth is noted.
	noted := float64(minutes) * (triedFlows + (perMinute-triedFlows)/triedEvery)
	if math.Abs(float64(a.Total)/noted-1) > 0.01 || math.Abs(float64(a.Peers)/noted-1) > 0.2 || a.Ports != 1 || len(a.TopPeers) > 2*triedKept {
		t.Errorf("%d attempts and %d peers, want %.0f; %d ports", a.Total, a.Peers, noted, a.Ports)
	}
	if want := uint64(minutes*perMinute) - uint64(noted); tr.Losses().TriesSpared < want-100 {
		t.Errorf("spared %d, want %d", tr.Losses().TriesSpared, want)
	}
}

// More devices than there are records: who was idle for ten minutes gives way, else the
// newcomer is refused. Both are counted, and records go back with their device.
func TestProbesBound(t *testing.T) {
	tr := newTracker(t, func(c *Config) { c.MaxProbes = 64; c.MaxDevices = 4096 })
	each := func(from uint32) {
		addAll(tr, 200*8, func(i int) flow.Record { return asked(from+uint32(i/8), uint32(i), 445) })
	}
	each(0)
	if l := tr.Losses(); len(tr.probers[Out].all) != 64 || l.ProbesRefused == 0 || l.ProbesForgotten != 0 {
		t.Errorf("%d records, %+v", len(tr.probers[Out].all), l)
	}
	tr.now += idleDev + 60
	each(1000)
	if l := tr.Losses(); len(tr.probers[Out].all) != 64 || l.ProbesForgotten < 32 {
		t.Errorf("%d records, %+v", len(tr.probers[Out].all), l)
	}
	for i := range tr.dev.n {
		d := tr.dev.at(i)
		if at := d.probes[Out]; at != 0 && tr.probers[Out].all[at-1].Addr != d.addr {
			t.Fatalf("device %v has the record of %v", d.addr, tr.probers[Out].all[at-1].Addr)
		}
	}
	tr.Jump(tr.now + gap + 1)
	if len(tr.probers[Out].free) != 64 {
		t.Errorf("%d records free after a jump", len(tr.probers[Out].free))
	}
}

// Attempts leave the spans as time goes by.
func TestProbesForget(t *testing.T) {
	tr := newTracker(t, nil)
	addAll(tr, 40, func(i int) flow.Record { return asked(1, uint32(i), 445) })
	p := tr.probers[Out].all[0]
	for _, tc := range []struct {
		after int64
		holds [NumSpans]bool
	}{
		{0, [NumSpans]bool{true, true, true}},
		{11 * 60, [NumSpans]bool{false, true, true}},
		{3 * 3600, [NumSpans]bool{false, false, true}},
		{25 * 3600, [NumSpans]bool{}},
	} {
		for s := range NumSpans {
			var a Attempts
			p.Read(s, t0+tc.after, &a)
			n, _ := p.Some(s, t0+tc.after)
			if got := a.Peers > 30; got != tc.holds[s] || (n > 0) != got {
				t.Errorf("after %d s span %d holds %d peers of %d attempts", tc.after, s, a.Peers, n)
			}
		}
	}
}

// What others outside try is kept for the device and for its network; who has sent a
// hundred flows a second pays nothing.
func TestSwept(t *testing.T) {
	tr := newTracker(t, nil)
	tried := func(device, source uint32) flow.Record {
		r := asked(device, source, 23)
		r.Src, r.Dst, r.Mark = r.Dst, r.Src, flow.DstInternal
		return r
	}
	addAll(tr, 2000, func(i int) flow.Record { return tried(uint32(i%100), uint32(i%500)) })
	n := tr.swept[0].Read(tr.now, nil)
	if n.Attempts != 2000 || n.Devices < 85 || n.Devices > 115 || n.Sources < 420 || n.Sources > 580 || n.Ports != 1 {
		t.Errorf("%+v", n)
	}
	addAll(tr, 3*targetFlows, func(i int) flow.Record { return tried(7, uint32(i)) })
	if l := tr.Losses(); l.TriesSpared < targetFlows {
		t.Errorf("spared %d", l.TriesSpared)
	}
}

// BenchmarkTry books attempts in vain of 1000 devices that scan at once: what the worst
// costs a flow.
func BenchmarkTry(b *testing.B) {
	tr := newTracker(b, nil)
	x := flow.NewBatch(8192)
	for i := range 8192 {
		r := asked(uint32(i%1000), uint32(i)*2654435761, 445)
		x.Append(&r)
	}
	for i := 0; b.Loop(); i++ {
		tr.now++ // else each sixteenth alone would be noted
		if i%20 == 0 {
			tr.now = tr.now/60*60 + 59
			tr.Tick()
			tr.Next(tr.now + 1)
		}
		tr.Add(x, 0, x.Len(), nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*x.Len()), "ns/flow")
}
