// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/netip"
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
)

// alone is the prefix of one address.
func alone(a flow.Addr) netip.Prefix { return netip.PrefixFrom(a.Netip(), a.Netip().BitLen()) }

// What blocking a device from a destination hits is told from what it sends in the hour,
// and what it usually does from its habits.
func TestCoverageOfUploads(t *testing.T) {
	t.Parallel()
	for name, v6 := range map[string]bool{"IPv4": false, "IPv6": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			device, office, thief := flow.AddrFrom4([4]byte{10, 0, 0, 7}), flow.AddrFrom4([4]byte{198, 51, 100, 1}), flow.AddrFrom4([4]byte{203, 0, 113, 66})
			stranger, young := flow.AddrFrom4([4]byte{192, 0, 2, 1}), flow.AddrFrom4([4]byte{10, 0, 0, 8})
			if v6 {
				device, office, thief = flow.Addr{0: 0xfd, 15: 7}, flow.Addr{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 15: 1}, flow.Addr{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 5: 6, 15: 66}
				stranger, young = flow.Addr{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 5: 9, 15: 1}, flow.Addr{0: 0xfd, 15: 8}
			}
			cfg := testConfig()
			e, err := NewEngine(cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			send := func(from, to flow.Addr, minute int64, bytes uint64) {
				b, end := flow.NewBatch(1), (minute*60+20)*1e9
				b.Append(&flow.Record{
					Received: end, Start: end - 5e9, End: end, Src: from, Dst: to, SrcPort: 50_000, DstPort: 443,
					Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN, Packets: 1 + bytes/1000, Bytes: bytes, Sampling: 1,
				})
				e.Process(b)
			}
			minute := int64(firstMinute)
			for ; minute < firstMinute+8*24*60; minute += 20 {
				send(device, office, minute, 400_000)
				e.Advance(minute*60 + 59)
			}
			minute += 5 // the first minutes of an hour are learned with the one before
			e.Advance(minute * 60)
			for range 20 {
				send(device, thief, minute, 2_000_000)
				send(device, office, minute, 100_000)
				send(young, thief, minute, 2_000_000)
				minute++
				e.Advance(minute * 60)
			}
			judge := func(from flow.Addr, to netip.Prefix) detect.Coverage {
				c, ok := e.Coverage(alone(from), &detect.Match{Source: alone(from), Dest: to})
				if !ok {
					t.Fatalf("nothing is known of %s", from)
				}
				return c
			}
			near := func(got *float64, least, most float64) bool { return got != nil && *got >= least && *got <= most }
			if c := judge(device, alone(thief)); !near(c.Covers, 0.9, 1) || c.CoversError <= 0 || !near(c.Collateral, 0, 0) {
				t.Errorf("the thief: %+v", c)
			}
			if c := judge(device, alone(office)); !near(c.Covers, 0, 0.1) || !near(c.Collateral, 0.9, 1) {
				t.Errorf("the office: %+v", c)
			}
			if c := judge(device, netip.Prefix{}); !near(c.Covers, 1, 1) || !near(c.Collateral, 1, 1) {
				t.Errorf("everything: %+v", c)
			}
			around, _ := thief.Netip().Prefix(24)
			if c := judge(device, around); !near(c.Covers, 0.9, 1) && !v6 || c.Collateral != nil {
				t.Errorf("a network: %+v", c)
			}
			if c := judge(young, alone(thief)); !near(c.Covers, 0.9, 1) || c.Collateral != nil {
				t.Errorf("a device without a past: %+v", c)
			}
			if c, ok := e.Coverage(alone(stranger), &detect.Match{Source: alone(stranger)}); ok {
				t.Errorf("a stranger: %+v", c)
			}
			if n, known := e.Prevalence(thief.Netip()); n != 2 || !known {
				t.Errorf("%d devices talk to the thief, known %v", n, known)
			}
			if n, known := e.Prevalence(stranger.Netip()); n != 0 || !known {
				t.Errorf("%d devices talk to a stranger, known %v", n, known)
			}
		})
	}
}
