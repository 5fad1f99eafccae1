// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"tidewatch/decision"
)

func net(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// TestFlowSpec holds matches to the bytes of RFC 8955 and 8956, worked out by hand.
func TestFlowSpec(t *testing.T) {
	const host4, host6 = "0120cb007107", "01800020010db8000000000000000000000007"
	to4, to6 := net("203.0.113.7/32"), net("2001:db8::7/128")
	for name, tc := range map[string]struct {
		match decision.Match
		want  string // without the length
	}{
		"destination alone": {decision.Match{Destination: to4}, host4},
		"a network":         {decision.Match{Destination: net("203.0.112.0/20")}, "0114cb0070"},
		"answers of DNS":    {decision.Match{Destination: to4, Protocol: "udp", SrcPort: 53}, host4 + "038111" + "068135"},
		"all fields, in the order of their types": {
			decision.Match{
				Source: net("198.51.100.0/24"), Destination: to4, Protocol: "tcp", SrcPort: 1024, DstPort: 443, Flags: "SYN",
				PacketBytes: &decision.Range{From: 40, To: 60}, Fragment: true,
			},
			host4 + "0218c63364" + "038106" + "059101bb" + "06910400" + "090102c23d" + "0a0328c53c" + "0c800e",
		},
		"a source of all is none":  {decision.Match{Source: net("0.0.0.0/0"), Destination: to4}, host4},
		"a protocol by its number": {decision.Match{Destination: to4, Protocol: "253"}, host4 + "0381fd"},
		"protocol 0":               {decision.Match{Destination: to4, Protocol: "0"}, host4 + "038100"},
		"SYN and ACK, no other":    {decision.Match{Destination: to4, Protocol: "tcp", Flags: "SYN+ACK"}, host4 + "038106" + "090112c22d"},
		"no flag":                  {decision.Match{Destination: to4, Protocol: "tcp", Flags: "none"}, host4 + "038106" + "09823f"},
		"every flag":               {decision.Match{Destination: to4, Protocol: "tcp", Flags: "FIN+SYN+RST+PSH+ACK+URG"}, host4 + "038106" + "09813f"},
		"xmas":                     {decision.Match{Destination: to4, Protocol: "tcp", Flags: "FIN+PSH+URG"}, host4 + "038106" + "090129c216"},
		"one length":               {decision.Match{Destination: to4, PacketBytes: &decision.Range{From: 468, To: 468}}, host4 + "0a9101d4"},
		"lengths of two bytes":     {decision.Match{Destination: to4, PacketBytes: &decision.Range{From: 1400, To: 1500}}, host4 + "0a130578d505dc"},
		"lengths up to":            {decision.Match{Destination: to4, PacketBytes: &decision.Range{To: 100}}, host4 + "0a8564"},
		"lengths from":             {decision.Match{Destination: to4, PacketBytes: &decision.Range{From: 1000, To: math.MaxUint16}}, host4 + "0a9303e8"},
		"every length is none":     {decision.Match{Destination: to4, PacketBytes: &decision.Range{To: math.MaxUint16}}, host4},
		"fragments":                {decision.Match{Destination: to4, Fragment: true}, host4 + "0c800e"},

		"IPv6: destination alone": {decision.Match{Destination: to6}, host6},
		"IPv6: a network":         {decision.Match{Destination: net("2001:db8:1::/48")}, "01300020010db80001"},
		"IPv6: all fields": {
			decision.Match{
				Source: net("2001:db8:ffff::/48"), Destination: to6, Protocol: "tcp", SrcPort: 80, DstPort: 8080, Flags: "ACK",
				PacketBytes: &decision.Range{From: 60, To: 61}, Fragment: true,
			},
			host6 + "02300020010db8ffff" + "038106" + "05911f90" + "068150" + "090110c22f" + "0a033cc53d" + "0c800e",
		},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := flowSpec(&tc.match)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := n.Serialize()
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(raw[1:]); got != tc.want || int(raw[0]) != len(raw)-1 {
				t.Errorf("got  %s (length %d)\nwant %s", got, raw[0], tc.want)
			}
		})
	}
}

func TestFlowSpecRefuses(t *testing.T) {
	for name, m := range map[string]decision.Match{
		"no destination":   {Source: net("198.51.100.1/32"), Protocol: "udp"},
		"two families":     {Source: net("2001:db8::/48"), Destination: net("203.0.113.7/32")},
		"flags of UDP":     {Destination: net("203.0.113.7/32"), Protocol: "udp", Flags: "SYN"},
		"flags of nothing": {Destination: net("203.0.113.7/32"), Protocol: "tcp", Flags: "SYN+CWR"},
		"ports of ICMP":    {Destination: net("203.0.113.7/32"), Protocol: "icmp", DstPort: 1},
		"no length":        {Destination: net("203.0.113.7/32"), PacketBytes: &decision.Range{From: 2, To: 1}},
	} {
		if n, err := flowSpec(&m); err == nil {
			t.Errorf("%s: made %s", name, n)
		}
	}
}

