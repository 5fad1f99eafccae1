// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"tidewatch/flow"
)

// BenchmarkHabits is what the habits of a device cost in memory, with its place in the
// table, and how long a first lesson takes.
func BenchmarkHabits(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("%d devices", n), func(b *testing.B) {
			var before, after runtime.MemStats
			for b.Loop() {
				s := habitStore(b, n)
				runtime.GC()
				runtime.ReadMemStats(&before)
				for i := range n {
					var a flow.Addr
					binary.BigEndian.PutUint32(a[12:], uint32(i)|10<<24)
					s.Learn(a, &Lesson{Hour: day0, Bytes: 1e6})
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				runtime.KeepAlive(s)
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "bytes/device")
		})
	}
}
