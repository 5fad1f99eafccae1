// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"tidewatch/api"
	"tidewatch/flow"
)

// carryMinute hands the engine one minute of traffic: each device receives so many bytes from
// outside, spread over the whole minute.
func carryMinute(e *Engine, minute int64, bytes map[string]uint64) {
	at := (minute + 1) * 60e9
	for name, n := range bytes {
		b := flow.NewBatch(1)
		b.Append(&flow.Record{
			Start: minute * 60e9, End: at - 1, Received: at - 1, Src: flow.AddrFrom(netip.MustParseAddr("198.51.100.1")), Dst: flow.AddrFrom(netip.MustParseAddr(name)),
			SrcPort: 443, DstPort: 50_000, Proto: flow.ProtoTCP, TCPFlags: flow.SYN | flow.ACK | flow.FIN, Packets: 100, Bytes: n, Sampling: 1,
		})
		e.Process(b)
	}
	e.Advance((minute + 1) * 60)
}

// TestLive: nine days teach two devices; then one carries ten times as much as usual, and
// one next to nothing. The series tell both beside what is usual, in bits per second.
func TestLive(t *testing.T) {
	cfg := testConfig("10.0.0.0/8", "fd00::/8")
	cfg.Shards = 2
	e, err := NewEngine(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := newLive(e, nil)
	e.Lesson(true)
	minute := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC).Unix() / 60
	day := map[string]uint64{"10.0.0.1": 30e6, "fd00::2": 60e6} // 4 and 8 Mbit/s
	usual := func(minutes int64) {
		for range minutes {
			carryMinute(e, minute, day)
			minute++
		}
	}
	if got, err := l.Traffic(t.Context(), 60, netip.Addr{}); err != nil || len(got.Points) != 0 || got.Unit != "bits_per_second" {
		t.Fatalf("before the first flow: %+v %v", got, err)
	}
	usual(1)
	got, err := l.Traffic(t.Context(), 3, netip.Addr{})
	if err != nil || got.Step != 1 || len(got.Points) == 0 || got.Points[0].InExpected != nil {
		t.Fatalf("with nothing learned: %+v %v", got, err)
	}
	usual(9*1440 - 1 + 30)
	day["10.0.0.1"], day["fd00::2"] = 300e6, 6e6
	usual(10)

	site, err := l.Traffic(t.Context(), 60, netip.Addr{})
	if err != nil || site.Step != 60 || len(site.Points) != 60 {
		t.Fatalf("%d points of %d s (%v)", len(site.Points), site.Step, err)
	}
	before, now := &site.Points[40], &site.Points[59]
	if before.In < 11.9e6 || before.In > 12.1e6 || before.Out != 0 {
		t.Errorf("the site carried %v bits/s in, %v out", before.In, before.Out)
	}
	if before.InExpected == nil || *before.InExpected < 11e6 || *before.InExpected > 13e6 || *before.InLow > before.In || *before.InHigh < before.In {
		t.Errorf("the site's band at %v: %v %v %v", before.In, before.InLow, before.InExpected, before.InHigh)
	}
	if now.In < 40e6 || now.In < *now.InHigh {
		t.Errorf("ten times as much is %v in a band up to %v", now.In, *now.InHigh)
	}
	for _, p := range site.Points {
		if p.At.Unix()%60 != 0 || p.At.Unix() >= minute*60 {
			t.Errorf("a point at %v", p.At)
		}
	}
	one, err := l.Traffic(t.Context(), 60, netip.MustParseAddr("10.0.0.1"))
	if err != nil || len(one.Points) != 7 || one.Step != 60 {
		t.Fatalf("%d points (%v)", len(one.Points), err)
	}
	if p := one.Points[3]; p.In < 39e6 || p.In > 41e6 || p.InExpected == nil || *p.InExpected < 3.5e6 || *p.InExpected > 4.5e6 || *p.InHigh > 20e6 {
		t.Errorf("a device: %+v, expected %v..%v", p, *p.InExpected, *p.InHigh)
	}
	_, err = l.Traffic(t.Context(), 60, netip.MustParseAddr("10.9.9.9"))
	if r, ok := errors.AsType[*api.RefusedError](err); !ok || r.Status != http.StatusNotFound {
		t.Errorf("a stranger: %v", err)
	}

	movers, err := l.Movers(t.Context(), 10)
	if err != nil || len(movers) != 2 {
		t.Fatalf("%+v %v", movers, err)
	}
	up, down := movers[0], movers[1]
	if up.Sigma < 0 {
		up, down = down, up
	}
	if up.Address.String() != "10.0.0.1" || up.Field != "bytes_in" || up.Sigma < 3 || up.Factor < 8 || up.Factor > 12 || up.Now < 35e6 {
		t.Errorf("up: %+v", up)
	}
	if down.Address.String() != "fd00::2" || down.Sigma > -1 || down.Factor > 0.5 || down.Expected < 7e6 || down.Expected > 9e6 {
		t.Errorf("down: %+v", down)
	}
	if few, err := l.Movers(t.Context(), 1); err != nil || len(few) != 1 {
		t.Errorf("one: %+v %v", few, err)
	}
}
