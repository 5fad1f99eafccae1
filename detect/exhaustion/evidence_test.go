// SPDX-License-Identifier: Apache-2.0

package exhaustion

import (
	"testing"

	"tidewatch/flow"
)

// What fills a table of connections is shown by connections in which nothing goes on,
// also at a busy shop.
func TestEvidence(t *testing.T) {
	shop := clients{rate: 300, sources: 9000, port: 443, flags: whole, packets: 10, size: 300, back: 900, backFlags: whole}
	for name, attack := range map[string]clients{
		"handshakes": {rate: 60, sources: 50, port: 443, flags: handshake, packets: 2, size: 56, back: 60, backFlags: handshake, from: attackAt},
		"a byte every ten seconds": {
			rate: 60, sources: 100, port: 5432, flags: flow.ACK | flow.PSH, packets: 6, size: 53, lasting: 55, back: 52, backFlags: handshake, from: attackAt,
		},
	} {
		for _, v6 := range []bool{false, true} {
			f := play(t, v6, shop, attack)
			if len(f.Evidence) < 8 || f.Filter == nil || f.Filter.Protocol != "tcp" || f.Filter.Collateral == nil || *f.Filter.Collateral > 0.05 {
				t.Errorf("%s, IPv6 %v: %d flows, filter %+v", name, v6, len(f.Evidence), f.Filter)
			}
			for _, e := range f.Evidence {
				if e.Packets != uint64(attack.packets) {
					t.Errorf("%s, IPv6 %v: %+v", name, v6, e)
				}
			}
		}
	}
}
