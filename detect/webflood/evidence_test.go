// SPDX-License-Identifier: Apache-2.0

package webflood

import (
	"net/netip"
	"testing"
)

// Whoever looks at a flood of requests sees flows of those who make it, also at a shop
// whose customers are the more, and learns what would drop them.
func TestEvidenceOfRequests(t *testing.T) {
	for name, tc := range map[string]struct {
		customers askers
		least     int // flows: a sample by bytes has few of small requests beside many pages
		filter    bool
	}{
		"few customers":  {crowdOf(40, 400), 15, true},
		"many customers": {crowdOf(1500, 9000), 1, false},
	} {
		for _, v6 := range []bool{false, true} {
			f, _ := ask(t, v6, nil, tc.customers, bots(1000, 50))
			bot := netip.MustParsePrefix("20.18.0.0/16")
			if v6 {
				bot = netip.MustParsePrefix("2000::/16")
			}
			others := 0
			for _, e := range f.Evidence {
				if a := netip.MustParseAddr(e.Source); !bot.Contains(a) || e.DstPort != 80 {
					others++
				}
			}
			if len(f.Evidence) < tc.least || others > 0 {
				t.Errorf("%s, IPv6 %v: %d flows, %d of others", name, v6, len(f.Evidence), others)
			}
			if tc.filter && f.Filter == nil || f.Filter != nil && (f.Filter.Protocol != "tcp" || f.Filter.Collateral == nil || *f.Filter.Collateral > 0.05) {
				t.Errorf("%s, IPv6 %v: filter %+v", name, v6, f.Filter)
			}
			told := 0
			for _, i := range f.Indicators {
				if i.Name == "flow_similarity" || i.Name == "source_dispersion" {
					told++
				}
			}
			if told != 2 {
				t.Errorf("%s, IPv6 %v: nothing tells it from a crowd: %+v", name, v6, f.Indicators)
			}
		}
	}
}

// A crowd is not shown as the flood beside it: who cannot be told apart is not shown.
func TestNoEvidenceOfMany(t *testing.T) {
	f, _ := ask(t, false, nil, crowdOf(300, 5000), bots(1500, 6000))
	if f.Score == 0 {
		t.Fatal("not found")
	}
	if len(f.Evidence) > 0 || f.Filter != nil {
		t.Errorf("%d flows, filter %+v", len(f.Evidence), f.Filter)
	}
}

// Of slow requests the slow ones are shown, not the shop's pages.
func TestEvidenceOfSlowRequests(t *testing.T) {
	shop := clients{conns: 1000, sources: 1000, port: 443, packets: 20, bytes: 400, outPackets: 30, outBytes: 1200, seconds: 6}
	for _, v6 := range []bool{false, true} {
		attack := slow()
		attack.v6, shop.v6 = v6, v6
		if v6 {
			attack.bytes, attack.outBytes = 94, 72
		}
		out := play(t, shop, attack)
		if len(out) == 0 {
			t.Fatal("not found")
		}
		f := &out[len(out)-1]
		if len(f.Evidence) < 8 || f.Filter == nil || f.Filter.Protocol != "tcp" {
			t.Errorf("IPv6 %v: %d flows, filter %+v", v6, len(f.Evidence), f.Filter)
		}
		for _, e := range f.Evidence {
			if e.Duration < 10 || e.Packets != 6 {
				t.Errorf("IPv6 %v: %+v", v6, e)
			}
		}
	}
}
