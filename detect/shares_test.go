// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math"
	"net/netip"
	"testing"

	"tidewatch/flow"
	"tidewatch/window"
)

// TestShares: what a rule hits of an attack and of what is usual is told by bytes, with
// an error, and not at all of too few flows.
func TestShares(t *testing.T) {
	v4, v6 := flow.AddrFrom4([4]byte{192, 0, 2, 10}), flow.Addr{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 15: 10}
	web := window.Sample{Dst: v4, Proto: flow.ProtoTCP, DstPort: 443, Flags: flow.SYN | flow.ACK | flow.PSH | flow.FIN}
	quic := window.Sample{Dst: v4, Proto: flow.ProtoUDP, DstPort: 443, Bytes: 1200}
	dns := window.Sample{Dst: v4, Proto: flow.ProtoUDP, SrcPort: 53, DstPort: 4444, Bytes: 1400}
	syn := window.Sample{Dst: v4, Proto: flow.ProtoTCP, DstPort: 443, Flags: flow.SYN | flow.ECE, Bytes: 40}
	blind := window.Sample{Dst: v4, Proto: flow.ProtoTCP, DstPort: 443, Mark: flow.NoTCPFlags}
	frag := window.Sample{Dst: v4, Proto: flow.ProtoUDP, Mark: flow.Fragment, Bytes: 1480}
	echo := window.Sample{Dst: v4, Proto: flow.ProtoICMP, DstPort: 53}
	six := window.Sample{Src: flow.Addr{0: 0x20, 1: 1, 15: 9}, Dst: v6, Proto: flow.ProtoUDP, DstPort: 443}
	udp := Match{Proto: flow.ProtoUDP, HasProto: true}
	fromDNS := Match{Proto: flow.ProtoUDP, HasProto: true, SrcPort: 53}
	alone := Match{Proto: flow.ProtoTCP, HasProto: true, Flags: flow.SYN, HasFlags: true}
	for name, tc := range map[string]struct {
		during, before     []window.Sample
		rule               Match
		covers, collateral float64
	}{
		"all of it, beside the web":         {some(24, 1400, dns), some(24, 500, web), fromDNS, 1, 0},
		"the attack turned to SYNs":         {some(24, 40, syn), some(24, 500, web), fromDNS, 0, 0},
		"half of it did, by bytes":          {append(some(12, 300, dns), some(12, 100, syn)...), some(24, 500, web), fromDNS, 0.75, 0},
		"a rule as wide as the protocol":    {some(24, 1400, dns), append(some(12, 100, quic), some(12, 300, web)...), udp, 1, 0.25},
		"SYNs alone, ECE or not":            {some(24, 40, syn), some(24, 900, web), alone, 1, 0},
		"flags that nobody told":            {some(24, 40, blind), some(24, 900, web), alone, 0, 0},
		"fragments":                         {some(24, 1480, frag), some(24, 500, quic), Match{Fragment: true}, 1, 0},
		"a packet size":                     {some(24, 1400, dns), some(24, 1200, quic), Match{PacketBytes: Range{1390, 1410}}, 1, 0},
		"an ICMP code is no port":           {some(24, 100, echo), some(24, 500, web), Match{DstPort: 53}, 0, 0},
		"one IPv6 network":                  {some(24, 100, six), some(24, 100, quic), Match{Source: netip.MustParsePrefix("2001::/48")}, 1, 0},
		"to an IPv4 host":                   {some(24, 100, dns), some(24, 100, six), Match{Dest: netip.MustParsePrefix("192.0.2.10/32")}, 1, 0},
		"to an IPv6 prefix":                 {some(24, 100, six), some(24, 100, dns), Match{Dest: netip.MustParsePrefix("2001:db8::/32")}, 1, 0},
		"everything":                        {some(24, 100, dns), some(24, 100, web), Match{}, 1, 1},
		"nothing is known of before":        {some(24, 100, dns), some(fewSamples-1, 100, web), fromDNS, 1, -1},
		"nothing is seen of the attack now": {nil, some(24, 100, web), fromDNS, -1, 0},
	} {
		got := Shares(tc.during, tc.before, &tc.rule)
		for what, v := range map[string]struct {
			got     *float64
			err     float64
			want    float64
			samples int
		}{
			"covers":     {got.Covers, got.CoversError, tc.covers, got.Samples - len(tc.during)},
			"collateral": {got.Collateral, got.CollateralError, tc.collateral, got.SamplesBefore - len(tc.before)},
		} {
			if v.want < 0 {
				if v.got != nil || v.err != 0 {
					t.Errorf("%s: %s is known", name, what)
				}
				continue
			}
			if v.got == nil || *v.got != v.want || v.err <= 0 || v.err > 0.25 || v.samples != 0 {
				t.Errorf("%s: %s %v, want %v (error %v)", name, what, v.got, v.want, v.err)
			}
		}
	}
	if share, err := ShareOf(1, 0, 10); share != nil || err != 0 {
		t.Error("a share of nothing")
	}
}

