// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"fmt"
	"testing"
	"time"
)

func BenchmarkAt(b *testing.B) {
	var events []Event
	for i := range 1000 {
		e := Event{
			Name: fmt.Sprint("event ", i), Start: fmt.Sprintf("2026-01-01 %02d:00", i%6), Duration: "1h", RRule: "FREQ=DAILY",
			Effects: quiet(),
		}
		e.Targets = []string{fmt.Sprintf("10.%d.%d.0/24", i/250, i%250)}
		events = append(events, e)
	}
	v := build(b, events...).View()
	a := addr("10.1.7.9")
	for name, hour := range map[string]int{"none of 1000 events is on": 12, "170 of 1000 events are on": 5} {
		b.Run(name, func(b *testing.B) {
			now := time.Date(2026, 11, 3, hour, 30, 0, 0, time.UTC)
			b.ReportAllocs()
			for b.Loop() {
				v.At(a, now, "volume")
			}
		})
	}
	b.Run("a minute passes", func(b *testing.B) {
		now := time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)
		b.ReportAllocs()
		for b.Loop() {
			now = now.Add(time.Minute)
			v.At(a, now, "volume")
		}
	})
}
