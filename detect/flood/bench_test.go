// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"fmt"
	"testing"

	"tidewatch/flow"
	"tidewatch/window"
)

// BenchmarkDetect judges a second in which all devices had traffic: as quiet as
// most are, and as busy as servers that are over the packet limit all day. Of the
// quiet ones only as many as are followed second by second are looked at.
func BenchmarkDetect(b *testing.B) {
	for _, tc := range []struct {
		name    string
		devices int
		packets uint64
	}{{"quiet", 100_000, 10}, {"over the limit, all sessions", 100, 20_000}} {
		b.Run(fmt.Sprintf("%d devices, %s", tc.devices, tc.name), func(b *testing.B) {
			tr, err := window.New(new(window.DefaultConfig()))
			if err != nil {
				b.Fatal(err)
			}
			d, err := New(new(DefaultConfig()), nil)
			if err != nil {
				b.Fatal(err)
			}
			tr.Jump(t0)
			rows := flow.NewBatch(2 * tc.devices)
			for sec := range int64(60) {
				rows.Reset()
				for i := range tc.devices {
					at := (t0 + sec) * 1e9
					r := flow.Record{
						Received: at, Start: at, End: at, Src: flow.AddrFrom4([4]byte{198, 18, 0, 1}),
						Dst: flow.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), SrcPort: 40000, DstPort: 443,
						Proto: flow.ProtoTCP, TCPFlags: whole, Packets: tc.packets, Bytes: 400 * tc.packets, Sampling: 1, Mark: flow.DstInternal,
					}
					rows.Append(&r)
					o := turned(&r)
					rows.Append(&o)
				}
				tr.Add(rows, 0, rows.Len(), nil)
				if sec < 59 {
					tr.Tick()
					tr.Next(t0 + sec + 1)
				}
			}
			w := tr.Tick()
			b.ReportAllocs()
			for b.Loop() {
				if len(d.Detect(w, nil)) != 0 {
					b.Fatal("a finding")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*max(w.Revised(), 1)), "ns/device")
		})
	}
}

// BenchmarkFinding judges one flooded device, with all that is said about it.
func BenchmarkFinding(b *testing.B) {
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		b.Fatal(err)
	}
	d, err := New(new(DefaultConfig()), nil)
	if err != nil {
		b.Fatal(err)
	}
	tr.Jump(t0)
	rows := flow.NewBatch(2000)
	syn := traffic{proto: flow.ProtoTCP, flags: flow.SYN, flows: 2000, packets: 1, bytes: 60, sources: 2000, port: 443}
	for sec := range int64(90) {
		rows.Reset()
		for i := range syn.flows {
			r := syn.record(t0+sec, i)
			rows.Append(&r)
		}
		tr.Add(rows, 0, rows.Len(), nil)
		if sec < 89 {
			tr.Tick()
			tr.Next(t0 + sec + 1)
		}
	}
	w := tr.Tick()
	b.ReportAllocs()
	for b.Loop() {
		if len(d.Detect(w, nil)) != 1 {
			b.Fatal("no finding")
		}
	}
}
