// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tidewatch/flow"
)

// BenchmarkEngine is the whole line behind the decoder: enrich, windows, all
// detectors, incidents, for web flows of many devices in both directions.
func BenchmarkEngine(b *testing.B) {
	for _, load := range [][2]int{{1_000, 500_000}, {10_000, 75_000}, {10_000, 500_000}, {100_000, 500_000}} {
		devices, perSecond := load[0], load[1]
		b.Run(fmt.Sprintf("%d devices at %d flows a second", devices, perSecond), func(b *testing.B) {
			cfg := testConfig()
			e, err := NewEngine(cfg, nil)
			if err != nil {
				b.Fatal(err)
			}
			const rows = 1536
			r := rand.New(rand.NewPCG(1, 1))
			base := int64(1_700_000_000)
			template := make([]*flow.Batch, 512)
			for i := range template {
				template[i] = flow.NewBatch(rows)
				for range rows / 2 {
					d := r.IntN(devices)
					x := flow.Record{
						Start: int64(r.IntN(10_000)) * -1e6, End: -int64(r.IntN(900)) * 1e6, // relative to Received
						Src: flow.AddrFrom4([4]byte{198, 18, byte(r.Uint32()), byte(r.Uint32())}),
						Dst: flow.AddrFrom4([4]byte{10, byte(d >> 16), byte(d >> 8), byte(d)}), SrcPort: uint16(r.Uint32()), DstPort: 443,
						Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN, Packets: 9, Bytes: 4000, Sampling: 1,
					}
					x.Start = min(x.Start, x.End)
					y := x
					y.Src, y.Dst, y.SrcPort, y.DstPort = x.Dst, x.Src, x.DstPort, x.SrcPort
					template[i].Append(&x)
					template[i].Append(&y)
				}
			}
			batch := flow.NewBatch(rows)
			n := 0
			run := func() {
				t := template[n%len(template)]
				batch.Reset()
				at := batch.Grow(rows)
				now := base*1e9 + int64(n)*rows*1e9/int64(perSecond)
				copy(batch.Src[at:], t.Src)
				copy(batch.Dst[at:], t.Dst)
				copy(batch.SrcPort[at:], t.SrcPort)
				copy(batch.DstPort[at:], t.DstPort)
				copy(batch.Proto[at:], t.Proto)
				copy(batch.TCPFlags[at:], t.TCPFlags)
				copy(batch.Packets[at:], t.Packets)
				copy(batch.Bytes[at:], t.Bytes)
				copy(batch.Sampling[at:], t.Sampling)
				for i := range rows {
					batch.Received[i], batch.Start[i], batch.End[i] = now, now+t.Start[i], now+t.End[i]
				}
				e.Process(batch)
				n++
			}
			for range 35 * 75_000 / rows {
				run()
			}
			b.ReportAllocs()
			begin := n
			for b.Loop() {
				run()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64((n-begin)*rows), "ns/flow")
		})
	}
}
