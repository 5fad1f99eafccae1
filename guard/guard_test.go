// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/decision"
)

var noon = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)

// network of one family: what is written with these names in the tables.
type places struct {
	own, host, other, half, prefix, wide, protected, inside, foreign, source, resolver, root netip.Prefix
}

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		p, err := network(text)
		if err != nil {
			panic(err)
		}
		out[i] = p
	}
	return out
}

func in(family string) *places {
	p := prefixes("203.0.112.0/20", "203.0.113.7", "203.0.113.8", "203.0.113.0/25", "203.0.113.0/24", "203.0.114.0/23",
		"203.0.112.1", "10.1.2.3", "198.51.100.9", "192.0.2.0/24", "8.8.8.8", "198.41.0.4")
	if family == "IPv6" {
		p = prefixes("2001:db8:40::/42", "2001:db8:41::7", "2001:db8:41::8", "2001:db8:41::/64", "2001:db8:41::/48", "2001:db8:50::/44",
			"2001:db8:42::1", "fd00::1:2:3", "2001:db8:ffff::9", "2001:db8:eeee::/48", "2001:4860:4860::8888", "2001:503:ba3e::2:30")
	}
	return &places{p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11]}
}

func config() Config {
	c := DefaultConfig()
	c.Own = []netip.Prefix{in("IPv4").own, in("IPv6").own}
	c.Internal = prefixes("10.0.0.0/8", "fc00::/7", "fe80::/10")
	c.Never = []string{"203.0.112.1", "2001:db8:42::1"}
	return c
}

// scene is one call, free of every doubt until a case changes it.
type scene struct {
	*places
	cfg Config
	d   decision.Decision
	g   Ground
	s   Standing
}

func newScene(family string) *scene {
	p := in(family)
	return &scene{
		places: p, cfg: config(),
		d: decision.Decision{
			ID: "mit-new", Incident: "inc-1", Action: decision.FlowSpecDrop, Scope: "host", Target: p.host, State: decision.Proposed, Via: "bgp",
			Match:  decision.Match{Destination: p.host, Protocol: "udp", SrcPort: 53},
			Covers: new(0.95), CoversError: 0.03, Collateral: new(0.01), CollateralError: 0.02, Until: noon.Add(time.Minute),
		},
		g: Ground{Category: "ddos_attack", Verdict: "threat", Confidence: 0.9, Severity: "critical", Spoofed: new(0.0), Prevalence: new(0)},
		s: Standing{Protected: []Protected{{p.foreign, "exporter"}}},
	}
}

// act makes the decision one that takes its target whole.
func (c *scene) act(a decision.Action, target netip.Prefix) {
	c.d.Action, c.d.Target, c.d.Scope, c.d.Match = a, target, "host", decision.Match{}
	if !target.IsSingleIP() {
		c.d.Scope = "prefix"
	}
}

// block makes it a rule of a firewall from a device of ours to somebody.
func (c *scene) block(to netip.Prefix) {
	c.d.Action, c.d.Via, c.d.Target = decision.Block, "nftables", c.inside
	c.d.Match = decision.Match{Source: c.inside, Destination: to}
}

// active adds n rules that hold for long, each of a host of its own.
func (c *scene) active(n int, change func(i int, d *decision.Decision)) {
	for i := range n {
		d := decision.Decision{
			ID: fmt.Sprint("mit-", len(c.s.Active)), Incident: fmt.Sprint("inc-", 100+len(c.s.Active)), Action: decision.FlowSpecDrop, Via: "bgp",
			Target: c.nth(i), Match: decision.Match{Destination: c.nth(i), Protocol: "icmp"}, State: decision.Active,
			Created: noon.Add(-time.Hour), Activated: noon.Add(-time.Hour), Until: noon.Add(time.Hour),
		}
		if change != nil {
			change(i, &d)
		}
		c.s.Active = append(c.s.Active, d)
	}
}

