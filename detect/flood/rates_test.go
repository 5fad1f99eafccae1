// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
)

// observed is what a finding says of an indicator, 0 when it says nothing.
func observed(f *detect.Finding, name string) float64 {
	for _, i := range f.Indicators {
		if i.Name == name {
			return i.Observed
		}
	}
	return 0
}

// The rates of an attack are those of its seconds, wherever in ten seconds it, or
// another vector beside it, begins.
func TestRatesOfABegin(t *testing.T) {
	udp := traffic{proto: flow.ProtoUDP, flows: 500, packets: 80, bytes: 500, sources: 500, port: 7}
	syn := traffic{proto: flow.ProtoTCP, flags: flow.SYN, flows: 1000, packets: 4, bytes: 60, sources: 1000, port: 443}
	for offset := range 10 {
		for _, v6 := range []bool{false, true} {
			udp.v6, syn.v6 = v6, v6
			alone, later := udp, syn
			alone.from, later.from = offset, 20+offset
			rates := 0
			check := func(begin int64, pps, bits, conns float64) func(int64, []detect.Finding) {
				return func(sec int64, found []detect.Finding) {
					for i := range found {
						f := &found[i]
						var carried float64
						for _, r := range f.Rates {
							carried += r.Bits
						}
						if carried > 1.01*bits || carried < 0.5*bits {
							t.Errorf("second %d of ten, IPv6 %v: the vectors carry %.0f bits/s after %d s, not %.0f: %+v", offset, v6, carried, sec-begin, bits, f.Rates)
						}
						rate, asked := observed(f, "packet_rate"), observed(f, "connection_rate")
						if rate > 1.01*pps || asked > 1.01*conns || f.Metrics.PeakAttackBits > 1.01*bits {
							t.Errorf("second %d of ten, IPv6 %v: %.0f packets/s, %.0f bits/s and %.0f connections/s after %d s", offset, v6, rate, f.Metrics.PeakAttackBits, asked, sec-begin)
						}
						if sec >= begin && rate > 0 {
							rates++
							if rate < 0.99*40_000 {
								t.Errorf("second %d of ten, IPv6 %v: only %.0f packets/s after %d s", offset, v6, rate, sec-begin)
							}
						}
					}
				}
			}
			ticks(t, 20, check(int64(offset), 40_000, 40_000*500*8, 500), alone)
			ticks(t, 40, check(int64(20+offset), 44_000, 8*(40_000*500+4000*60), 1000), udp, later)
			if rates == 0 {
				t.Errorf("second %d of ten: nothing found", offset)
			}
		}
	}
}
