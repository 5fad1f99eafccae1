// SPDX-License-Identifier: Apache-2.0

package beacon

import (
	"fmt"
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// crowd is a tracker with n devices that each ask three services at random, one
// minute before it is judged.
func crowd(tb testing.TB, n int) (*window.Tracker, *Detector) {
	tb.Helper()
	cfg := window.DefaultConfig()
	cfg.HotFlows, cfg.HotPackets = 1<<40, 1<<40
	tr, err := window.New(&cfg)
	if err != nil {
		tb.Fatal(err)
	}
	d, err := New(DefaultConfig())
	if err != nil {
		tb.Fatal(err)
	}
	tr.Jump(t0)
	b := flow.NewBatch(1024)
	state := uint64(1)
	for round := range int64(20) {
		for i := range n {
			for peer := range 3 {
				state = state*6364136223846793005 + 1442695040888963407
				at := t0 + 60*round + int64(state>>33%20)
				for range state >> 50 % 4 { // up to three calls, one after the other
					r := flow.Record{
						Received: (t0 + 60*round + 59) * 1e9, Start: at * 1e9, End: at * 1e9, SrcPort: uint16(40_000 + at%1000), DstPort: 443,
						Src: flow.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), Dst: flow.AddrFrom4([4]byte{192, byte(i >> 8), byte(i), byte(peer)}),
						Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.FIN, Packets: 5, Bytes: 100 + state>>40%9000, Sampling: 1, Mark: flow.SrcInternal,
					}
					if b.Append(&r); b.Len() == 1024 {
						tr.Add(b, 0, b.Len(), nil)
						b.Reset()
					}
					at += 1 + int64(state>>20%19)
				}
			}
		}
		tr.Add(b, 0, b.Len(), nil)
		b.Reset()
		for tr.Now() < t0+60*round+59 {
			tr.Tick()
			tr.Next(t0 + 60*round + 59)
		}
		if round < 19 {
			tr.Tick()
			tr.Next(t0 + 60*round + 119)
		}
	}
	return tr, d
}

// Judging what is nothing allocates nothing.
func TestAllocatesNothing(t *testing.T) {
	tr, d := crowd(t, 200)
	w := tr.Tick()
	if !w.Minute || w.Pairs() != 600 {
		t.Fatalf("minute %v, %d pairs", w.Minute, w.Pairs())
	}
	out := make([]detect.Finding, 0, 16)
	d.cfg.Score = 1 // chance makes one of six hundred low
	if n := testing.AllocsPerRun(10, func() { out = d.Detect(w, out[:0]) }); n != 0 || len(out) > 0 {
		t.Errorf("%v allocations, %d findings", n, len(out))
	}
}

// BenchmarkDetect judges a minute of n devices with three pairs each, and prints the
// bytes that their pairs take.
func BenchmarkDetect(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("%d devices", n), func(b *testing.B) {
			tr, d := crowd(b, n)
			w := tr.Tick()
			var out []detect.Finding
			b.ReportAllocs()
			for b.Loop() {
				out = d.Detect(w, out[:0])
			}
			b.ReportMetric(float64(tr.PairBytes()), "bytes")
			b.ReportMetric(float64(tr.Counts().Pairs), "pairs")
		})
	}
}
