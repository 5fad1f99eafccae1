// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"tidewatch/decision"
)

func TestValidate(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"whole":               {func(*Config) {}, ""},
		"nobody":              {func(c *Config) { *c = DefaultConfig() }, ""},
		"iBGP of IPv6":        {func(c *Config) { c.Peers[0].ASN, c.Peers[0].Address = c.ASN, own("2001:db8::1") }, ""},
		"no AS":               {func(c *Config) { c.ASN = 0 }, "asn is needed"},
		"no id":               {func(c *Config) { c.RouterID, c.LocalAddress = own("::"), own("2001:db8::2") }, "router_id"},
		"no address":          {func(c *Config) { c.Peers[0].Address = own("0.0.0.0") }, "address is needed"},
		"no AS of the router": {func(c *Config) { c.Peers[0].ASN = 0 }, "asn is needed: the one of the router"},
		"hold of 2s":          {func(c *Config) { c.HoldTime = 2 * time.Second }, "hold_time"},
		"hold of 10m":         {func(c *Config) { c.HoldTime = 10 * time.Minute }, "hold_time"},
		"half a second":       {func(c *Config) { c.HoldTime = 9500 * time.Millisecond }, "whole seconds"},
		"restart":             {func(c *Config) { c.GracefulRestart = 20 * time.Second }, ""},
		"restart of a lease":  {func(c *Config) { c.GracefulRestart = 30 * time.Second }, "below the shortest lease"},
		"no rule":             {func(c *Config) { c.MaxRules = 0 }, "max_rules"},
		"near and far":        {func(c *Config) { c.Peers[0].TTLSecurity, c.Peers[0].Multihop = 1, 2 }, "exclude each other"},
		"too far":             {func(c *Config) { c.Peers[0].TTLSecurity = 255 }, "ttl_security"},
		"nowhere to connect":  {func(c *Config) { c.Peers[0].Passive = true }, "set listen"},
		"two passwords":       {func(c *Config) { c.Peers[0].Password, c.Peers[0].PasswordFile = "a", "b" }, "enough"},
		"long password":       {func(c *Config) { c.Peers[0].Password = strings.Repeat("x", 81) }, "80 bytes"},
		"unknown family":      {func(c *Config) { c.Peers[0].Families = []string{"vpnv4"} }, "no family"},
		"mixed addresses":     {func(c *Config) { c.Peers[0].LocalAddress = own("2001:db8::1") }, "different families"},
		"twice the router":    {func(c *Config) { c.Peers = append(c.Peers, c.Peers[0]) }, "two peers"},
		"twice the name": {func(c *Config) {
			c.Peers = append(c.Peers, PeerConfig{Name: "192.0.2.20", Address: own("192.0.2.21"), ASN: 1})
		}, "two peers"},
		"no community": {func(c *Config) { c.Blackhole.Communities = nil }, "without a community"},
		"own ones": {func(c *Config) {
			c.Blackhole.Communities, c.Blackhole.PrefixCommunities = []string{"64500:666"}, []string{"1:2:3"}
		}, ""},
		"no community at all":  {func(c *Config) { c.Blackhole.Communities = []string{"blackhole"} }, "no community"},
		"too large":            {func(c *Config) { c.Blackhole.Communities = []string{"70000:666"} }, "no community"},
		"four parts":           {func(c *Config) { c.Divert.Communities = []string{"1:2:3:4"} }, "no community"},
		"next hop of IPv6":     {func(c *Config) { c.Blackhole.NextHop = own("2001:db8::1") }, "next_hop"},
		"next hop of nobody":   {func(c *Config) { c.Divert.NextHopIPv6 = own("::") }, "next_hop_ipv6"},
		"next hop of loopback": {func(c *Config) { c.Divert.NextHop = own("127.0.0.1") }, "next_hop"},
	} {
		c := DefaultConfig()
		c.ASN, c.LocalAddress, c.Lease = ownASN, own("192.0.2.10"), time.Minute
		c.Peers = []PeerConfig{{Address: own("192.0.2.20"), ASN: routerASN}}
		tc.change(&c)
		err := c.Validate()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "xxx") {
			t.Errorf("%s: the error repeats the password: %v", name, err)
		}
	}
}