// nth is a host of the second half of the own network.
func (c *scene) nth(i int) netip.Prefix {
	b := c.own.Addr().AsSlice()
	b[2] |= 3
	b[len(b)-2], b[len(b)-1] = b[len(b)-2]|byte(i>>8), byte(i)
	if len(b) == 16 {
		b[2], b[5] = 0, b[5]|0x3f
		b[2] = 0x0d
	}
	a, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(a, a.BitLen())
}

func (c *scene) check(t *testing.T) Ruling {
	t.Helper()
	r, err := New(&c.cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r.Check(noon, &c.d, &c.g, &c.s)
}

// TestRails is every guard, in both families: what a person reads, and that the rule
// beside it, which is just right, passes.
func TestRails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change  func(c *scene)
		refused string // a part of the one sentence
		held    string
	}{
		"a FlowSpec rule free of doubt":      {change: func(*scene) {}},
		"a blackhole of one host":            {change: func(c *scene) { c.act(decision.Blackhole, c.host) }},
		"a blackhole that writes its target": {change: func(c *scene) { c.act(decision.Blackhole, c.host); c.d.Match.Destination = c.host }},
		"a diversion of a prefix":            {change: func(c *scene) { c.act(decision.Divert, c.prefix) }},
		"a hook about a device inside":       {change: func(c *scene) { c.act(decision.Hook, c.inside) }},
		"a device of ours to somewhere":      {change: func(c *scene) { c.block(c.source) }},
		"somebody to a device of ours":       {change: func(c *scene) { c.block(c.source); c.d.Match = decision.Match{Source: c.source, Destination: c.inside} }},
		"a limit of all traffic to a host": {change: func(c *scene) {
			c.d.Action, c.d.Rate, c.d.Match = decision.FlowSpecRateLimit, 1e6, decision.Match{Destination: c.host}
		}},
		"a person approved a blackhole prefix": {change: func(c *scene) { c.act(decision.Blackhole, c.prefix); c.g.Person = true }, held: "more than one address"},

		// What a rule is.
		"no such action":             {change: func(c *scene) { c.d.Action = "nuke" }, refused: `there is no action "nuke"`},
		"no target":                  {change: func(c *scene) { c.act(decision.Blackhole, netip.Prefix{}) }, refused: "needs an own address or prefix"},
		"the default route":          {change: func(c *scene) { c.act(decision.Blackhole, netip.PrefixFrom(c.host.Addr(), 0).Masked()) }, refused: "is the default route"},
		"a source that is everybody": {change: func(c *scene) { c.d.Match.Source = netip.PrefixFrom(c.source.Addr(), 0).Masked() }, refused: "is the default route"},
		"bits beyond the length":     {change: func(c *scene) { c.act(decision.Blackhole, netip.PrefixFrom(c.host.Addr(), 30)) }, refused: "has bits beyond its length"},
		"a length that cannot be":    {change: func(c *scene) { c.d.Match.Source = netip.PrefixFrom(c.source.Addr(), 200) }, refused: "is no network"},
		"ports without a protocol":   {change: func(c *scene) { c.d.Match.Protocol = "" }, refused: "no router could match it: ports need a protocol"},
		"a protocol of nobody":       {change: func(c *scene) { c.d.Match = decision.Match{Destination: c.host, Protocol: "carrier pigeon"} }, refused: `there is no protocol "carrier pigeon"`},
		"a host that is a prefix":    {change: func(c *scene) { c.act(decision.Blackhole, c.prefix); c.d.Scope = "host" }, refused: "its scope is one host"},
		"a narrowed blackhole":       {change: func(c *scene) { c.act(decision.Blackhole, c.host); c.d.Match.Protocol = "udp" }, refused: "cannot be narrowed to udp"},
		"a blackhole by the source":  {change: func(c *scene) { c.act(decision.Blackhole, c.host); c.d.Match.Source = c.host }, refused: "cannot be narrowed to"},
		"FlowSpec to everybody":      {change: func(c *scene) { c.d.Match.Destination = netip.Prefix{} }, refused: "hits traffic to everybody"},
		"FlowSpec to more than told": {change: func(c *scene) { c.d.Match.Destination = c.prefix }, refused: "which is more than, or not, its target"},
		"FlowSpec to somebody else":  {change: func(c *scene) { c.d.Match.Destination = c.other }, refused: "which is more than, or not, its target"},
		"a block of strangers":       {change: func(c *scene) { c.block(c.source); c.d.Match.Source = c.other }, refused: "not only traffic to or from its target"},
		"FlowSpec as a blackhole":    {change: func(c *scene) { c.d.Match = decision.Match{Destination: c.host} }, refused: "that is a blackhole or a quarantine"},
		"all sizes are no narrowing": {change: func(c *scene) {
			c.d.Match = decision.Match{Destination: c.host, PacketBytes: &decision.Range{To: 65535}}
		}, refused: "that is a blackhole or a quarantine"},
		"a block as a quarantine": {change: func(c *scene) { c.block(netip.Prefix{}) }, refused: "that is a blackhole or a quarantine"},
		"a limit that is a drop":  {change: func(c *scene) { c.d.Action, c.d.Rate = decision.FlowSpecRateLimit, 12_499 }, refused: "a drop by another name: at least 12500"},
		"just a limit":            {change: func(c *scene) { c.d.Action, c.d.Rate = decision.FlowSpecRateLimit, 12_500 }},

		// Whose it is.
		"nothing is configured":        {change: func(c *scene) { c.cfg.Own = nil }, refused: "no own prefixes are configured, so nothing may be announced: set own"},
		"a dry run of who did not say": {change: func(c *scene) { c.cfg.Own, c.cfg.Internal, c.cfg.Pretend = nil, c.cfg.Own, true }},
		"a dry run elsewhere": {change: func(c *scene) {
			c.cfg.Own, c.cfg.Internal, c.cfg.Pretend = nil, prefixes("10.0.0.0/8", "fc00::/7"), true
		}, refused: "is not within the own prefixes"},
		"inside without own prefixes":  {change: func(c *scene) { c.block(c.source); c.cfg.Own = nil }},
		"a blackhole of a stranger":    {change: func(c *scene) { c.act(decision.Blackhole, c.source); c.d.Scope = "prefix" }, refused: "is not within the own prefixes (own)", held: "more than one address"},
		"a blackhole inside":           {change: func(c *scene) { c.act(decision.Blackhole, c.inside) }, refused: "is not within the own prefixes (own)"},
		"FlowSpec to a stranger":       {change: func(c *scene) { c.d.Target, c.d.Match.Destination, c.d.Scope = c.source, c.source, "prefix" }, refused: "is not within the own prefixes (own)"},
		"a diversion of a stranger":    {change: func(c *scene) { c.act(decision.Divert, c.source) }, refused: "is not within the own prefixes (own)"},
		"a quarantine of a stranger":   {change: func(c *scene) { c.act(decision.Quarantine, c.source) }, refused: "is not within the own networks", held: "approve each quarantine"},
		"a hook about a stranger":      {change: func(c *scene) { c.act(decision.Hook, c.source) }, refused: "is not within the own networks"},
		"more than the own prefix":     {change: func(c *scene) { c.cfg.Own = []netip.Prefix{c.half}; c.act(decision.Blackhole, c.prefix) }, refused: "is not within the own prefixes", held: "more than one address"},
		"a prefix larger than allowed": {change: func(c *scene) { c.act(decision.Divert, c.wide) }, refused: "the largest network that a rule may name"},
		"a source larger than allowed": {change: func(c *scene) { c.d.Match.Source = netip.PrefixFrom(c.source.Addr(), c.source.Bits()-1).Masked() }, refused: "the largest network that a rule may name"},
		"a destination outside larger": {change: func(c *scene) { c.block(netip.PrefixFrom(c.source.Addr(), c.source.Bits()-1).Masked()) }, refused: "the largest network that a rule may name"},

		// What is never touched, in each direction.
		"a blackhole of the gateway": {change: func(c *scene) { c.act(decision.Blackhole, c.protected) }, refused: "is never touched (configured)"},
		"FlowSpec to the gateway":    {change: func(c *scene) { c.d.Target, c.d.Match.Destination = c.protected, c.protected }, refused: "is never touched (configured)"},
		"a prefix with the gateway": {change: func(c *scene) {
			p := netip.PrefixFrom(c.protected.Addr(), c.prefix.Bits()).Masked()
			c.act(decision.Divert, p)
		}, refused: "is never touched (configured)"},
		"FlowSpec against the exporter": {change: func(c *scene) { c.d.Match.Source = c.foreign }, refused: "is never touched (exporter)"},
		"a source around the exporter":  {change: func(c *scene) { c.d.Match.Source = netip.PrefixFrom(c.foreign.Addr(), c.prefix.Bits()).Masked() }, refused: "is never touched (exporter)"},
		"a limit against the exporter":  {change: func(c *scene) { c.d.Match.Source, c.d.Action, c.d.Rate = c.foreign, decision.FlowSpecRateLimit, 1e6 }, refused: "is never touched (exporter)"},
		"a block towards the exporter":  {change: func(c *scene) { c.block(c.foreign) }, refused: "is never touched (exporter)"},
		"a block of a resolver": {change: func(c *scene) {
			c.block(c.source)
			c.d.Match = decision.Match{Source: c.resolver, Destination: c.inside}
		}, refused: "is never touched (Google Public DNS"},
		"a block towards a resolver":     {change: func(c *scene) { c.block(c.resolver) }, refused: "is never touched (Google Public DNS"},
		"FlowSpec against a resolver":    {change: func(c *scene) { c.d.Match.Source = c.resolver }, refused: "is never touched (Google Public DNS"},
		"FlowSpec against a root server": {change: func(c *scene) { c.d.Match.Source = c.root; c.g.Person = true }, refused: "is never touched (DNS root server A)"},
		"quarantine of what we live on": {change: func(c *scene) {
			c.act(decision.Quarantine, c.inside)
			c.s.Protected = []Protected{{c.inside, "tidewatch itself"}}
		}, refused: "is never touched (tidewatch itself)", held: "approve each quarantine"},
		"nothing of the family": {change: func(c *scene) { c.cfg.Never = []string{"0.0.0.0/0", "::/0"} }, refused: "is never touched (configured)"},
		"protected in another form": {change: func(c *scene) {
			if a := c.host.Addr(); a.Is4() {
				c.s.Protected = []Protected{{netip.PrefixFrom(netip.AddrFrom16(a.As16()), 128), "exporter"}}
			} else {
				c.s.Protected = []Protected{{c.host, "exporter"}}
			}
		}, refused: "is never touched (exporter)"},

		// Its end.
		"no end":                    {change: func(c *scene) { c.d.Until = time.Time{} }, refused: "it has no end"},
		"an end that was":           {change: func(c *scene) { c.d.Until = noon }, refused: "is over"},
		"too long without a person": {change: func(c *scene) { c.d.Until = noon.Add(time.Hour + 1) }, refused: "at most 1h0m0s may be given at once"},
		"as long as allowed":        {change: func(c *scene) { c.d.Until = noon.Add(time.Hour) }},
		"longer with a person":      {change: func(c *scene) { c.d.Until = noon.Add(24 * time.Hour); c.g.Person = true }},
		"too long with a person":    {change: func(c *scene) { c.d.Until = noon.Add(24*time.Hour + 1); c.g.Person = true }, refused: "at most 24h0m0s may be given at once"},

		// What holds already.
		"the same rule": {change: func(c *scene) {
			o := c.d
			o.ID, o.State, o.Incident = "mit-old", decision.Active, "inc-2"
			c.s.Active = []decision.Decision{o}
		}, refused: "the same rule is there already (mit-old)"},
		"the same rule, spelt otherwise": {change: func(c *scene) {
			o := c.d
			o.ID, o.State, o.Match.Protocol = "mit-old", decision.Approved, "17"
			c.s.Active = []decision.Decision{o}
		}, refused: "the same rule is there already (mit-old)"},
		"the same rule goes": {change: func(c *scene) {
			o := c.d
			o.ID, o.State = "mit-old", decision.Expiring
			c.s.Active = []decision.Decision{o}
		}, refused: "just being taken back (mit-old)"},
		"the same rule has gone": {change: func(c *scene) {
			o := c.d
			o.ID, o.State = "mit-old", decision.Withdrawn
			c.s.Active = []decision.Decision{o}
		}},
		"itself": {change: func(c *scene) { o := c.d; o.State = decision.Approved; c.s.Active = []decision.Decision{o} }},
		"elsewhere too": {change: func(c *scene) {
			o := c.d
			o.ID, o.State, o.Via = "mit-old", decision.Active, "bgp-2"
			c.s.Active = []decision.Decision{o}
		}},
		"inside of a wider one": {change: func(c *scene) {
			c.active(1, func(_ int, o *decision.Decision) {
				o.Match = decision.Match{Destination: c.prefix, Protocol: "udp"}
				o.Target = c.prefix
			})
		}, refused: "a wider rule is there already: flowspec_drop of"},
		"wider than another": {change: func(c *scene) {
			c.active(1, func(_ int, o *decision.Decision) { o.Target = c.host; o.Match = c.d.Match; o.Match.Source = c.source })
		}},
		"of a host in a black hole": {change: func(c *scene) {
			c.active(1, func(_ int, o *decision.Decision) {
				o.Action, o.Match, o.Target = decision.Blackhole, decision.Match{}, c.half
			})
		}, refused: "a wider rule is there already: blackhole of"},
		"a drop after a limit": {change: func(c *scene) {
			o := c.d
			o.ID, o.Action, o.Rate, o.State = "mit-old", decision.FlowSpecRateLimit, 1e6, decision.Active
			c.s.Active = []decision.Decision{o}
		}},
		"a limit beside a drop": {change: func(c *scene) {
			o := c.d
			o.ID, o.State = "mit-old", decision.Active
			c.s.Active = []decision.Decision{o}
			c.d.Action, c.d.Rate = decision.FlowSpecRateLimit, 1e6
		}, refused: "a wider rule is there already: flowspec_drop"},
		"the eleventh FlowSpec rule":     {change: func(c *scene) { c.active(10, nil) }, refused: "10 FlowSpec rules hold already, and at most 10 may (max_flowspec)"},
		"the tenth FlowSpec rule":        {change: func(c *scene) { c.active(9, nil) }},
		"one more than all":              {change: func(c *scene) { c.cfg.MaxActive = 7; c.active(7, nil) }, refused: "7 rules hold already, and at most 7 may (max_active)"},
		"none is allowed":                {change: func(c *scene) { c.cfg.MaxBlackhole = 0; c.act(decision.Blackhole, c.host) }, refused: "0 blackholes hold already, and at most 0 may (max_blackhole)"},
		"too many about one incident":    {change: func(c *scene) { c.active(5, func(_ int, o *decision.Decision) { o.Incident = "inc-1" }) }, refused: "5 rules about this incident hold already"},
		"a person's own, of no incident": {change: func(c *scene) { c.d.Incident = ""; c.active(5, func(_ int, o *decision.Decision) { o.Incident = "" }) }},

		// How fast.
		"too many in a minute":   {change: func(c *scene) { c.s.Begun = slices.Repeat([]time.Time{noon.Add(-59 * time.Second)}, 20) }, refused: "20 rules were begun within the last minute"},
		"a minute ago":           {change: func(c *scene) { c.s.Begun = slices.Repeat([]time.Time{noon.Add(-time.Minute)}, 20) }},
		"the clock was set back": {change: func(c *scene) { c.s.Begun = slices.Repeat([]time.Time{noon.Add(50 * time.Minute)}, 20) }, refused: "20 rules were begun within the last minute"},
		"approved and not begun yet": {change: func(c *scene) {
			c.cfg.MaxPerMinute = 8
			c.active(8, func(_ int, o *decision.Decision) { o.State, o.Activated = decision.Approved, time.Time{} })
		}, refused: "8 rules were begun within the last minute"},
		"nobody knows what was begun": {change: func(c *scene) {
			c.cfg.MaxPerMinute = 8
			c.active(8, func(_ int, o *decision.Decision) { o.Activated = noon.Add(-time.Second) })
		}, refused: "8 rules were begun within the last minute"},
		"begun and holding is one thing": {change: func(c *scene) {
			c.cfg.MaxPerMinute = 8
			at := noon.Add(-time.Second)
			c.active(7, func(_ int, o *decision.Decision) { o.Activated = at })
			c.s.Begun = slices.Repeat([]time.Time{at}, 7)
		}},

		// Outages.
		"too many blackholes": {change: func(c *scene) { c.act(decision.Blackhole, c.host); c.holes(16) }, refused: "17 blackholes and quarantines would hold within"},
		"nearly too many":     {change: func(c *scene) { c.act(decision.Blackhole, c.host); c.holes(12) }, held: "13 blackholes and quarantines would hold within"},
		"some blackholes":     {change: func(c *scene) { c.act(decision.Blackhole, c.host); c.holes(11) }},
		"too much of what is ours": {change: func(c *scene) {
			c.act(decision.Blackhole, c.half)
			c.cfg.Own = []netip.Prefix{c.prefix}
			c.cfg.MaxCutOffShare = 1e-6
			c.g.Person = true
		}, refused: "of the own addresses would be cut off", held: "more than one address"},
		"the whole of what is ours": {change: func(c *scene) {
			c.act(decision.Blackhole, c.prefix)
			c.cfg.Own = []netip.Prefix{c.prefix}
			c.g.Person = true
		}, refused: "100 % of the own addresses would be cut off, and at most 25 % may be", held: "more than one address"},
		"quarantines count, too": {change: func(c *scene) {
			c.act(decision.Blackhole, c.host)
			c.holes(16)
			for i := range c.s.Active {
				c.s.Active[i].Action = decision.Quarantine
			}
		}, refused: "17 blackholes and quarantines would hold within"},
		"diversions do not": {change: func(c *scene) { c.act(decision.Divert, c.host); c.holes(16) }},

		// What needs a person.
		"no verdict":               {change: func(c *scene) { c.g.Verdict = "" }, held: "there is no verdict"},
		"a crowd":                  {change: func(c *scene) { c.g.Verdict, c.g.Confidence = "legitimate", 0.99 }, held: "the verdict on the incident is legitimate"},
		"nobody knows":             {change: func(c *scene) { c.g.Verdict = "uncertain" }, held: "the verdict on the incident is uncertain"},
		"not sure enough":          {change: func(c *scene) { c.g.Confidence = 0.79 }, held: "the verdict is 79 % sure, and 80 % are needed"},
		"low":                      {change: func(c *scene) { c.g.Severity = "low" }, held: "the severity is low"},
		"hits little":              {change: func(c *scene) { c.d.Covers, c.d.CoversError = new(0.55), 0.06 }, held: "as little as 49 % of the attack"},
		"unknown what it hits":     {change: func(c *scene) { c.d.Covers = nil }},
		"quarantine":               {change: func(c *scene) { c.act(decision.Quarantine, c.inside) }, held: "a person must approve each quarantine"},
		"quarantine allowed":       {change: func(c *scene) { c.act(decision.Quarantine, c.inside); c.cfg.Automatic = []string{"quarantine"} }},
		"blackhole of a prefix":    {change: func(c *scene) { c.act(decision.Blackhole, c.half) }, held: "a blackhole of more than one address"},
		"prefixes allowed":         {change: func(c *scene) { c.act(decision.Blackhole, c.half); c.cfg.AutomaticPrefixes = true }},
		"collateral unknown":       {change: func(c *scene) { c.d.Collateral = nil }, held: "it is not known how much usual traffic it would hit"},
		"collateral with error":    {change: func(c *scene) { c.d.Collateral, c.d.CollateralError = new(0.11), 0.05 }, held: "up to 16 % of usual traffic, and beyond 15 % a person decides (ask_collateral_drop)"},
		"collateral of a block":    {change: func(c *scene) { c.block(c.source); c.d.Collateral = new(0.2) }, held: "(ask_collateral_block)"},
		"collateral of a limit":    {change: func(c *scene) { c.d.Action, c.d.Rate, c.d.Collateral = decision.FlowSpecRateLimit, 1e6, new(0.2) }},
		"more of a limit":          {change: func(c *scene) { c.d.Action, c.d.Rate, c.d.Collateral = decision.FlowSpecRateLimit, 1e6, new(0.99) }, held: "(ask_collateral_limit)"},
		"too much collateral":      {change: func(c *scene) { c.d.Collateral, c.g.Person = new(0.49), true }, refused: "up to 51 % of usual traffic, and at most 50 % may be (max_collateral_drop)"},
		"source of samples":        {change: func(c *scene) { c.d.Match.Source, c.g.Sampled = c.source, true }, held: "from sampled packets nobody can tell"},
		"samples and no source":    {change: func(c *scene) { c.g.Sampled, c.g.Spoofed, c.g.Prevalence = true, nil, nil }},
		"source maybe made up":     {change: func(c *scene) { c.d.Match.Source, c.g.Spoofed = c.source, nil }, held: "it is not known whether sources are made up"},
		"source made up":           {change: func(c *scene) { c.d.Match.Source, c.g.Spoofed = c.source, new(0.11) }, held: "11 % of the sources are likely made up, of 10 % that may be"},
		"source of a partner":      {change: func(c *scene) { c.d.Match.Source, c.g.Prevalence = c.source, new(2) }, held: "with which 2 own devices usually talk"},
		"source of nobody knows":   {change: func(c *scene) { c.d.Match.Source, c.g.Prevalence = c.source, nil }, held: "it is not known who usually talks with it"},
		"destination of a partner": {change: func(c *scene) { c.block(c.source); c.g.Prevalence = new(2) }, held: "it names the destination"},
		"destination, made up":     {change: func(c *scene) { c.block(c.source); c.g.Spoofed, c.g.Sampled = nil, true }},
		"between two of ours":      {change: func(c *scene) { c.block(c.host) }, held: "which is our own, too"},
		"our own as a source":      {change: func(c *scene) { c.d.Match.Source = c.inside }, held: "which is our own, too"},
		"everything at once":       {change: func(c *scene) { c.d.Match.Source = c.source; c.g = Ground{} }, held: "there is no verdict on the incident|not known whether sources|not known who usually talks"},
	} {
		for _, family := range []string{"IPv4", "IPv6"} {
			t.Run(name+" "+family, func(t *testing.T) {
				t.Parallel()
				c := newScene(family)
				tc.change(c)
				got := c.check(t)
				says(t, "refused", got.Refused, tc.refused)
				says(t, "held", got.Held, tc.held)
				if want := tc.refused == ""; (got.Lease > 0) != want {
					t.Errorf("a lease of %v", got.Lease)
				}
			})
		}
	}
}

