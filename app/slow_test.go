// SPDX-License-Identifier: Apache-2.0

package app

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/detect/slow"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/store"
)

// A device that always uses one cloud begins to give 10 MB a day to a stranger whose
// address changes each day. The server is killed an hour after each third day's gift;
// the ledger goes on, and the drip is found on the day that is stated.
func TestDripSurvivesKills(t *testing.T) {
	dir := t.TempDir()
	const firstDay, begins, days = 20_514, 9, 20
	first := map[string]incident.Incident{} // as it was told of first, by title
	keep := func(events []incident.Event) {
		for i := range events {
			g := &events[i].Incident
			if key := g.Kind + string(g.Severity); first[key].ID == "" {
				first[key] = *g
			}
		}
	}
	start := func() (*Engine, *memory) {
		cfg := testConfig()
		e, err := NewEngine(cfg, keep)
		if err != nil {
			t.Fatal(err)
		}
		files, err := store.OpenBaselines(dir)
		if err != nil {
			t.Fatal(err)
		}
		m, err := newMemory(e, files, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return e, m
	}
	e, m := start()
	b := flow.NewBatch(16)
	device := flow.AddrFrom4([4]byte{10, 0, 0, 7})
	gives := func(sec int64, to netip.Addr, bytes, returned uint64) {
		b.Reset()
		r := flow.Record{
			Received: sec * 1e9, Start: (sec - 40) * 1e9, End: (sec - 1) * 1e9, Src: device, Dst: flow.AddrFrom(to), SrcPort: 50_123, DstPort: 443,
			Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.PSH | flow.FIN, Packets: 6 + bytes/1400, Bytes: bytes, Sampling: 1,
		}
		b.Append(&r)
		r.Src, r.Dst, r.SrcPort, r.DstPort, r.Bytes, r.Packets = r.Dst, r.Src, r.DstPort, r.SrcPort, returned, 6+returned/1400
		b.Append(&r)
		e.Process(b)
	}
	for day := range int64(days) {
		for hour := range int64(24) {
			sec := (firstDay+day)*86400 + hour*3600
			gives(sec+600, netip.AddrFrom4([4]byte{203, 0, 113, 1}), 5e6, 60e6)
			if day >= begins && hour == 13 {
				gives(sec+900, netip.AddrFrom4([4]byte{198, 51, 100, byte(10 + day)}), 10e6, 20_000)
			}
			e.Advance(sec + 1200)
			if hour != 14 {
				continue
			}
			if err := m.save(); err != nil {
				t.Fatal(err)
			}
			if day%3 == 2 {
				e, m = start()
			}
		}
	}
	var found time.Time
	for _, g := range first {
		if g.Category != detect.DataExfiltration || g.Severity.Rank() <= detect.Low.Rank() {
			continue
		}
		if g.Kind != slow.Kind || g.Subject != "10.0.0.7" || len(g.Top.Destinations) == 0 || g.Top.Destinations[0].Key != "198.51.100.0/24" {
			t.Errorf("not asked for: %s to %+v", g.Headline(), g.Top.Destinations)
			continue
		}
		if found.IsZero() || g.Detected.Before(found) {
			found = g.Detected
		}
	}
	by := time.Unix((firstDay+begins+6)*86400, 0)
	if found.IsZero() || found.After(by) {
		t.Errorf("found at %v, want by %v", found, by)
	}
	t.Logf("found on day %d", found.Unix()/86400-firstDay-begins+1)
	if d := e.shards[0].ledger.Device(device); d == nil || len(d.HostsOf(flow.AddrFrom4([4]byte{198, 51, 100, 0}), nil)) < days-begins-1 {
		t.Error("the ledger lacks the destinations")
	}
}