// TestYAML: a file as in the guide loads, and the password is marked as one.
func TestYAML(t *testing.T) {
	text := `asn: 4200000001
local_address: 192.0.2.10
blackhole: {communities: ["65535:666", "64500:666"], no_export: false}
peers:
  - {name: edge-1, address: 192.0.2.20, asn: 64500, password: hunter2hunter2, ttl_security: 1}
  - {name: edge-2, address: "2001:db8::20", asn: 64500, multihop: 3, families: [ipv6_unicast, ipv6_flowspec]}
`
	c := DefaultConfig()
	if err := yaml.UnmarshalWithOptions([]byte(text), &c, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.Peers[0].Password != "hunter2hunter2" || c.Blackhole.NoExport || c.Blackhole.NextHop != discard4() || c.HoldTime != 30*time.Second {
		t.Errorf("loaded %+v", c)
	}
	if f, ok := reflect.TypeFor[PeerConfig]().FieldByName("Password"); !ok || f.Tag.Get("secret") != "true" {
		t.Error("the password would be printed: it has no secret tag")
	}
	c.Peers[0].Password, c.Peers[0].PasswordFile = "", "edge-1.key"
	if _, err := New(c, Deps{}); err == nil || !strings.Contains(err.Error(), "not read") {
		t.Errorf("a password that was left in its file: %v", err)
	}
}

// TestUnicast holds announcements to their bytes: path attributes in the order given here,
// gobgp sorts them on the wire.
func TestUnicast(t *testing.T) {
	const (
		origin      = "40010102"
		viaTestNet  = "400304c0000201"
		blackhole   = "c00804ffff029a"           // 65535:666
		andStay     = "c00808ffff029affffff01"   // and 65535:65281
		via6Discard = "800e26" + "000201" + "10" // 38 bytes: IPv6 unicast, a next hop of 16
	)
	for name, tc := range map[string]struct {
		change func(*Config)
		d      decision.Decision
		want   string
	}{
		"host":                   {nil, decision.Decision{Action: decision.Blackhole, Target: net("203.0.113.7/32")}, origin + andStay + viaTestNet},
		"host that may be told":  {func(c *Config) { c.Blackhole.NoExport = false }, decision.Decision{Action: decision.Blackhole, Target: net("203.0.113.7/32")}, origin + blackhole + viaTestNet},
		"host of IPv6":           {nil, decision.Decision{Action: decision.Blackhole, Target: net("2001:db8::7/128")}, origin + andStay + via6Discard + "01000000000000000000000000000001" + "00" + "8020010db8000000000000000000000007"},
		"host of its own mark":   {marked, decision.Decision{Action: decision.Blackhole, Target: net("203.0.113.7/32")}, origin + "c00804fbf40001" + viaTestNet},
		"network of its own one": {marked, decision.Decision{Action: decision.Blackhole, Target: net("203.0.113.0/24")}, origin + "c0200cfa56ea000000029a00000002" + viaTestNet},
		"diverted":               {marked, decision.Decision{Action: decision.Divert, Target: net("203.0.113.0/24")}, origin + "c00808fbf40063ffffff01" + "400304c6336401"},
	} {
		c := DefaultConfig()
		if tc.change != nil {
			tc.change(&c)
		}
		r, err := c.route(&tc.d)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := ""
		for _, a := range r.path.Attrs {
			raw, err := a.Serialize()
			if err != nil {
				t.Fatal(err)
			}
			got += hex.EncodeToString(raw)
		}
		if got != tc.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tc.want)
		}
	}
}

// marked has communities of its own for everything.
func marked(c *Config) {
	c.Blackhole.NoExport = false
	c.Blackhole.HostCommunities, c.Blackhole.PrefixCommunities = []string{"64500:1"}, []string{"4200000000:666:2"}
	c.Divert.NextHop, c.Divert.Communities = own("198.51.100.1"), []string{"64500:99"}
}