// holes adds n blackholed hosts.
func (c *scene) holes(n int) {
	c.active(n, func(_ int, d *decision.Decision) { d.Action, d.Match = decision.Blackhole, decision.Match{} })
}

// says compares sentences with parts of them, split by |.
func says(t *testing.T, what string, got []string, want string) {
	t.Helper()
	var parts []string
	if want != "" {
		parts = strings.Split(want, "|")
	}
	if len(got) != len(parts) {
		t.Fatalf("%s: got %q, want %q", what, got, parts)
	}
	for i := range parts {
		if !strings.Contains(got[i], parts[i]) {
			t.Errorf("%s: got %q, want a part %q", what, got[i], parts[i])
		}
	}
}

// TestAddressesThatAreNone: what no family shares.
func TestAddressesThatAreNone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"127.0.0.1/32": "loopback", "0.1.2.3/32": "this network", "169.254.1.1/32": "link-local", "224.0.0.5/32": "multicast",
		"255.255.255.255/32": "reserved", "240.0.0.0/24": "reserved", "::1/128": "reserved", "::/128": "reserved", "fe80::1/128": "link-local",
		"ff02::1/128": "multicast", "64:ff9b::808:808/128": "reserved", "fec0::1/128": "site-local",
	} {
		c := newScene("IPv4")
		c.act(decision.Hook, netip.MustParsePrefix(text))
		c.cfg.Internal = prefixes("0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1")
		says(t, text, c.check(t).Refused, want)
	}
	mapped := netip.PrefixFrom(netip.MustParseAddr("::ffff:203.0.113.7"), 128)
	c := newScene("IPv4")
	c.act(decision.Blackhole, mapped)
	says(t, "mapped", c.check(t).Refused, "is IPv4 in IPv6 form")
}

