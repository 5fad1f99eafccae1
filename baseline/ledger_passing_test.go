// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"net/netip"
	"testing"
	"time"

	"tidewatch/flow"
	"tidewatch/window"
)

// A network that gets something every day has an account from its second day on, among
// a hundred others a day that get more and never come back; a device all of whose
// networks come back has room for twice as many, and no more.
func TestLedgerPassing(t *testing.T) {
	t.Parallel()
	for _, v6 := range []bool{false, true} {
		network := func(n int) flow.Addr {
			if v6 {
				return flow.AddrFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(n >> 8), byte(n), 15: 1}))
			}
			return flow.AddrFrom(netip.AddrFrom4([4]byte{100, byte(64 + n>>8), byte(n), 1}))
		}
		gift := func(to flow.Addr, bytes uint64) []window.Peer {
			return []window.Peer{{Addr: to, Sent: bytes, Service: flow.ProtoTCP<<16 | 443, Tie: window.Outside}}
		}
		l := testLedger(t, 10, time.UTC)
		device := addrOf("10.0.0.1")
		const hour0, days = 20_000 * 24, 20
		for day := range int64(days) {
			l.Learn(device, hour0+24*day+9, gift(network(1), 1e6))
			for k := range 100 {
				l.Learn(device, hour0+24*day+10, gift(network(2+100*int(day)+k), 20e6))
			}
		}
		d := l.Device(device)
		found := 0
		for i := range d.networks {
			if a := &d.networks[i]; a.Key == flow.NetworkOf(network(1)) {
				found = a.Fed()
			}
		}
		if found < days-2 || len(d.networks) > ledgerNetworks {
			t.Errorf("IPv6 %v: what comes every day is known on %d days of %d, among %d networks", v6, found, days, len(d.networks))
		}
		for day := range int64(days) {
			for k := range ledgerMost + 6 {
				l.Learn(device, hour0+24*(days+day)+9, gift(network(k), 1e6))
			}
		}
		if n := len(d.networks); n != ledgerMost || cap(d.networks) > ledgerMost {
			t.Errorf("IPv6 %v: %d accounts with room for %d, want %d", v6, n, cap(d.networks), ledgerMost)
		}
		if n := max(cap(d.passers.today), cap(d.passers.before)); n > 2*passersKept {
			t.Errorf("IPv6 %v: %d networks that gave way are remembered", v6, n)
		}
	}
}
