// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidewatch/config"
	"tidewatch/flow"
)

// udpFlood is one flow of 20 000 packets/s from outside to 10.0.0.1, exported at its end.
func udpFlood(from, to int64) flow.Record {
	return flow.Record{
		Received: to*1e9 + 5e8, Start: from * 1e9, End: to * 1e9,
		Src: flow.AddrFrom(netip.MustParseAddr("198.51.100.7")), Dst: flow.AddrFrom(netip.MustParseAddr("10.0.0.1")),
		SrcPort: 4000, DstPort: 9, Proto: flow.ProtoUDP, Packets: 20_000 * uint64(to-from+1), Bytes: 1_200_000 * uint64(to-from+1), Sampling: 1,
	}
}

// A change at run time takes effect with the next second and looks at what was
// there before: windows and incidents stay.
func TestReconfigure(t *testing.T) {
	cfg := testConfig()
	cfg.Flood.MinPPS = 1e9
	e, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	const t0 = 1_700_000_000
	send := func(from, to int64) {
		b := flow.NewBatch(1)
		r := udpFlood(from, to)
		b.Append(&r)
		e.Process(b)
		e.Advance(to + 2)
	}
	send(t0, t0+20)
	if got := e.Incidents(); len(got) != 0 {
		t.Fatalf("below the threshold: %s", got[0].Headline())
	}
	next := testConfig()
	if err := e.Reconfigure(cfg.adopt(next)); err != nil {
		t.Fatal(err)
	}
	send(t0+21, t0+25)
	got := e.Incidents()
	if len(got) != 1 || got[0].Started.Unix() != t0 || got[0].Subject != "10.0.0.1" {
		t.Fatalf("after the change: %+v", got)
	}
	// The network is no longer ours: its open incident stays, and nothing more is booked.
	next.Enrich.Internal = []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16")}
	if err := e.Reconfigure(cfg.adopt(next)); err != nil {
		t.Fatal(err)
	}
	before := got[0].Metrics.Packets
	send(t0+26, t0+30)
	got = e.Incidents()
	if len(got) != 1 || got[0].Metrics.Packets != before || e.Input().External != 1 {
		t.Errorf("a network that is no longer ours: %+v, %d external flows", got, e.Input().External)
	}
}

// Every detector takes up its section, and adopt names what a running server
// cannot change.
func TestAdopt(t *testing.T) {
	old, next := testConfig(), testConfig()
	e, err := NewEngine(old, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range e.shards[0].detectors {
		if known, err := configure(d, next); !known || err != nil {
			t.Errorf("detector %s: known %v, %v", d.Name(), known, err)
		}
	}
	next.Log.Level, next.Log.Format = "debug", "json"
	next.Enrich.Internal, next.Enrich.MaxFlows = next.Enrich.Internal[:1], 4
	next.Schedule.Holidays, next.Identity.Leases = []string{"days.ics"}, "leases.csv"
	next.Flood.MinPPS, next.Exfil.Ratio, next.Volume.High, next.Outage.Factor, next.Incident.MaxOpen = 1, 2, 3, 4, 5
	next.DataDir, next.Shards, next.Window.MaxHot, next.Collect.Listen, next.API.Token = "x", 2, 3, []string{":1"}, "0123456789abcdef"
	now := old.adopt(next)
	for _, tc := range []struct {
		a, b *Config
		want []string
	}{
		{old, now, []string{"log.level", "networks.internal", "identity.leases", "schedule.holidays", "flood.min_pps", "exfil.ratio", "volume.high", "outage.factor", "incident.max_open"}},
		{now, next, []string{"data_dir", "shards", "log.format", "collect.listen", "networks.max_flows", "window.max_hot", "api.token"}},
	} {
		got, err := config.Diff(tc.a, tc.b)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
}

// Whatever a detector is told can change while serve runs.
func TestAdoptEveryDetector(t *testing.T) {
	old, next := testConfig(), testConfig()
	v := reflect.ValueOf(next).Elem()
	sections := 0
	for _, section := range v.Fields() {
		if !strings.Contains(section.Type().PkgPath(), "/detect/") {
			continue
		}
		sections++
		for _, f := range section.Fields() {
			switch {
			case f.CanFloat():
				f.SetFloat(f.Float() + 1)
			case f.CanInt():
				f.SetInt(f.Int() + 1)
			case f.CanUint():
				f.SetUint(f.Uint() + 1)
			}
		}
	}
	if sections < 15 {
		t.Errorf("only %d detectors have a section", sections)
	}
	if left, err := config.Diff(old.adopt(next), next); len(left) > 0 || err != nil {
		t.Errorf("not taken up: %v, %v", left, err)
	}
}
