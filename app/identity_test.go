// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/identity"
)

// hourly feeds an hour of devices, a flow of 10 MB each ten minutes.
func hourly(e *Engine, hour int64, devices ...string) {
	b := flow.NewBatch(12)
	for m := range int64(6) {
		at := (hour*3600 + m*600 + 30) * 1e9
		for _, d := range devices {
			r := flow.Record{
				Start: at - 5e9, End: at, Received: at, Src: flow.AddrFrom(netip.MustParseAddr("2001:db8:ffff::1")),
				Dst: flow.AddrFrom(netip.MustParseAddr(d)), SrcPort: 443, DstPort: 50000, Proto: flow.ProtoTCP, TCPFlags: flow.ACK,
				Packets: 8000, Bytes: 10e6, Sampling: 1,
			}
			b.Append(&r)
		}
	}
	e.Process(b)
}

// A DHCP lease that changes does not make a new device, and neither does an IPv6
// address made up for the day.
func TestIdentity(t *testing.T) {
	start := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)
	change := start.AddDate(0, 0, 10)
	leases := filepath.Join(t.TempDir(), "leases.csv")
	text := "address,name,from,to\n10.0.0.5,laptop,," + change.Format(time.RFC3339) + "\n10.0.0.9,laptop," + change.Format(time.RFC3339) + ",\n"
	if err := os.WriteFile(leases, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Timezone, cfg.Identity.Leases = "UTC", leases
	e, err := NewEngine(&cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	for h := range int64(20 * 24) {
		hour := start.Unix()/3600 + h
		laptop := "10.0.0.5"
		if h >= 240 {
			laptop = "10.0.0.9"
		}
		day := byte(h / 24)
		hourly(e, hour, laptop, netip.AddrFrom16([16]byte{0xfd, 0, 0, 0, 0, 0, 0, 7, 0xa8, day, 0x9c, 1, 2, 3, 4, day}).String())
	}
	e.Drain()
	past := keyed{e.shards[0].past, e.shards[0].who}
	end := start.AddDate(0, 0, 20)
	for _, a := range []string{"10.0.0.9", "fd00::7:a8aa:bbbb:cccc:dddd"} {
		n, ok := past.At(flow.AddrFrom(netip.MustParseAddr(a)), end, baseline.BytesIn)
		if !ok || n.Basis.Level != "hour_of_day" || n.Median < 9e6 || n.Median > 11e6 || !n.Shared {
			t.Errorf("%s: %+v, %v", a, n, ok)
		}
	}
	if n, _ := e.shards[0].past.Counts(); n != 2 {
		t.Errorf("%d pasts, want 2", n)
	}
	p, ok := e.union().Profile(identity.NameKey("laptop"), baseline.FieldBytesIn)
	if !ok || p.DaysLearned < 19 {
		t.Errorf("laptop: %d days", p.DaysLearned)
	}
	cfg.Identity.Leases = leases + "x"
	if _, err := NewEngine(&cfg, nil); err == nil {
		t.Error("a file that is not there is no error")
	}
}
