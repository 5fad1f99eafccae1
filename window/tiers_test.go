// SPDX-License-Identifier: Apache-2.0

package window

import (
	"net/netip"
	"strings"
	"testing"

	"tidewatch/flow"
)

// tierOf is the tier of an address at the next tick.
func tierOf(tb testing.TB, t *Tracker, addr string) Tier {
	tb.Helper()
	w := t.Tick()
	for i := range w.Devices() {
		if d, ok := w.Device(i); ok && d.Addr() == flow.AddrFrom(netip.MustParseAddr(addr)) {
			return d.Tier()
		}
	}
	tb.Fatalf("%s is not known", addr)
	return Batch
}

// one books a single small flow to a device.
func one(t *Tracker, addr string, packets uint64) {
	b := flow.NewBatch(1)
	r := flow.Record{
		Start: t.now * 1e9, End: t.now * 1e9, Received: t.now * 1e9, Src: flow.AddrFrom4([4]byte{203, 0, 113, 9}),
		Dst: flow.AddrFrom(netip.MustParseAddr(addr)), SrcPort: 50000, DstPort: 443, Proto: flow.ProtoTCP,
		Packets: packets, Bytes: 100 * packets, Sampling: 1, Mark: flow.DstInternal,
	}
	b.Append(&r)
	t.Add(b, 0, 1, nil)
}

// A quiet device is judged by the minute, a critical one by the second from its
// first flow on, a suspicious one for an hour, a silent one by the hour.
func TestTiers(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Critical = []netip.Prefix{netip.MustParsePrefix("10.0.9.0/24"), netip.MustParsePrefix("fd00::/64")}
	tr, err := New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(1_000_000)
	for _, a := range []string{"10.0.0.1", "10.0.0.2", "10.0.9.1", "fd00::1"} {
		one(tr, a, 1)
	}
	one(tr, "10.0.0.3", 100_000)
	tr.Promote(flow.AddrFrom(netip.MustParseAddr("10.0.0.2")))
	tr.Promote(flow.AddrFrom(netip.MustParseAddr("10.0.0.99"))) // unknown: nothing
	expect := func(when string, want map[string]Tier) {
		t.Helper()
		for a, tier := range want {
			if got := tierOf(t, tr, a); got != tier {
				t.Errorf("%s: %s is %v, want %v", when, a, got, tier)
			}
		}
	}
	expect("at once", map[string]Tier{"10.0.0.1": Minute, "10.0.0.2": RealTime, "10.0.9.1": RealTime, "fd00::1": RealTime, "10.0.0.3": RealTime})
	pass := func(seconds int64) {
		for end := tr.now + seconds; tr.now < end; {
			tr.Tick()
			tr.Next(end)
		}
	}
	pass(600)
	expect("after ten minutes", map[string]Tier{"10.0.0.1": Minute, "10.0.0.2": RealTime, "10.0.9.1": RealTime, "10.0.0.3": Minute})
	pass(3600)
	expect("after an hour", map[string]Tier{"10.0.0.1": Batch, "10.0.0.2": Batch, "10.0.9.1": RealTime, "10.0.0.3": Batch})
	if n := tr.Tiers(); n != [3]int{3, 0, 2} {
		t.Errorf("%v devices by tier", n)
	}
	if rule := cfg.Rule(); !strings.Contains(rule, "200 packets") || !strings.Contains(rule, "4096") {
		t.Error(rule)
	}
}

// Busy devices do not push critical ones out.
func TestCriticalStay(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxHot, cfg.Critical = 8, []netip.Prefix{netip.MustParsePrefix("10.0.9.0/30")}
	tr, err := New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(1_000_000)
	for _, a := range []string{"10.0.9.0", "10.0.9.1", "10.0.9.2", "10.0.9.3"} {
		one(tr, a, 1)
	}
	tr.Tick()
	tr.Next(tr.now + 1)
	for i := range 60 {
		one(tr, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}).String(), uint64(1000<<(i/6)))
		tr.Tick()
		tr.Next(tr.now + 1)
	}
	for _, a := range []string{"10.0.9.0", "10.0.9.1", "10.0.9.2", "10.0.9.3"} {
		if got := tierOf(t, tr, a); got != RealTime {
			t.Errorf("%s is %v", a, got)
		}
	}
}

// Critical devices that a checkpoint brings, or that are known after a long silence,
// are followed from the first traffic on, and as if nothing had been seen before.
func TestCriticalAfterASilence(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Critical = []netip.Prefix{netip.MustParsePrefix("10.0.9.0/24")}
	tr, err := New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(1_000_000)
	one(tr, "10.0.9.1", 1)
	data := Checkpoint(nil, nil, tr)
	resumed, err := New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	now, err := resumed.Resume(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	if now == 0 {
		t.Fatal("no second in the checkpoint")
	}
	resumed.Jump(now + 60)
	tr.Jump(1_000_000 + 3*86400)
	for name, x := range map[string]*Tracker{"resumed": resumed, "after a silence": tr} {
		begin := x.Now()
		one(x, "10.0.0.1", 1) // somebody else's flow
		if got := tierOf(t, x, "10.0.9.1"); got != RealTime {
			t.Errorf("%s: %v", name, got)
		}
		for _, h := range x.hot {
			if h.used && (h.Since() != begin || h.watched != begin || !h.New(begin)) {
				t.Errorf("%s: known since %d, watched since %d, want %d", name, h.Since(), h.watched, begin)
			}
		}
	}
}

// Of two directions that are sampled at different rates the coarser one counts.
func TestRateOfTwoDirections(t *testing.T) {
	tr := newTracker(t, nil)
	b := flow.NewBatch(2)
	in := rec(tr.now, tr.now, 1000, 100_000)
	in.Sampling = 1000
	out := in
	out.Src, out.Dst, out.Mark, out.Sampling = in.Dst, in.Src, flow.SrcInternal, 1
	b.Append(&in)
	b.Append(&out)
	tr.Add(b, 0, 2, nil)
	if got := only(t, tr).Rate(); got != 1000 {
		t.Errorf("rate %d", got)
	}
}
