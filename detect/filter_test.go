// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"testing"

	"tidewatch/flow"
	"tidewatch/window"
)

// some makes n flows of a kind, each for so many bytes.
func some(n int, weight float64, kind window.Sample) []window.Sample {
	out := make([]window.Sample, n)
	for i := range out {
		s := kind
		if s.Src == (flow.Addr{}) {
			s.Src = flow.AddrFrom4([4]byte{198, 18, byte(i), 1})
		}
		if s.SrcPort == 0 {
			s.SrcPort = uint16(20_000 + 7*i)
		}
		if s.Bytes == 0 {
			s.Bytes = uint64(60 + 40*i)
		}
		s.Packets, s.Weight = 1, weight
		out[i] = s
	}
	return out
}

func TestFilter(t *testing.T) {
	web := window.Sample{Proto: flow.ProtoTCP, DstPort: 443, Flags: flow.SYN | flow.ACK | flow.PSH | flow.FIN}
	quic := window.Sample{Proto: flow.ProtoUDP, DstPort: 443}
	dns := window.Sample{Proto: flow.ProtoUDP, SrcPort: 53, DstPort: 4444, Bytes: 1400}
	syn := window.Sample{Proto: flow.ProtoTCP, DstPort: 443, Flags: flow.SYN | flow.ECE, Bytes: 40}
	frag := window.Sample{Proto: flow.ProtoUDP, Mark: flow.Fragment, Bytes: 1480}
	one := window.Sample{Proto: flow.ProtoUDP, Src: flow.Addr{0: 0x20, 1: 1, 15: 9}, DstPort: 443}
	for name, tc := range map[string]struct {
		attack, before []window.Sample
		want           Filter
		covers         float64
		collateral     float64 // -1: unknown
	}{
		"UDP where only TCP is usual": {some(24, 100, quic), some(24, 500, web), Filter{Protocol: "udp"}, 1, 0},
		"reflection beside QUIC":      {some(24, 1400, dns), some(24, 500, quic), Filter{Protocol: "udp", SrcPort: 53}, 1, 0},
		"SYNs at a shop":              {some(24, 40, syn), some(24, 900, web), Filter{Protocol: "tcp", Flags: "SYN"}, 1, 0},
		"fragments beside QUIC":       {some(24, 1480, frag), some(24, 500, quic), Filter{Protocol: "udp", Fragment: true}, 1, 0},
		"one IPv6 network":            {some(24, 100, one), some(24, 100, quic), Filter{Protocol: "udp", SourcePrefix: "2001::/48"}, 1, 0},
		"a twentieth is something else": {
			append(some(38, 100, dns), some(2, 100, quic)...), some(24, 500, web), Filter{Protocol: "udp"}, 1, 0,
		},
		"nothing is known of before":                      {some(24, 1400, dns), nil, Filter{Protocol: "udp", SrcPort: 53, DstPort: 4444}, 1, -1},
		"two attacks at once: no port without a protocol": {append(some(24, 100, syn), some(24, 100, quic)...), some(24, 100, web), Filter{}, 1, 1},
	} {
		f := filterOf(tc.attack, tc.before)
		if f == nil {
			t.Errorf("%s: no filter", name)
			continue
		}
		got := Filter{Protocol: f.Protocol, SrcPort: f.SrcPort, DstPort: f.DstPort, Flags: f.Flags, Fragment: f.Fragment, SourcePrefix: f.SourcePrefix}
		if got != tc.want || f.Covers != tc.covers || f.CoversError <= 0 || f.CoversError > 0.2 {
			t.Errorf("%s: %+v, want %+v", name, *f, tc.want)
		}
		if (f.Collateral == nil) != (tc.collateral < 0) || f.Collateral != nil && *f.Collateral != tc.collateral {
			t.Errorf("%s: collateral %v", name, f.Collateral)
		}
	}
	if filterOf(some(fewSamples-1, 1, dns), nil) != nil {
		t.Error("a filter from too few flows")
	}
}
