// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"encoding/hex"
	"strings"
	"testing"

	"tidewatch/flow"
)

const (
	ip4tcp = "45000028000100004006 0000 0a000001 c0000202 1234 0050 00000001 00000000 5002 0200 0000 0000"
	ip4udp = "4500001c0001000040110000 0a000001 c0000202 0035 1f90 0008 0000"
	ip6    = "60000000 0008 11 40 20010db8000000000000000000000001 20010db8000000000000000000000002 0035 1f90 0008 0000"
	// IPv6 with hop-by-hop options and a first fragment in front of UDP.
	ip6ext = "60000000 0018 00 40 20010db8000000000000000000000001 20010db8000000000000000000000002" +
		"2c00010400000000 1100000100000007 0035 1f90 0008 0000"
	ip4later = "4500001c00012008401100000a000001c0000202 0035 1f90 0008 0000"
	icmp     = "4500001c0001000040010000 0a000001 c0000202 0800 f7ff 0000 0000"
	mac      = "0200000000010200000000020800"
)

func raw(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestDecode(t *testing.T) {
	for name, tc := range map[string]struct {
		link  Link
		hex   string
		want  Reason
		proto uint8
		dport uint16
		flags uint8
		size  int
		mark  flow.Mark
	}{
		"ethernet tcp":       {LinkEthernet, mac + ip4tcp, None, flow.ProtoTCP, 80, flow.SYN, 40, 0},
		"one VLAN":           {LinkEthernet, "02000000000102000000000281000064 0800" + ip4udp, None, flow.ProtoUDP, 8080, 0, 28, 0},
		"QinQ":               {LinkEthernet, "020000000001020000000002 88a80064 81000065 0800" + ip4udp, None, flow.ProtoUDP, 8080, 0, 28, 0},
		"two MPLS labels":    {LinkEthernet, "020000000001020000000002 8847 00010040 00011140" + ip4udp, None, flow.ProtoUDP, 8080, 0, 28, 0},
		"PPPoE":              {LinkEthernet, "020000000001020000000002 8864 11000001001e 0021" + ip4udp, None, flow.ProtoUDP, 8080, 0, 28, 0},
		"IPv6":               {LinkRaw, ip6, None, flow.ProtoUDP, 8080, 0, 48, 0},
		"IPv6 extensions":    {LinkRaw, ip6ext, None, flow.ProtoUDP, 8080, 0, 64, flow.Fragment},
		"later fragment":     {LinkRaw, ip4later, None, flow.ProtoUDP, 0, 0, 28, flow.Fragment},
		"ICMP echo":          {LinkRaw, icmp, None, flow.ProtoICMP, 8 << 8, 0, 28, 0},
		"cooked":             {LinkLinuxSLL, "0000000100060200000000010000 0800" + ip4udp, None, flow.ProtoUDP, 8080, 0, 28, 0},
		"BSD loopback":       {LinkNull, "02000000" + ip4udp, None, flow.ProtoUDP, 8080, 0, 28, 0},
		"PPP":                {LinkPPP, "ff030021" + ip4udp, None, flow.ProtoUDP, 8080, 0, 28, 0},
		"ARP":                {LinkEthernet, "0200000000010200000000020806 0001080006040001", NotIP, 0, 0, 0, 0, 0},
		"short TCP header":   {LinkRaw, ip4tcp[:60], None, flow.ProtoTCP, 80, 0, 40, flow.NoTCPFlags},
		"short IP header":    {LinkRaw, ip4tcp[:20], Truncated, 0, 0, 0, 0, 0},
		"header length lies": {LinkRaw, "43" + ip4udp[2:], Malformed, 0, 0, 0, 0, 0},
		"unknown link":       {Link(147), ip4udp, UnknownLink, 0, 0, 0, 0, 0},
		"nothing":            {LinkEthernet, "", Truncated, 0, 0, 0, 0, 0},
	} {
		var got Info
		b := raw(t, strings.ReplaceAll(tc.hex, " ", ""))
		if r := Decode(tc.link, b, len(b), &got); r != tc.want {
			t.Errorf("%s: reason %v, want %v", name, r, tc.want)
			continue
		}
		if tc.want == None && (got.Proto != tc.proto || got.DstPort != tc.dport || got.TCPFlags != tc.flags ||
			got.IPBytes != tc.size || got.Mark != tc.mark) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	b := raw(t, mac+ip4tcp)
	var out Info
	if n := testing.AllocsPerRun(100, func() { Decode(LinkEthernet, b, len(b), &out) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

// Whatever the bytes and the link type, decoding ends, does not panic, and never
// hands out a payload that is not part of the frame.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{mac + ip4tcp, ip4udp, ip6, ip6ext, ip4later, icmp} {
		f.Add(uint16(LinkEthernet), raw(f, s))
		f.Add(uint16(LinkRaw), raw(f, s))
	}
	for _, l := range []Link{
		LinkNull, LinkPPP, LinkPPPoE, LinkCHDLC, LinkIEEE80211, LinkRadiotap, LinkPPI, LinkLinuxSLL, LinkLinuxSLL2,
		LinkPrism, LinkFrameRelay, LinkTokenRing, LinkPFLog, LinkNFLog, LinkMPLS,
	} {
		f.Add(uint16(l), make([]byte, 64))
	}
	f.Fuzz(func(t *testing.T, link uint16, b []byte) {
		var out Info
		if Decode(Link(link), b, len(b), &out) == None && (out.IPBytes < 20 || len(out.Payload) > len(b)) {
			t.Errorf("impossible: %+v", out)
		}
		DecodeIP(b, len(b), &out)
	})
}

func BenchmarkDecode(b *testing.B) {
	f := raw(b, mac+ip4tcp)
	var out Info
	b.ReportAllocs()
	for b.Loop() {
		Decode(LinkEthernet, f, len(f), &out)
	}
}
