// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// quiet says that hardly anything is usual, and nothing more ever was.
type quiet struct{}

func (quiet) At(_ flow.Addr, _ time.Time, m baseline.Measure) (baseline.Normal, bool) {
	n := baseline.Normal{Median: 1e6, Spread: 0.3, P99: 3e6, Ever: 5e6, Basis: baseline.Basis{Level: "hour_of_day", Samples: 20}}
	if m == baseline.HourBytesIn || m == baseline.HourBytesOut {
		n.Median, n.Ever = 12*n.Median, 24*n.Median
	}
	return n, true
}

func (quiet) Shift(flow.Addr, int64) (baseline.Shift, bool) { return baseline.Shift{}, false }

// exchange is what a device and a peer send each other from a second to another, told of
// in pieces.
type exchange struct {
	peer     string
	proto    uint8
	port     uint16
	from, to int64 // seconds after t0
	piece    int64 // seconds
	out, in  uint64
}

func (x *exchange) records(device string, start int64) (out []flow.Record) {
	for at := x.from; at < x.to; at += x.piece {
		lasts := min(x.piece, x.to-at)
		r := flow.Record{
			Received: (start + at + lasts) * 1e9, Start: (start + at) * 1e9, End: (start+at+lasts)*1e9 - 1e6,
			Src: flow.AddrFrom(netip.MustParseAddr(device)), Dst: flow.AddrFrom(netip.MustParseAddr(x.peer)),
			SrcPort: 50_123, DstPort: x.port, Proto: x.proto, Sampling: 1, Mark: flow.SrcInternal,
			Bytes: x.out * uint64(lasts), Packets: x.out*uint64(lasts)/1000 + 1,
		}
		if x.proto == flow.ProtoTCP {
			r.TCPFlags = flow.ACK | flow.PSH
		}
		back := r
		back.Src, back.Dst, back.SrcPort, back.DstPort, back.Mark = r.Dst, r.Src, r.DstPort, r.SrcPort, flow.DstInternal
		back.Bytes, back.Packets = x.in*uint64(lasts), x.in*uint64(lasts)/1000+1
		out = append(out, r, back)
	}
	return out
}

