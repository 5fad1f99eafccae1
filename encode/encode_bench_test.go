// SPDX-License-Identifier: Apache-2.0

package encode

import "testing"

func BenchmarkEncode(b *testing.B) {
	for _, p := range Protocols() {
		fam := mixed
		if p == V5 {
			fam = only4
		}
		rows := sampleBatch(4096, fam, 3)
		b.Run(string(p), func(b *testing.B) {
			e, err := New(Config{Protocol: p, Sampling: 1})
			if err != nil {
				b.Fatal(err)
			}
			send := func([]byte) error { return nil }
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Encode(rows, 0, rows.Len(), exportTime, send); err != nil {
					b.Fatal(err)
				}
			}
			records := float64(b.N) * float64(rows.Len())
			b.ReportMetric(records/b.Elapsed().Seconds(), "flows/s")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/records, "ns/flow")
		})
	}
}
