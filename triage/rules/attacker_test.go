// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"testing"

	"tidewatch/detect"
	"tidewatch/incident"
)

// What several vectors need adds up, each by its own rate and factor, or is not told.
func TestAttackerOfSeveralVectors(t *testing.T) {
	peaks := func(all ...incident.VectorPeak) []incident.VectorPeak { return all }
	ntp, syn := incident.VectorPeak{Vector: "ntp_amplification", Bits: 5569e6}, incident.VectorPeak{Vector: "syn_flood", Bits: 200e6}
	for name, tc := range map[string]struct {
		vector  string
		vectors []string
		peaks   []incident.VectorPeak
		want    float64
	}{
		"amplification and SYN at once":        {"mixed", []string{"ntp_amplification", "syn_flood"}, peaks(ntp, syn), 210e6},
		"one after the other":                  {"syn_flood", []string{"ntp_amplification", "syn_flood"}, peaks(ntp, syn), 210e6},
		"and back":                             {"ntp_amplification", []string{"ntp_amplification", "syn_flood"}, peaks(syn, ntp), 210e6},
		"two without amplification":            {"mixed", []string{"udp_flood", "syn_flood"}, peaks(syn, incident.VectorPeak{Vector: "udp_flood", Bits: 1e9}), 1200e6},
		"nobody knows what one carried":        {"mixed", []string{"syn_flood", "http_flood"}, peaks(syn), 0},
		"a service without a published factor": {"mixed", []string{"syn_flood", "coap_amplification"}, peaks(syn, incident.VectorPeak{Vector: "coap_amplification", Bits: 1e9}), 0},
		"of an earlier version":                {"mixed", []string{"ntp_amplification", "syn_flood"}, nil, 0},
		"one alone, by the whole":              {"ntp_amplification", nil, nil, 10e6},
	} {
		inc := &incident.Incident{
			Category: detect.DDoSAttack, Kind: "ddos", Vector: tc.vector, Vectors: tc.vectors, Peaks: tc.peaks,
			Metrics: detect.Metrics{PeakAttackBits: 5569e6, PeakBitsPerSecond: 9e9},
		}
		if got := Assess(inc).AttackerBs; got != tc.want {
			t.Errorf("%s: %.0f bits/s, want %.0f", name, got, tc.want)
		}
	}
}
