// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"net/netip"
	"testing"

	"tidewatch/flow"
)

// A network's key tells the network, and no other address does.
func TestNetworkKey(t *testing.T) {
	seen := map[flow.Addr]string{}
	for text, key := range map[string]string{
		"10.1.0.0/16":           "100:0:0:410:a01::",
		"10.0.0.0/8":            "100:0:0:408:a00::",
		"0.0.0.0/0":             "100:0:0:400::",
		"::/0":                  "100:0:0:600::",
		"2001:db8::/32":         "100:0:0:620:2001:db8::",
		"2001:db8:1:2::/64":     "100:0:0:640:2001:db8:1:2",
		"fc00::/7":              "100:0:0:607:fc00::",
		"192.168.255.252/30":    "100:0:0:41e:c0a8:fffc::",
		"255.255.255.254/31":    "100:0:0:41f:ffff:fffe::",
		"ffff:ffff:ffff::/48":   "100:0:0:630:ffff:ffff:ffff:0",
		"ffff:ffff:ffff:8::/61": "100:0:0:63d:ffff:ffff:ffff:8",
	} {
		p := netip.MustParsePrefix(text)
		a := NetworkKey(p)
		if a != flow.AddrFrom(netip.MustParseAddr(key)) {
			t.Errorf("%s is kept under %s, want %s", text, a.Netip(), key)
		}
		if back, ok := Network(a); !ok || back != p {
			t.Errorf("%s is read back as %s (%t)", text, back, ok)
		}
		if other, twice := seen[a]; twice {
			t.Errorf("%s and %s have one key", text, other)
		}
		seen[a] = text
	}
	for _, text := range []string{"10.1.2.3", "::1", "2001:db8::1", "100::", "100::1234:5678:9abc:def0", "100:0:0:421:a01::", "100:0:0:410:a01::1", "100:0:0:641:2001::", "100:0:0:710::", "100:1:0:410:a01::"} {
		if p, ok := Network(flow.AddrFrom(netip.MustParseAddr(text))); ok {
			t.Errorf("%s is taken for the key of %s", text, p)
		}
	}
	for _, text := range []string{"10.1.2.3/32", "2001:db8::/65", "::1/128"} {
		if HasKey(netip.MustParsePrefix(text)) {
			t.Errorf("%s has a key", text)
		}
	}
	if got := Label(NetworkKey(Site())); got != "site" {
		t.Errorf("the site is called %q", got)
	}
}
