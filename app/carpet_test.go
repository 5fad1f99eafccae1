// SPDX-License-Identifier: Apache-2.0

//go:build !race

package app

import (
	"net/netip"
	"strings"
	"testing"

	"tidewatch/flow"
	"tidewatch/incident"
)

// Carpet bombing is one incident about the prefix, through the whole line and however
// many shards share it: although one host after the other passes its own limit, too,
// and another vector comes later. An attack on a single host elsewhere is another one.
func TestCarpetIsOneIncident(t *testing.T) {
	t.Parallel()
	const second = int64(1e9)
	for name, tc := range map[string]struct {
		internal, prefix string
		host             func(i int) flow.Addr
	}{
		"IPv4": {"203.0.113.0/24", "203.0.113.0/24", func(i int) flow.Addr { return flow.AddrFrom4([4]byte{203, 0, 113, byte(i)}) }},
		"IPv6": {"2001:db8::/40", "2001:db8:7::/48", func(i int) flow.Addr {
			return flow.Addr{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 5: 7, 9: byte(i * 7), 15: byte(i)}
		}},
	} {
		for _, shards := range []int{1, 3} {
			cfg := testConfig(tc.internal, "192.0.2.0/24")
			cfg.Shards = shards
			var told []incident.Event
			e, err := NewEngine(cfg, func(events []incident.Event) { told = append(told, events...) })
			if err != nil {
				t.Fatal(err)
			}
			b := flow.NewBatch(4096)
			for s := range int64(210) {
				at := (1_700_000_000 + s) * second
				add := func(r flow.Record) {
					r.Received, r.Start, r.End, r.Sampling = at+second/2, at, at+second/4, 1
					b.Append(&r)
				}
				source := func(i int) flow.Addr { return flow.AddrFrom4([4]byte{198, 18, byte(i * 37 >> 8), byte(i * 37)}) }
				for i := range 50 { // visitors
					r := flow.Record{Src: source(i), Dst: tc.host(i), SrcPort: 40_000, DstPort: 443, Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN, Packets: 20, Bytes: 8000}
					add(r)
					r.Src, r.Dst, r.SrcPort, r.DstPort = r.Dst, r.Src, r.DstPort, r.SrcPort
					add(r)
				}
				for i := range 1000 {
					udp := flow.Record{Src: source(i), Dst: tc.host(i), SrcPort: 5000, DstPort: 7, Proto: flow.ProtoUDP, Packets: 128, Bytes: 128 * 500}
					switch {
					case s >= 20 && s < 50:
						add(udp)
					case s >= 50 && s < 80: // now each host is over its own limit, too
						udp.Packets, udp.Bytes = 4000, 4000*500
						add(udp)
					}
					if s >= 70 && s < 95 {
						add(flow.Record{Src: source(i), Dst: tc.host(i), SrcPort: 5000, DstPort: 443, Proto: flow.ProtoTCP, TCPFlags: flow.SYN, Packets: 2560, Bytes: 2560 * 60})
					}
					if s >= 40 && s < 60 { // elsewhere
						add(flow.Record{Src: source(i), Dst: flow.AddrFrom4([4]byte{192, 0, 2, 9}), SrcPort: 5000, DstPort: 443, Proto: flow.ProtoTCP, TCPFlags: flow.SYN, Packets: 30, Bytes: 30 * 60})
					}
				}
				e.Process(b)
				b.Reset()
			}
			e.Drain()
			got := e.Incidents()
			if len(got) != 2 || got[0].Subject != tc.prefix || got[1].Subject != "192.0.2.9" {
				t.Errorf("%s, %d shards: %d incidents, want one about %s and one about 192.0.2.9", name, shards, len(got), tc.prefix)
				for i := range got[:min(len(got), 8)] {
					t.Log(got[i].Headline(), got[i].Started, got[i].Indicators)
				}
				continue
			}
			c := &got[0]
			if delay := c.Detected.Unix() - 1_700_000_020; c.Scope != incident.ScopePrefix || c.Kind != "ddos" || delay > 2 ||
				c.Severity != "critical" || strings.Join(c.Vectors, " ") != "udp_flood syn_flood" || c.Metrics.Destinations < 200 ||
				c.State != incident.Resolved || len(c.Top.Destinations) != 10 {
				t.Errorf("%s, %d shards: after %d s %s, %+v", name, shards, delay, c.Headline(), c)
			}
			if _, err := netip.ParsePrefix(c.Subject); err != nil {
				t.Error(err)
			}
			opened := 0
			for i := range told {
				if told[i].Type == incident.Opened || told[i].Type == incident.Reopened {
					opened++
				}
			}
			if opened != 2 {
				t.Errorf("%s, %d shards: %d incidents were opened in between", name, shards, opened)
			}
		}
	}
}
