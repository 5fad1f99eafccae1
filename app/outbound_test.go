// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/netip"
	"testing"

	"tidewatch/flow"
)

// An own device that floods somebody outside is one incident about it; one that
// floods another own device is one about the victim.
func TestOutboundFlood(t *testing.T) {
	const second = int64(1e9)
	for target, want := range map[string]string{"203.0.113.9": "10.0.0.66", "10.0.0.7": "10.0.0.7"} {
		e, err := NewEngine(testConfig("10.0.0.0/8"), nil)
		if err != nil {
			t.Fatal(err)
		}
		bot, victim := flow.AddrFrom(netip.MustParseAddr("10.0.0.66")), flow.AddrFrom(netip.MustParseAddr(target))
		b := flow.NewBatch(1024)
		for s := range int64(60) {
			at := (1_700_000_000 + s) * second
			add := func(r flow.Record) {
				r.Received, r.Start, r.End, r.Sampling = at+second/2, at, at+second/4, 1
				b.Append(&r)
			}
			for _, own := range []flow.Addr{bot, victim} { // both also have an ordinary conversation
				peer := flow.AddrFrom4([4]byte{198, 51, 100, 4})
				r := flow.Record{Src: own, Dst: peer, SrcPort: 40_000, DstPort: 443, Proto: flow.ProtoTCP, TCPFlags: flow.ACK | flow.PSH, Packets: 20, Bytes: 8000}
				add(r)
				r.Src, r.Dst, r.SrcPort, r.DstPort = r.Dst, r.Src, r.DstPort, r.SrcPort
				add(r)
			}
			for i := range uint16(400) {
				if s >= 20 {
					add(flow.Record{Src: bot, Dst: victim, SrcPort: 1024 + i, DstPort: 80, Proto: flow.ProtoTCP, TCPFlags: flow.SYN, Packets: 50, Bytes: 2000})
				}
			}
			e.Process(b)
			b.Reset()
		}
		e.Drain()
		got := e.Incidents()
		kind := "ddos_outbound"
		if want == target {
			kind = "ddos"
		}
		if len(got) != 1 || got[0].Subject != want || got[0].Kind != kind || got[0].Vector != "syn_flood" {
			t.Errorf("a flood on %s: %d incidents, want one %s about %s", target, len(got), kind, want)
			for i := range got {
				t.Log(got[i].Headline())
			}
			continue
		}
		t.Log(got[0].Headline(), got[0].Severity, got[0].Top)
	}
}