// TestRate: bytes a second as a float, and what fits of the AS number.
func TestRate(t *testing.T) {
	for _, tc := range []struct {
		asn   uint32
		bytes uint64
		want  string
	}{
		{64500, 0, "8006fbf400000000"},
		{64500, 125_000, "8006fbf447f42400"},
		{4_200_000_000, 1_250_000_000, "8006ea004e9502f9"},
	} {
		raw, err := rate(tc.asn, tc.bytes).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(raw[3:]); got != tc.want {
			t.Errorf("AS %d, %d bytes/s: got %s, want %s", tc.asn, tc.bytes, got, tc.want)
		}
	}
}

// packet is what a router looks at.
type packet struct {
	src, dst         netip.Addr
	proto            uint8
	sport, dport     uint16
	flags            uint8
	length           uint16
	first, rest, end bool // first fragment, a later one, the last one
}

// fits is the match as package decision describes it.
func fits(m *decision.Match, p *packet) bool {
	proto, hasProto := m.Proto()
	flags, hasFlags := m.FlagBits()
	return m.Destination.Contains(p.dst) && (!m.Source.IsValid() || m.Source.Contains(p.src)) &&
		(!hasProto || proto == p.proto) && (m.SrcPort == 0 || m.SrcPort == p.sport) && (m.DstPort == 0 || m.DstPort == p.dport) &&
		(!hasFlags || flags == p.flags&tcpFlags) && (m.PacketBytes == nil || m.PacketBytes.From <= p.length && p.length <= m.PacketBytes.To) &&
		(!m.Fragment || p.first || p.rest)
}

// routerFits is RFC 8955, 4.2, on components that were read from the wire: items are
// alternatives unless the AND bit binds one to the item before.
func routerFits(t *testing.T, n *bgp.FlowSpecNLRI, p *packet) bool {
	t.Helper()
	fragment := uint64(0)
	for bit, is := range map[uint64]bool{0x02: p.rest, 0x04: p.first, 0x08: p.end} {
		if is {
			fragment |= bit
		}
	}
	for _, c := range n.Value {
		ok := false
		switch c := c.(type) {
		case *bgp.FlowSpecDestinationPrefix:
			ok = c.Prefix.Prefix.Contains(p.dst)
		case *bgp.FlowSpecSourcePrefix:
			ok = c.Prefix.Prefix.Contains(p.src)
		case *bgp.FlowSpecDestinationPrefix6:
			ok = c.Offset == 0 && c.Prefix.Prefix.Contains(p.dst)
		case *bgp.FlowSpecSourcePrefix6:
			ok = c.Offset == 0 && c.Prefix.Prefix.Contains(p.src)
		case *bgp.FlowSpecComponent:
			value, mask := map[bgp.BGPFlowSpecType]uint64{
				bgp.FLOW_SPEC_TYPE_IP_PROTO: uint64(p.proto), bgp.FLOW_SPEC_TYPE_DST_PORT: uint64(p.dport), bgp.FLOW_SPEC_TYPE_SRC_PORT: uint64(p.sport),
				bgp.FLOW_SPEC_TYPE_TCP_FLAG: uint64(p.flags), bgp.FLOW_SPEC_TYPE_PKT_LEN: uint64(p.length), bgp.FLOW_SPEC_TYPE_FRAGMENT: fragment,
			}[c.Type()], c.Type() == bgp.FLOW_SPEC_TYPE_TCP_FLAG || c.Type() == bgp.FLOW_SPEC_TYPE_FRAGMENT
			ok = items(c.Items, value, mask)
		default:
			t.Fatalf("a component %T", c)
		}
		if !ok {
			return false
		}
	}
	return true
}

func items(all []*bgp.FlowSpecComponentItem, value uint64, mask bool) bool {
	any, group := false, true
	for i, it := range all {
		if i > 0 && it.Op&0x40 == 0 {
			any, group = any || group, true
		}
		var is bool
		if mask {
			is = value&it.Value != 0
			if it.Op&0x01 != 0 {
				is = value&it.Value == it.Value
			}
			is = is != (it.Op&0x02 != 0)
		} else {
			is = it.Op&0x04 != 0 && value < it.Value || it.Op&0x02 != 0 && value > it.Value || it.Op&0x01 != 0 && value == it.Value
		}
		group = group && is
	}
	return any || group
}