// known are habits of a device that asked twenty peers in working hours for two weeks, or
// that answered them.
func known(t *testing.T, device string, answers bool) *baseline.HabitStore {
	t.Helper()
	s, err := baseline.NewHabits(baseline.HabitConfig{MaxDevices: 10, Zone: time.UTC, Seed: flow.Seed{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	day := int64(t0 / 86400 * 86400)
	tr.Jump(day)
	b := flow.NewBatch(64)
	for i := range 20 {
		x := exchange{peer: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String(), proto: flow.ProtoTCP, port: 443, to: 10, piece: 10, out: 1e5, in: 1e6}
		recs := x.records(device, day)
		for k := range recs {
			if answers {
				recs[k].SrcPort, recs[k].DstPort = recs[k].DstPort, recs[k].SrcPort
			}
			b.Append(&recs[k])
		}
	}
	for tr.Now() < day+11 {
		tr.Tick()
		tr.Next(day + 11)
	}
	tr.Add(b, 0, b.Len(), nil)
	w := tr.Tick()
	for i := range w.Devices() {
		dev, ok := w.Device(i)
		if !ok || dev.Addr() != flow.AddrFrom(netip.MustParseAddr(device)) {
			continue
		}
		for h := int64(-14 * 24); h < 0; h++ {
			if of := (h + 14*24) % 24; of >= 8 && of < 18 {
				s.Learn(dev.Addr(), &baseline.Lesson{Hour: day/3600 + h, Bytes: 1e8, Contacts: dev.Contacts()})
			}
		}
	}
	return s
}

// A call explains what a device carries beyond its usual; nothing else of that size does.
func TestCall(t *testing.T) {
	t.Parallel()
	const mbit = 125_000
	call := func(change ...func(*exchange)) exchange {
		x := exchange{peer: "198.51.100.7", proto: flow.ProtoUDP, port: 3478, from: 10 * 3600, to: 12*3600 + 1200, piece: 60, out: 2.5 * mbit, in: 2.6 * mbit}
		for _, c := range change {
			c(&x)
		}
		return x
	}
	for name, c := range map[string]struct {
		xs      []exchange
		answers bool
		want    detect.Severity
	}{
		"a call":                            {xs: []exchange{call()}, want: detect.Low},
		"told each second":                  {xs: []exchange{call(func(x *exchange) { x.piece, x.to = 1, 11*3600+1200 })}, want: detect.Low},
		"told each five minutes":            {xs: []exchange{call(func(x *exchange) { x.piece = 300 })}, want: detect.Low},
		"between two programs' own ports":   {xs: []exchange{call(func(x *exchange) { x.port = 40_123 })}, want: detect.Low},
		"of a group, that brings more":      {xs: []exchange{call(func(x *exchange) { x.out = 1.5 * mbit })}, want: detect.Low},
		"as fast as they get":               {xs: []exchange{call(func(x *exchange) { x.out, x.in = 7.8*mbit, 7.5*mbit })}, want: detect.Low},
		"told in pieces that end at a half": {xs: []exchange{call(func(x *exchange) { x.out, x.in, x.from = 7*mbit, 7*mbit, x.from+29 })}, want: detect.Low},
		"of many hours":                     {xs: []exchange{call(func(x *exchange) { x.from, x.to = 9*3600, 14*3600 })}, want: detect.High},
		"an upload over UDP":                {xs: []exchange{call(func(x *exchange) { x.in = mbit / 10 })}, want: detect.High},
		"a download over UDP":               {xs: []exchange{call(func(x *exchange) { x.out = mbit / 10 })}, want: detect.High},
		"as much each way over TCP":         {xs: []exchange{call(func(x *exchange) { x.proto = flow.ProtoTCP })}, want: detect.High},
		"faster than calls are":             {xs: []exchange{call(func(x *exchange) { x.out, x.in = 10*mbit, 10*mbit })}, want: detect.High},
		"at night":                          {xs: []exchange{call(func(x *exchange) { x.from, x.to = 2*3600, 3*3600 })}, want: detect.High},
		"a server's":                        {xs: []exchange{call()}, answers: true, want: detect.High},
		"beside an upload as large":         {xs: []exchange{call(), {peer: "203.0.113.9", proto: flow.ProtoTCP, port: 443, from: 10 * 3600, to: 12 * 3600, piece: 60, out: 2.5 * mbit, in: 10_000}}, want: detect.High},
		"over, and an upload comes after":   {xs: []exchange{call(func(x *exchange) { x.to = 11 * 3600 }), {peer: "203.0.113.9", proto: flow.ProtoTCP, port: 443, from: 11 * 3600, to: 12 * 3600, piece: 60, out: 2.5 * mbit, in: 10_000}}, want: detect.High},
		"with eight, each an eighth of all": {xs: eight(call()), want: detect.High},
	} {
		for _, device := range []string{"10.0.0.1", "fd00::1"} {
			t.Run(name+" of "+device, func(t *testing.T) {
				t.Parallel()
				worst, said := detect.Severity(""), 0
				for _, f := range judged(t, device, known(t, device, c.answers), c.xs) {
					if f.Severity.Rank() > worst.Rank() || worst == "" {
						worst = f.Severity
					}
					if c.want == detect.Low && f.Severity != detect.Low {
						t.Logf("%s at %v: %+v", f.Severity, f.At, f.Indicators)
					}
					if slices.ContainsFunc(f.Indicators, func(i detect.Indicator) bool { return i.Name == "call_explains" }) {
						if said++; f.Severity != detect.Low || !f.Ordinary {
							t.Errorf("a call explains a finding of severity %s", f.Severity)
						}
					}
				}
				if worst != c.want || c.want == detect.Low && said == 0 {
					t.Errorf("%q, want %q; %d times it was a call", worst, c.want, said)
				}
			})
		}
	}
}

// eight are a conversation's parts with as many peers.
func eight(x exchange) (all []exchange) {
	x.out, x.in = x.out/8, x.in/8
	for i := range 8 {
		x.peer = netip.AddrFrom4([4]byte{198, 51, 100, byte(10 + i)}).String()
		all = append(all, x)
	}
	return all
}

// judged plays the day up to the last exchange's end and returns what is told of the device.
func judged(t *testing.T, device string, habits Habits, xs []exchange) (all []detect.Finding) {
	t.Helper()
	return judgedWith(t, device, Deps{Past: quiet{}, Habits: habits}, xs)
}

func judgedWith(t *testing.T, device string, deps Deps, xs []exchange) (all []detect.Finding) {
	t.Helper()
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(DefaultConfig(), deps)
	if err != nil {
		t.Fatal(err)
	}
	start := int64(t0 / 86400 * 86400)
	var recs []flow.Record
	for i := range xs {
		recs = append(recs, xs[i].records(device, start)...)
	}
	slices.SortStableFunc(recs, func(a, b flow.Record) int { return int((a.Received - b.Received) / 1e9) })
	tr.Jump(recs[0].Start/1e9 - 60)
	b, next := flow.NewBatch(64), 0
	for end := recs[len(recs)-1].Received/1e9 + 600; tr.Now() < end; {
		b.Reset()
		for next < len(recs) && recs[next].Received/1e9 <= tr.Now() {
			b.Append(&recs[next])
			next++
		}
		tr.Add(b, 0, b.Len(), nil)
		found := d.Detect(tr.Tick(), nil)
		for i := range found {
			if found[i].Subject == detect.HostSubject(flow.AddrFrom(netip.MustParseAddr(device))) {
				all = append(all, found[i])
			}
		}
		tr.Next(end)
	}
	return all
}
