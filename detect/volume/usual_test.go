// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// busy says that an hour usually has 120 MB, once had 400, and is known well enough that
// half as much again is medium.
type busy struct{}

func (busy) At(_ flow.Addr, _ time.Time, m baseline.Measure) (baseline.Normal, bool) {
	n := baseline.Normal{Median: 10e6, Spread: 0.3, P99: 20e6, Ever: 35e6, Basis: baseline.Basis{Level: "hour_of_day", Samples: 20}}
	if m == baseline.HourBytesIn || m == baseline.HourBytesOut {
		n.Median, n.P99, n.Ever = 12*n.Median, 12*n.P99, 12*n.Ever
	}
	return n, true
}

func (busy) Shift(flow.Addr, int64) (baseline.Shift, bool) { return baseline.Shift{}, false }

// gaveOn is a ledger in which the device gave 100 MB a day to an address on those of the last
// ten days that are named, and to another on all of them.
func gaveOn(t *testing.T, device, peer, other string, days ...int) *baseline.Ledger {
	t.Helper()
	l, err := baseline.NewLedger(baseline.LedgerConfig{MaxDevices: 10, Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	today := int64(t0) / 86400
	for day := int64(-10); day < 0; day++ {
		peers := []window.Peer{{Addr: flow.AddrFrom(netip.MustParseAddr(other)), Sent: 100e6, Tie: window.Outside}}
		if slices.Contains(days, int(-day)) {
			peers = append(peers, window.Peer{Addr: flow.AddrFrom(netip.MustParseAddr(peer)), Sent: 100e6, Tie: window.Outside})
		}
		l.Learn(flow.AddrFrom(netip.MustParseAddr(device)), (today+day)*24+10, peers)
	}
	return l
}

// More than usual to where a device gives each day is low; to anybody else it is not, nor
// when it is far more than ever.
func TestUsualDestination(t *testing.T) {
	t.Parallel()
	const mb = 1_000_000
	each := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for name, c := range map[string]struct {
		days []int
		rate uint64 // bytes a second
		to   int    // which address of the network
		want detect.Severity
	}{
		"each day":                       {each, mb / 7, 0, detect.Low},
		"another address of the network": {each, mb / 7, 1, detect.Low},
		"every other day":                {[]int{1, 3, 5, 7, 9, 10}, mb / 7, 0, detect.Low},
		"on four days":                   {[]int{1, 2, 3, 4}, mb / 7, 0, detect.Medium},
		"never before":                   {nil, mb / 7, 0, detect.Medium},
		"far more than it ever did":      {each, mb, 0, detect.High},
	} {
		for _, a := range [][3]string{{"10.0.0.1", "198.51.100.", "203.0.113.9"}, {"fd00::1", "2001:db8:7::", "2001:db8:9::9"}} {
			t.Run(name+" of "+a[0], func(t *testing.T) {
				t.Parallel()
				peer := []string{a[1] + "7", a[1] + "9"}
				x := exchange{peer: peer[c.to], proto: flow.ProtoTCP, port: 443, from: 10 * 3600, to: 11*3600 - 60, piece: 60, out: c.rate, in: 1000}
				ledger := gaveOn(t, a[0], peer[0], a[2], c.days...)
				worst, said := detect.Severity(""), 0
				for _, f := range judgedWith(t, a[0], Deps{Past: busy{}, Ledger: ledger}, []exchange{x}) {
					if f.Kind != "volume" {
						continue
					}
					if f.Severity.Rank() > worst.Rank() || worst == "" {
						worst = f.Severity
					}
					if slices.ContainsFunc(f.Indicators, func(i detect.Indicator) bool { return i.Name == "usual_destination" }) {
						said++
					}
				}
				if worst != c.want || (said > 0) != (c.want == detect.Low) {
					t.Errorf("%q, want %q; %d times it was a usual destination", worst, c.want, said)
				}
			})
		}
	}
}
