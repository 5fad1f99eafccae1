// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"testing"

	"tidewatch/detect"
)

// An assessment is written again each time that more is learned of an incident.
func BenchmarkAssess(b *testing.B) {
	a := New(nil)
	theft := with(plain("exfiltration", detect.Critical), 2e9, 1e9, "upload_volume", "one_destination", "new_destination", "upload_ratio", "off_hours", "earlier_stages")
	theft.Top.Destinations = []detect.Share{{Key: "192.0.2.7", Bytes: 2e9, Share: 0.9}}
	theft.Top.Ports = []detect.Share{{Key: "443/tcp", Bytes: 2e9, Share: 0.9}}
	attack := given("syn_flood", map[string][2]float64{
		"unanswered": {1, 0.1}, "incomplete_connections": {0.97, 0.02}, "flows_per_source": {1.01, 2},
		"new_sources": {1, 0.1}, "flow_similarity": {1, 0.2}, "source_dispersion": {1, 0.6},
	})
	b.Run("a theft", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a.Assess(theft)
		}
	})
	b.Run("an attack", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a.Assess(attack)
		}
	})
}
