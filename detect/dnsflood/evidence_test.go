// SPDX-License-Identifier: Apache-2.0

package dnsflood

import "testing"

// A flood of questions is shown by questions, and has a filter that fits it.
func TestEvidence(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		f := play(t, nil, questions{rate: 60, sources: 300, answered: true, v6: v6},
			questions{rate: 3000, sources: 2000, bytes: 92, answered: true, from: attackAt, v6: v6},
			questions{rate: 300, sources: 50, bytes: 1400, resolverAnswer: true, from: attackAt, v6: v6})
		if len(f.Evidence) < 8 || f.Filter == nil || f.Filter.Protocol != "udp" || f.Filter.SrcPort != 0 {
			t.Errorf("IPv6 %v: %d flows, filter %+v", v6, len(f.Evidence), f.Filter)
		}
		for _, e := range f.Evidence {
			if e.Protocol != "udp" || e.DstPort != 53 {
				t.Errorf("IPv6 %v: %+v", v6, e)
			}
		}
		known := false
		for _, i := range f.Indicators {
			known = known || i.Name == "flows_per_source"
		}
		if !known {
			t.Errorf("IPv6 %v: nothing tells it from a crowd: %+v", v6, f.Indicators)
		}
	}
}
