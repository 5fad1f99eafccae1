// SPDX-License-Identifier: Apache-2.0

package window

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"tidewatch/flow"
)

// BenchmarkAdd books flows between outside and n devices: what one shard pays a
// flow, 24 records a batch as one v9 datagram brings them.
func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("%d devices", n), func(b *testing.B) {
			tr := newTracker(b, nil)
			r := rand.New(rand.NewPCG(1, 1))
			batches := make([]*flow.Batch, 4096)
			for i := range batches {
				batches[i] = flow.NewBatch(24)
				for range 24 {
					x := rec(t0, t0, 3, 1500)
					d := r.IntN(n)
					x.Dst = flow.AddrFrom4([4]byte{10, byte(d >> 16), byte(d >> 8), byte(d)})
					x.Src = flow.AddrFrom4([4]byte{192, 0, byte(r.Uint32()), byte(r.Uint32())})
					batches[i].Append(&x)
				}
			}
			for _, x := range batches {
				tr.Add(x, 0, 24, nil)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				tr.Add(batches[i%len(batches)], 0, 24, nil)
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i*24), "ns/flow")
		})
	}
}

// BenchmarkMinute is the pass over all devices when a minute ends.
func BenchmarkMinute(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("%d devices", n), func(b *testing.B) {
			networks := make([]netip.Prefix, 64)
			for i := range networks {
				networks[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(4 * i), 0}), 22)
			}
			tr := newTracker(b, func(cfg *Config) { cfg.Networks = NewNetworks(networks) })
			x := flow.NewBatch(n)
			for d := range n {
				r := rec(t0, t0, 3, 1500)
				r.Dst = flow.AddrFrom4([4]byte{10, byte(d >> 16), byte(d >> 8), byte(d)})
				x.Append(&r)
			}
			tr.Add(x, 0, n, nil)
			for b.Loop() {
				tr.now = tr.now/60*60 + 59
				tr.Tick()
				tr.Next(tr.now + 60)
			}
		})
	}
}

// BenchmarkAddQuiet books flows that may all belong to an attack, as no session does,
// too few for any prefix to be followed: what counting by prefix costs where nothing is
// wrong. Time passes: a second for 1500 flows.
func BenchmarkAddQuiet(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("%d devices", n), func(b *testing.B) {
			networks := make([]netip.Prefix, 64)
			for i := range networks {
				networks[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(4 * i), 0}), 22)
			}
			tr := newTracker(b, func(cfg *Config) { cfg.Networks = NewNetworks(networks) })
			r := rand.New(rand.NewPCG(1, 1))
			batch := flow.NewBatch(24)
			for range 24 {
				x := rec(t0, t0, 1, 500)
				batch.Append(&x)
			}
			i := 0
			book := func() {
				for k := range 24 {
					d := r.IntN(n)
					batch.Dst[k] = flow.AddrFrom4([4]byte{10, byte(d >> 16), byte(d >> 8), byte(d)})
					batch.Start[k], batch.End[k] = tr.now*1e9, tr.now*1e9
				}
				tr.Add(batch, 0, 24, nil)
				if i++; i%64 == 0 {
					tr.Tick()
					tr.Next(tr.now + 1)
				}
			}
			for range 20_000 {
				book()
			}
			b.ReportAllocs()
			begin := i
			for b.Loop() {
				book()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64((i-begin)*24), "ns/flow")
		})
	}
}

// BenchmarkWeb books connections to busy web servers and their responses: what is
// followed of requests comes on top.
func BenchmarkWeb(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("%d servers", n), func(b *testing.B) {
			tr := newTracker(b, nil)
			r := rand.New(rand.NewPCG(1, 1))
			batches := make([]*flow.Batch, 4096)
			for i := range batches {
				batches[i] = flow.NewBatch(24)
				for range 12 {
					x := rec(t0, t0, 8, 900+uint64(r.IntN(900)))
					x.Proto, x.DstPort, x.SrcPort, x.TCPFlags = flow.ProtoTCP, 443, uint16(32768+r.IntN(20000)), flow.SYN|flow.ACK|flow.PSH|flow.FIN
					x.Dst = flow.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(n))})
					x.Src = flow.AddrFrom4([4]byte{192, 0, byte(r.Uint32()), byte(r.Uint32())})
					batches[i].Append(&x)
					x.Src, x.Dst, x.SrcPort, x.DstPort, x.Mark = x.Dst, x.Src, x.DstPort, x.SrcPort, flow.SrcInternal
					batches[i].Append(&x)
				}
			}
			for _, x := range batches {
				tr.Add(x, 0, 24, nil)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				tr.Add(batches[i%len(batches)], 0, 24, nil)
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i*24), "ns/flow")
		})
	}
}
