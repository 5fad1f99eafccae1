// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"fmt"
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// crowd is a tracker with n devices that ask two name servers and ping one address,
// with packets of so many bytes, at the end of the minute in which they did.
func crowd(tb testing.TB, n int, size uint64) (*window.Tracker, *Detector) {
	tb.Helper()
	cfg := window.DefaultConfig()
	cfg.HotFlows, cfg.HotPackets, cfg.MaxTalks = 1<<40, 1<<40, max(4*n, 1024)
	tr, err := window.New(&cfg)
	if err != nil {
		tb.Fatal(err)
	}
	d, err := New(DefaultConfig())
	if err != nil {
		tb.Fatal(err)
	}
	tr.Jump(t0 + 59)
	b := flow.NewBatch(1024)
	for i := range n {
		for peer := range 3 {
			x := flow.Record{
				Received: (t0 + 59) * 1e9, Start: t0 * 1e9, End: (t0 + 59) * 1e9, SrcPort: 40_000, DstPort: 53,
				Src: flow.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), Dst: flow.AddrFrom4([4]byte{192, 0, 2, byte(peer)}),
				Proto: flow.ProtoUDP, Packets: 60, Bytes: 60 * size, Sampling: 1, Mark: flow.SrcInternal,
			}
			if peer == 2 {
				x.Proto, x.SrcPort, x.DstPort = flow.ProtoICMP, 0, 8<<8
			}
			if b.Append(&x); b.Len() == 1024 {
				tr.Add(b, 0, b.Len(), nil)
				b.Reset()
			}
		}
	}
	tr.Add(b, 0, b.Len(), nil)
	return tr, d
}

// Judging what is nothing allocates nothing, nor does what passes a gate and no more.
func TestAllocatesNothing(t *testing.T) {
	for _, size := range []uint64{75, 130} {
		tr, d := crowd(t, 200, size)
		d.cfg.Score = 1
		w := tr.Tick()
		if !w.Minute || tr.Counts().Talks < 500 { // a set of four may overflow
			t.Fatalf("minute %v, %d talks", w.Minute, tr.Counts().Talks)
		}
		out := make([]detect.Finding, 0, 16)
		if n := testing.AllocsPerRun(10, func() { out = d.Detect(w, out[:0]) }); n != 0 || len(out) > 0 {
			t.Errorf("%d bytes: %v allocations, %d findings", size, n, len(out))
		}
	}
}

// BenchmarkDetect judges a minute of n devices with three talks each, and prints the
// bytes that these take.
func BenchmarkDetect(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("%d devices", n), func(b *testing.B) {
			tr, d := crowd(b, n, 75)
			w := tr.Tick()
			var out []detect.Finding
			b.ReportAllocs()
			for b.Loop() {
				out = d.Detect(w, out[:0])
			}
			b.ReportMetric(float64(tr.TalkBytes()), "bytes")
			b.ReportMetric(float64(tr.Counts().Talks), "talks")
		})
	}
}