// FuzzFlowSpec makes a match of the seed, writes it, has gobgp read it, and asks packets
// that fit the match or nearly do: a router that follows the RFCs must agree on each.
func FuzzFlowSpec(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		m := anyMatch(rnd)
		n, err := flowSpec(&m)
		if err != nil {
			t.Fatalf("%s: %v", m.Key(), err)
		}
		raw, err := n.Serialize()
		if err != nil {
			t.Fatal(err)
		}
		read, err := bgp.NLRIFromSlice(flowspec(m.Destination.Addr().Is4()), raw)
		if err != nil {
			t.Fatalf("%x: %v", raw, err)
		}
		rule, ok := read.(*bgp.FlowSpecNLRI)
		if !ok || rule.String() != n.String() {
			t.Fatalf("wrote %s, read %s", n, read)
		}
		hits := 0
		for range 50 {
			p := nearly(rnd, &m)
			want := fits(&m, &p)
			if got := routerFits(t, rule, &p); got != want {
				t.Fatalf("%s\n%s\n%+v: a router says %v, want %v", m.Key(), n, p, got, want)
			}
			if want {
				hits++
			}
		}
		if hits == 0 {
			t.Fatalf("%s: no packet fits", m.Key())
		}
	})
}

func anyMatch(rnd *rand.Rand) decision.Match {
	one := func(n int) bool { return rnd.IntN(n) == 0 }
	six := one(2)
	m := decision.Match{Destination: anyPrefix(rnd, six, 8)}
	if one(2) {
		m.Source = anyPrefix(rnd, six, 0)
	}
	m.Protocol = []string{"", "tcp", "udp", "gre", "icmp", "253"}[rnd.IntN(6)]
	if m.Protocol == "tcp" || m.Protocol == "udp" {
		m.SrcPort, m.DstPort = uint16(rnd.IntN(3)*rnd.IntN(30_000)), uint16(rnd.IntN(3)*rnd.IntN(30_000))
	}
	if m.Protocol == "tcp" && one(2) {
		m.Flags = flagText(uint8(rnd.IntN(64)))
	}
	if one(2) {
		a, b := uint16(rnd.IntN(1<<16)), uint16(rnd.IntN(1<<16))
		if one(4) {
			a = 0
		}
		if one(4) {
			b = math.MaxUint16
		}
		if one(4) {
			b = a
		}
		m.PacketBytes = &decision.Range{From: min(a, b), To: max(a, b)}
	}
	m.Fragment = one(4)
	return m
}

func flagText(bits uint8) string {
	var out []string
	for i, name := range []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG"} {
		if bits>>i&1 == 1 {
			out = append(out, name)
		}
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, "+")
}

func anyPrefix(rnd *rand.Rand, six bool, least int) netip.Prefix {
	a, bits := anyAddr(rnd, six), 32
	if six {
		bits = 128
	}
	p, _ := a.Prefix(least + rnd.IntN(bits-least+1))
	return p
}

func anyAddr(rnd *rand.Rand, six bool) netip.Addr {
	var b [16]byte
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	if six {
		b[0] = 0x20
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

// nearly makes a packet that fits, and in two of three cases changes one thing.
func nearly(rnd *rand.Rand, m *decision.Match) packet {
	six := m.Destination.Addr().Is6()
	p := packet{src: anyAddr(rnd, six), dst: m.Destination.Addr(), proto: 6, sport: m.SrcPort, dport: m.DstPort, flags: uint8(rnd.Uint32()), length: 512}
	if m.Source.IsValid() {
		p.src = m.Source.Addr()
	}
	if proto, ok := m.Proto(); ok {
		p.proto = proto
	}
	if flags, ok := m.FlagBits(); ok {
		p.flags = flags | uint8(rnd.IntN(4))<<6 // ECE and CWR must not matter
	}
	if r := m.PacketBytes; r != nil {
		p.length = []uint16{r.From, r.To}[rnd.IntN(2)]
	}
	if m.Fragment {
		p.first = rnd.IntN(2) == 0
		p.rest = !p.first
		p.end = p.rest && rnd.IntN(2) == 0
	}
	switch rnd.IntN(11) {
	case 0:
		p.dst = anyAddr(rnd, six)
	case 1:
		p.src = anyAddr(rnd, six)
	case 2:
		p.proto++
	case 3:
		p.sport++
	case 4:
		p.dport--
	case 5:
		p.flags ^= 1 << rnd.IntN(8)
	case 6:
		p.length++
	case 7:
		p.length--
	case 8:
		p.first, p.rest, p.end = false, false, false
	default:
	}
	return p
}