// TestRule: what no single packet need have is no part of a rule, which then hits more.
func TestRule(t *testing.T) {
	size := func(from, to uint64) *Range { return &Range{from, to} }
	udp, tcp := Match{Proto: flow.ProtoUDP, HasProto: true}, Match{Proto: flow.ProtoTCP, HasProto: true}
	with := func(m Match, change func(*Match)) Match { change(&m); return m }
	for name, tc := range map[string]struct {
		filter Filter
		want   Match
		exact  bool
	}{
		"nothing":          {Filter{}, Match{}, true},
		"a service":        {Filter{Protocol: "udp", SrcPort: 53}, with(udp, func(m *Match) { m.SrcPort = 53 }), true},
		"a protocol alone": {Filter{Protocol: "47"}, Match{}, false}, // its name is gre
		"GRE":              {Filter{Protocol: "gre"}, Match{Proto: flow.ProtoGRE, HasProto: true}, true},
		"by number":        {Filter{Protocol: "99"}, Match{Proto: 99, HasProto: true}, true},
		"SYN":              {Filter{Protocol: "tcp", Flags: "SYN"}, with(tcp, func(m *Match) { m.Flags, m.HasFlags = flow.SYN, true }), true},
		"SYN+ACK":          {Filter{Protocol: "tcp", Flags: "SYN+ACK"}, with(tcp, func(m *Match) { m.Flags, m.HasFlags = flow.SYN|flow.ACK, true }), true},
		"none":             {Filter{Protocol: "tcp", Flags: "none"}, with(tcp, func(m *Match) { m.HasFlags = true }), true},
		"xmas":             {Filter{Protocol: "tcp", Flags: "FIN+PSH+URG"}, with(tcp, func(m *Match) { m.Flags, m.HasFlags = flow.FIN|flow.PSH|flow.URG, true }), true},
		"a whole session":  {Filter{Protocol: "tcp", DstPort: 443, Flags: "FIN+SYN+PSH+ACK"}, with(tcp, func(m *Match) { m.DstPort = 443 }), false},
		"half a session":   {Filter{Protocol: "tcp", Flags: "SYN+RST+ACK"}, tcp, false},
		"a fixed size":     {Filter{Protocol: "udp", PacketBytes: size(1400, 1404)}, with(udp, func(m *Match) { m.PacketBytes = Range{1400, 1404} }), true},
		"mixed sizes":      {Filter{Protocol: "udp", PacketBytes: size(300, 1400)}, udp, false},
		"fragments":        {Filter{Protocol: "udp", Fragment: true}, with(udp, func(m *Match) { m.Fragment = true }), true},
		"an IPv6 network": {
			Filter{Protocol: "udp", SourcePrefix: "2001:db8::/48"}, with(udp, func(m *Match) { m.Source = netip.MustParsePrefix("2001:db8::/48") }), true,
		},
	} {
		got, exact := tc.filter.Rule()
		if got != tc.want || exact != tc.exact {
			t.Errorf("%s: %+v, exact %v", name, got, exact)
		}
	}

	// The filter is exact for flows; its rule, without flags, hits all of the web.
	crawl := window.Sample{Proto: flow.ProtoTCP, DstPort: 443, Flags: flow.SYN | flow.ACK | flow.RST}
	web := window.Sample{Proto: flow.ProtoTCP, DstPort: 443, Flags: flow.SYN | flow.ACK | flow.PSH | flow.FIN}
	during, before := some(24, 100, crawl), some(24, 500, web)
	f := filterOf(during, before)
	if f.Flags != "SYN+RST+ACK" || *f.Collateral != 0 {
		t.Fatalf("filter %+v", f)
	}
	m, exact := f.Rule()
	if c := Shares(during, before, &m); exact || *c.Covers != 1 || *c.Collateral != 1 {
		t.Errorf("the rule %+v (exact %v) hits %v of the attack and %v of the web", m, exact, *c.Covers, *c.Collateral)
	}
}

// TestFlagWords: each set of flags is written in a way that reads back.
func TestFlagWords(t *testing.T) {
	for flags := range uint8(64) {
		if got, ok := flagBits(FlagWords(flags)); !ok || got != flags {
			t.Errorf("%s reads as %b", FlagWords(flags), got)
		}
	}
	if _, ok := flagBits("SYN,ACK"); ok {
		t.Error("nonsense reads as flags")
	}
	if math.IsNaN(shareError(0, 0)) || shareError(0.5, 24) < shareError(0.5, 1000) {
		t.Error("errors do not shrink with samples")
	}
}

// TestFilterIsCopied: a copy shares no memory.
func TestFilterIsCopied(t *testing.T) {
	harm := 0.5
	f := Filter{Protocol: "udp", PacketBytes: &Range{1, 2}, Collateral: &harm}
	c := f.Clone()
	f.PacketBytes.From, harm = 9, 1
	if c.PacketBytes.From != 1 || *c.Collateral != 0.5 || c.Protocol != "udp" {
		t.Errorf("%+v", c)
	}
}
