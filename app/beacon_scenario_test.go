// SPDX-License-Identifier: Apache-2.0

//go:build !race

package app

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/scenario"
)

// A working week of the office: its camera calls its maker every five minutes, all
// devices ask for the time, some poll mail. On the fifth day a workstation begins to
// call a stranger every ten minutes or so. It is the only one that is told of, but for
// the camera on the first day, when nothing is known of its habits, and no more once
// they are.
func TestBeaconInTheOffice(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	s, err := scenario.New("office", scenario.Config{Seed: 11, FlowsPerSecond: 2, Duration: 5 * day})
	if err != nil {
		t.Fatal(err)
	}
	start := s.Config().Start.Unix()
	const camera = "10.10.4.20"
	from, to := flow.AddrFrom(netip.MustParseAddr("10.10.2.15")), flow.AddrFrom(netip.MustParseAddr("198.51.100.66"))
	r, next := rand.New(rand.NewPCG(4, 4)), start+int64(4*day/time.Second)
	cfg := testConfig()
	cfg.Enrich.Internal = s.Internal()
	a := &analysis{result: &Result{}, byID: map[string]int{}}
	e, err := NewEngine(cfg, a.keep)
	if err != nil {
		t.Fatal(err)
	}
	b := flow.NewBatch(4096)
	for s.Next(b) {
		for now := s.Now().Unix(); next < now; next += 360 + r.Int64N(480) { // ten minutes, 40 % jitter
			b.Append(&flow.Record{
				Received: now*1e9 - 1, Start: next * 1e9, End: next*1e9 + 5e8, Src: from, Dst: to, SrcPort: uint16(50_000 + r.IntN(9000)), DstPort: 443,
				Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN, Packets: 8, Bytes: 1200 + r.Uint64N(200), Sampling: 1,
			})
		}
		e.Process(b)
		b.Reset()
	}
	e.Drain()
	found, low := false, 0
	for i := range a.result.Incidents {
		g := &a.result.Incidents[i]
		switch late := g.Detected.Unix() >= start+int64(4*day/time.Second); {
		case g.Category != detect.CommandControl:
		case g.Severity.Rank() < detect.Medium.Rank():
			low++
			t.Logf("low: %s %v to %v:%v, %v %+v", g.Headline(), g.Score, g.Top.Destinations, g.Top.Ports, g.Detected, g.Indicators)
		case late && g.Subject == "10.10.2.15" && g.Kind == "beacon":
			found = true
			t.Logf("found after %v: %s", g.Detected.Sub(time.Unix(start, 0).Add(4*day)), g.Headline())
		case g.Subject == camera && !late:
			if g.CurrentSeverity != detect.Low {
				t.Errorf("of the camera's habit is told still: %s, now %s", g.Headline(), g.CurrentSeverity)
			}
		default:
			t.Errorf("not asked for: %s to %v:%v, detected %v: %+v", g.Headline(), g.Top.Destinations, g.Top.Ports, g.Detected, g.Indicators)
		}
	}
	if t.Logf("%d of severity low", low); low > 40 {
		t.Errorf("%d of severity low in five days of 250 devices", low)
	}
	if !found {
		t.Error("the beacon was not found")
	}
}
