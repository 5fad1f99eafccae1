// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"testing"
	"time"

	"tidewatch/flow"
)

func BenchmarkNext(b *testing.B) {
	for name, tc := range map[string]struct {
		scenario string
		cfg      Config
	}{
		"an office at noon":            {"office", Config{}},
		"an office fifty times larger": {"office", Config{Scale: 50}},
		"a shop of 5000 connections":   {"shop-campaign", Config{}},
		"a SYN flood":                  {"syn-flood", Config{AttackAt: time.Second, AttackFor: 24 * time.Hour}},
		"load":                         {"load", Config{LoadRate: 1_000_000}},
		"flood load":                   {"flood-load", Config{LoadRate: 1_000_000}},
	} {
		b.Run(name, func(b *testing.B) {
			tc.cfg.Seed = 1
			tc.cfg.Duration = 24 * time.Hour * 30
			s, err := New(tc.scenario, tc.cfg)
			if err != nil {
				b.Fatal(err)
			}
			s.Seek(s.Config().Start.Add(12 * time.Hour))
			batch := flow.NewBatch(100_000)
			for range 100 {
				batch.Reset()
				s.Next(batch)
			}
			flows := 0
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				batch.Reset()
				s.Next(batch)
				flows += batch.Len()
			}
			b.ReportMetric(float64(flows)/b.Elapsed().Seconds(), "flows/s")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(flows), "ns/flow")
		})
	}
}
