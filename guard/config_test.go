// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestValidate: what would be no guard is refused, with a sentence.
func TestValidate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(c *Config)
		want   string
	}{
		"the default":             {func(*Config) {}, ""},
		"addresses and networks":  {func(c *Config) { c.Never = []string{"192.0.2.1", "192.0.2.0/24", "2001:db8::1", "2001:db8::/32"} }, ""},
		"no rules at all":         {func(c *Config) { c.MaxActive = 0 }, ""},
		"the internet is ours":    {func(c *Config) { c.Own = prefixes("0.0.0.0/0") }, "own: 0.0.0.0/0 is more than one organisation has"},
		"all of IPv6 is ours":     {func(c *Config) { c.Own = prefixes("2000::/3") }, "own: 2000::/3 is more than one organisation has"},
		"a typing error":          {func(c *Config) { c.Own = []netip.Prefix{netip.MustParsePrefix("203.0.113.7/24")} }, "own: 203.0.113.7/24 has bits set behind its length, write 203.0.113.0/24"},
		"multicast is ours":       {func(c *Config) { c.Own = prefixes("224.0.0.0/8") }, "own: 224.0.0.0/8 holds multicast addresses"},
		"no network":              {func(c *Config) { c.Own = []netip.Prefix{{}} }, "is no network"},
		"IPv4 in IPv6 form":       {func(c *Config) { c.Own = []netip.Prefix{netip.MustParsePrefix("::ffff:203.0.113.0/120")} }, "own: ::ffff:203.0.113.0/120 is IPv4 in IPv6 form"},
		"never a word":            {func(c *Config) { c.Never = []string{"gateway"} }, `never: "gateway" is neither an address nor a network`},
		"never with a zone":       {func(c *Config) { c.Never = []string{"fe80::1%eth0"} }, "never: fe80::1%eth0 has a zone"},
		"never in another form":   {func(c *Config) { c.Never = []string{"::ffff:192.0.2.1"} }, "never: ::ffff:192.0.2.1 is IPv4 in IPv6 form"},
		"below the floor, IPv4":   {func(c *Config) { c.MinPrefixV4 = 15 }, "min_prefix_v4 is 15, must lie between 16 and 32"},
		"below the floor, IPv6":   {func(c *Config) { c.MinPrefixV6 = 31 }, "min_prefix_v6 is 31, must lie between 32 and 128"},
		"longer than a day":       {func(c *Config) { c.MaxLease = 24*time.Hour + 1 }, "max_lease is 24h0m0.000000001s, must lie between 1s and 24h0m0s"},
		"no lease":                {func(c *Config) { c.MaxLease = 0 }, "max_lease is 0s"},
		"longer without a person": {func(c *Config) { c.MaxLease = time.Minute }, "max_lease_automatic is 1h0m0s, must lie between 1s and max_lease, 1m0s"},
		"any number of rules":     {func(c *Config) { c.MaxFlowSpec = 1001 }, "max_flowspec is 1001, must lie between 0 and 1000"},
		"fewer than none":         {func(c *Config) { c.MaxPerMinute = -1 }, "max_per_minute is -1, must lie between 0 and 1000"},
		"more than all":           {func(c *Config) { c.MaxCutOffShare = 1.1 }, "max_cut_off_share is 1.1, must lie between 0 and 1"},
		"no number":               {func(c *Config) { c.MaxCollateralLimit = math.NaN() }, "max_collateral_limit is NaN, must lie between 0 and 1"},
		"fewer than no devices":   {func(c *Config) { c.MaxPrevalence = -1 }, "max_prevalence is a number of devices"},
		"limits that drop":        {func(c *Config) { c.MinRate = 0 }, "min_rate is 0"},
		"no such action":          {func(c *Config) { c.Automatic = []string{"nuke"} }, `automatic: there is no action "nuke", there are [hook`},
	} {
		c := DefaultConfig()
		tc.change(&c)
		err := c.Validate()
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
		if _, built := New(&c); (built == nil) != (err == nil) {
			t.Errorf("%s: New says %v, Validate %v", name, built, err)
		}
	}
}

// TestWellKnown: every service has both families, except those that offer IPv4 alone,
// and no address is written twice.
func TestWellKnown(t *testing.T) {
	t.Parallel()
	seen, families := map[netip.Prefix]bool{}, map[string][2]int{}
	for _, p := range wellKnown() {
		if seen[p.Prefix] {
			t.Errorf("%v is written twice", p.Prefix)
		}
		seen[p.Prefix] = true
		n := families[p.Why]
		n[(p.Prefix.Addr().BitLen()-32)/96]++
		families[p.Why] = n
	}
	roots := 0
	for why, n := range families {
		if n[0] == 0 || n[1] == 0 && why != "Level 3 DNS" {
			t.Errorf("%s has %d addresses of IPv4, %d of IPv6", why, n[0], n[1])
		}
		if strings.HasPrefix(why, "DNS root server ") {
			roots++
		}
	}
	if roots != 13 {
		t.Errorf("%d root servers", roots)
	}
}
