// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
)

// An attack that changes its weapon is called by the new one within twelve seconds of the
// old one's end, wherever in ten seconds that lies, and while both go on it is called
// by both.
func TestChangeOfVector(t *testing.T) {
	const soon, end = 12, 90
	udp := traffic{proto: flow.ProtoUDP, flows: 500, packets: 80, bytes: 500, sources: 500, port: 7}
	syn := traffic{proto: flow.ProtoTCP, flags: flow.SYN, flows: 1000, packets: 30, bytes: 60, sources: 1000, port: 443}
	sampled := func(x traffic) traffic {
		x.flows, x.sampling, x.packets = x.flows/5, 100, 5*x.packets/100*100
		return x
	}
	weak := syn
	weak.packets = 2
	for name, tc := range map[string]struct {
		first, then traffic
		old, new    string
		both        bool // strong enough to be named beside the first
	}{
		"UDP, then SYN":              {udp, syn, "udp_flood", "syn_flood", true},
		"UDP, then SYN, weaker":      {udp, weak, "udp_flood", "syn_flood", false},
		"SYN, then UDP":              {syn, udp, "syn_flood", "udp_flood", true},
		"weak SYN, then UDP":         {weak, udp, "syn_flood", "udp_flood", false},
		"sampled, UDP then SYN":      {sampled(udp), sampled(syn), "udp_flood", "syn_flood", true},
		"sampled, SYN then UDP":      {sampled(syn), sampled(udp), "syn_flood", "udp_flood", true},
		"one amplification, another": {with(udp, func(x *traffic) { x.srcPort, x.bytes = 53, 1400 }), syn, "dns_amplification", "syn_flood", true},
	} {
		for offset := 0; offset < 10; offset += 3 {
			for _, overlap := range []int{0, 20} {
				first, then := tc.first, tc.then
				first.v6, then.v6 = offset%2 == 1, offset%2 == 1
				first.to, then.from = 60+offset, 60+offset-overlap
				ticks(t, end, func(sec int64, found []detect.Finding) {
					if len(found) != 1 {
						if sec > 5 {
							t.Errorf("%s, second %d of ten: %d findings after %d s", name, offset, len(found), sec)
						}
						return
					}
					f := &found[0]
					switch {
					case int(sec) < then.from && f.Vector != tc.old,
						int(sec) >= first.to+soon && (f.Vector != tc.new || f.Last.Unix() != t0+sec+1),
						tc.both && int(sec) >= then.from+soon && int(sec) < first.to && f.Vector != "mixed":
						t.Errorf("%s, second %d of ten: %s %v, %d s after the first ended", name, offset, f.Vector, f.Vectors, int(sec)-first.to)
					}
				}, first, then)
			}
		}
	}
}

func with(x traffic, change func(*traffic)) traffic { change(&x); return x }