// TestRecheck: a rule that holds is not counted against itself, nor by the minute; and
// when a cap falls, the oldest stay.
func TestRecheck(t *testing.T) {
	t.Parallel()
	c := newScene("IPv4")
	c.active(8, func(i int, d *decision.Decision) {
		d.Activated = noon.Add(-time.Duration(8-i) * time.Second)
		d.Covers, d.Collateral = c.d.Covers, c.d.Collateral
	})
	c.cfg.MaxFlowSpec, c.cfg.MaxPerMinute = 5, 1
	r, err := New(&c.cfg)
	if err != nil {
		t.Fatal(err)
	}
	stay := 0
	for i := range c.s.Active {
		got := r.Recheck(noon, &c.s.Active[i], &c.g, &c.s)
		if refused := i >= 5; refused != (len(got.Refused) > 0) {
			t.Errorf("rule %d: %q", i, got.Refused)
		}
		if len(got.Refused) == 0 {
			stay++
		}
	}
	if stay != 5 {
		t.Errorf("%d rules stay, want 5", stay)
	}
	// What is protected now, and was not when the rule began, is let go.
	c.s.Protected = []Protected{{c.s.Active[0].Target, "BGP peer"}}
	says(t, "protected since", r.Recheck(noon, &c.s.Active[0], &c.g, &c.s).Refused, "is never touched (BGP peer)")
	// An end that a jump of the clock has moved away is too far.
	says(t, "clock", r.Recheck(noon.Add(-48*time.Hour), &c.s.Active[1], &c.g, &c.s).Refused, "at most 1h0m0s may be given at once")
}

// TestCheckChangesNothing: the same question has the same answer, in any order of what
// holds, and leaves what it was asked with alone.
func TestCheckChangesNothing(t *testing.T) {
	t.Parallel()
	c := newScene("IPv6")
	c.active(9, nil)
	c.holes(9)
	c.d.Match.Source = c.source
	before := fmt.Sprintf("%+v %+v %+v", c.d, c.g, c.s)
	first := c.check(t)
	if after := fmt.Sprintf("%+v %+v %+v", c.d, c.g, c.s); after != before {
		t.Errorf("changed from\n%s\nto\n%s", before, after)
	}
	slices.Reverse(c.s.Active)
	if diff := cmp.Diff(first, c.check(t)); diff != "" {
		t.Error(diff)
	}
}
