// SPDX-License-Identifier: Apache-2.0

package app

import (
	"testing"

	"tidewatch/flow"
)

// BenchmarkMeter is what live traffic costs a flow, beside BenchmarkEngine: one or two hundredths of it.
func BenchmarkMeter(b *testing.B) {
	const rows = 1536
	m := &meter{}
	batch := flow.NewBatch(rows)
	now := int64(1_700_000_000)
	for i := range rows {
		mark := flow.SrcInternal
		if i%2 == 0 {
			mark = flow.DstInternal
		}
		end := now*1e9 - int64(i%900)*1e6
		batch.Append(&flow.Record{Start: end - int64(i*7919%10_000)*1e6, End: end, Received: now * 1e9, Packets: 9, Bytes: 4000, Mark: mark})
	}
	b.ReportAllocs()
	for b.Loop() {
		m.add(batch, 0, rows, now)
		now++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/flow")
}
