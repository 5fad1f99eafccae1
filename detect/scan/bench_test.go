// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"testing"

	"tidewatch/flow"
)

// quiet is a minute of many devices each of which failed a few times, and was tried from
// outside a few times: all there is to look at, and nothing to find.
func quiet(tb testing.TB, devices int) *play {
	tb.Helper()
	p := newPlay(tb)
	p.at = t0 + 59
	p.tr.Jump(p.at)
	for i := range int64(devices) {
		for k := range int64(6) {
			p.add(syn(nth("10.0.0.0", i), nth("198.51.100.0", (3*i+k)%200), 443))
			if i%16 == 0 {
				p.add(syn(nth("203.0.113.0", k), nth("10.0.0.0", i%4), 23))
			}
		}
		if p.b.Len() > 4096 || i == int64(devices)-1 {
			p.tr.Add(p.b, 0, p.b.Len(), nil)
			p.b.Reset()
		}
	}
	return p
}

// A minute without a scan allocates nothing; with one, only for its finding.
func TestQuietAllocatesNothing(t *testing.T) {
	p := quiet(t, 2000)
	w := p.tr.Tick()
	if n := w.Probers(0) + w.Probers(1); n < 1000 {
		t.Fatalf("only %d records", n)
	}
	if out := p.d.Detect(w, nil); len(out) != 0 {
		t.Errorf("found %+v", out[0])
	}
	if n := testing.AllocsPerRun(10, func() { p.d.Detect(w, nil) }); n != 0 {
		t.Errorf("%v allocations a minute", n)
	}
}

// BenchmarkDetect judges a minute in which all of 100 000 devices failed at something: as
// many as there are records are looked at.
func BenchmarkDetect(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("%d devices", n), func(b *testing.B) {
			p := quiet(b, n)
			w := p.tr.Tick()
			b.ReportAllocs()
			for b.Loop() {
				p.d.Detect(w, nil)
			}
		})
	}
}

// BenchmarkScan is what a finding costs: a device that has swept 200 hosts.
func BenchmarkScan(b *testing.B) {
	p := newPlay(b)
	p.at = t0 + 59
	p.tr.Jump(p.at)
	for i := range int64(200) {
		p.add(flow.Record{Src: ip("10.0.0.9"), Dst: nth("198.51.100.0", i), SrcPort: 40_000, DstPort: 445, Proto: flow.ProtoTCP, TCPFlags: flow.SYN, Packets: 1, Bytes: 44})
	}
	p.tr.Add(p.b, 0, p.b.Len(), nil)
	w := p.tr.Tick()
	if len(p.d.Detect(w, nil)) != 1 {
		b.Fatal("no finding")
	}
	for b.Loop() {
		p.d.Detect(w, nil)
	}
}
