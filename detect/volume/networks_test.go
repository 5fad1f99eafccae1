// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"maps"
	"net/netip"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// byNetwork is a past by the text of the network: the median of five minutes.
type byNetwork map[string]float64

func (p byNetwork) At(a flow.Addr, _ time.Time, m baseline.Measure) (baseline.Normal, bool) {
	median, ok := p[baseline.Label(a)]
	if m >= baseline.HourBytesIn {
		median *= 12
	}
	if m == baseline.PacketsIn {
		return baseline.Normal{}, false
	}
	return baseline.Normal{Median: median, Spread: 0.2, Ever: 3 * median, Basis: baseline.Basis{Level: "hour_of_day", Samples: 20}}, ok
}

func (byNetwork) Shift(flow.Addr, int64) (baseline.Shift, bool) { return baseline.Shift{}, false }

// inside says that devices of 10.1.0.0/16 carry so much in five minutes, beyond their
// usual, that was told of already.
type inside struct {
	layout *window.Networks
	told   float64
	blind  bool
}

func (x *inside) Told(i int, m baseline.Measure, _ bool, but func(int) bool) float64 {
	for k := range x.layout.Len() {
		if x.layout.Prefix(k).String() == "10.1.0.0/16" && x.layout.Within(k, i) && !but(k) {
			if m >= baseline.HourBytesIn {
				return 12 * x.told
			}
			return x.told
		}
	}
	return 0
}

func (x *inside) Seen(int, int64, int64) bool { return !x.blind }

// site plays minutes in which a device of each network sends and receives so many
// megabytes, and returns the first finding of each severity and network.
func site(t *testing.T, told float64, blind bool, minutes int64, megabytes func(minute int64) (one, two, other uint64)) map[string]detect.Severity {
	t.Helper()
	layout := window.NewNetworks([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.2.0.0/16")})
	wcfg := window.DefaultConfig()
	wcfg.Networks = layout
	tr, err := window.New(&wcfg)
	if err != nil {
		t.Fatal(err)
	}
	past := byNetwork{"10.1.0.0/16": 100e6, "10.2.0.0/16": 100e6, "10.0.0.0/8": 200e6, "site": 300e6}
	n, err := NewNetworks(DefaultConfig(), past, &inside{layout, told, blind})
	if err != nil {
		t.Fatal(err)
	}
	totals := window.NewNetworkTotals(layout)
	tr.Jump(t0)
	b, out := flow.NewBatch(6), map[string]detect.Severity{}
	windows := make([]*window.Window, 1)
	found := make([]detect.Finding, 0, 8)
	for m := range minutes {
		for tr.Now() < t0+60*m+59 {
			tr.Tick()
			tr.Next(t0 + 60*m + 59)
		}
		one, two, other := megabytes(m)
		b.Reset()
		for addr, mb := range map[string]uint64{"10.1.0.1": one, "10.2.0.1": two, "192.168.0.1": other} {
			now := tr.Now()
			r := flow.Record{Received: now * 1e9, Start: now * 1e9, End: now * 1e9, Proto: flow.ProtoUDP, Packets: 100, Bytes: mb * 1e6, Sampling: 1}
			r.Src, r.Mark = flow.AddrFrom(netip.MustParseAddr(addr)), flow.SrcInternal
			b.Append(&r)
			r.Dst, r.Src, r.Mark = r.Src, flow.Addr{15: 1}, flow.DstInternal
			b.Append(&r)
		}
		tr.Add(b, 0, b.Len(), nil)
		windows[0] = tr.Tick()
		totals.Close(windows)
		found = n.Detect(windows[0], totals, found[:0])
		for i := range found {
			f := &found[i]
			if was, ok := out[f.Subject.String()]; !ok || f.Severity.Rank() > was.Rank() {
				out[f.Subject.String()] = f.Severity
			}
			if f.Kind != "volume" || f.Category != detect.BaselineAnomaly || !f.Last.Equal(f.At.Add(-window.Lateness)) {
				t.Errorf("minute %d: %+v", m, *f)
			}
		}
		tr.Next(tr.Now() + 1)
	}
	return out
}

func TestNetworks(t *testing.T) {
	const hour, noon = 60, day + 12*60
	since := func(minute int64, before, one, two, other uint64) func(int64) (uint64, uint64, uint64) {
		return func(m int64) (uint64, uint64, uint64) {
			if m < minute {
				return before, before, before
			}
			return one, two, other
		}
	}
	for name, tc := range map[string]struct {
		told  float64
		blind bool
		times func(int64) (one, two, other uint64)
		until int64
		want  map[string]detect.Severity
	}{
		"as usual": {0, false, since(0, 20, 20, 20, 20), 3 * hour, nil},
		// The wider networks are over, too, and what is inside explains it.
		"one network has six times as much": {
			0, false, since(hour, 20, 120, 20, 20), 3 * hour,
			map[string]detect.Severity{"10.1.0.0/16": detect.High, "10.0.0.0/8": detect.Low, "::/0": detect.Low},
		},
		"one device of it is told of, and is all of it": {
			500e6, false, since(hour, 20, 120, 20, 20), 3 * hour,
			map[string]detect.Severity{"10.1.0.0/16": detect.Low, "10.0.0.0/8": detect.Low, "::/0": detect.Low},
		},
		"one device is told of, and is a third of it": {
			150e6, false, since(hour, 20, 120, 20, 20), 3 * hour,
			map[string]detect.Severity{"10.1.0.0/16": detect.High, "10.0.0.0/8": detect.Low, "::/0": detect.Low},
		},
		"both networks have": {
			0, false, since(hour, 20, 120, 120, 20), 3 * hour,
			map[string]detect.Severity{"10.1.0.0/16": detect.High, "10.2.0.0/16": detect.High, "10.0.0.0/8": detect.Low, "::/0": detect.Low},
		},
		"what has no network of its own shows at the site": {
			0, false, since(hour, 20, 20, 20, 300), 3 * hour, map[string]detect.Severity{"::/0": detect.High},
		},
		"one network goes quiet": {0, false, since(noon, 20, 1, 20, 20), noon + 2*hour, map[string]detect.Severity{"10.1.0.0/16": detect.Medium}},
		"one falls silent":       {0, false, since(noon, 20, 0, 20, 20), noon + 2*hour, map[string]detect.Severity{"10.1.0.0/16": detect.Medium}},
		"all of it": {
			0, false, since(noon, 20, 1, 1, 1), noon + 2*hour,
			map[string]detect.Severity{"10.1.0.0/16": detect.Medium, "10.2.0.0/16": detect.Medium, "10.0.0.0/8": detect.Low, "::/0": detect.Low},
		},
		"one goes quiet with a device that is told of": {
			95e6, false, since(noon, 20, 1, 20, 20), noon + 2*hour, map[string]detect.Severity{"10.1.0.0/16": detect.Low},
		},
		"one goes quiet with its exporter": {0, true, since(noon, 20, 1, 20, 20), noon + 2*hour, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := site(t, tc.told, tc.blind, tc.until, tc.times); !maps.Equal(got, tc.want) {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

// When all traffic of a network is that of one inside, that one alone tells.
func TestNetworkThatIsAnother(t *testing.T) {
	got := site(t, 0, false, 180, func(m int64) (uint64, uint64, uint64) { return pick(m < 60, 20, 120), 0, 0 })
	if !maps.Equal(got, map[string]detect.Severity{"10.1.0.0/16": detect.High, "10.0.0.0/8": detect.Low, "::/0": detect.Low}) {
		t.Errorf("%v", got)
	}
}

// even is a past of 100 networks alike.
type even struct{ fixed }

func (even) At(a flow.Addr, at time.Time, m baseline.Measure) (baseline.Normal, bool) {
	all := fixed{"hour_of_day", 100e6, 0.2}
	if a == baseline.NetworkKey(baseline.Site()) {
		all.median = 100e8
	}
	return all.At(a, at, m)
}

// A quiet minute of 100 networks costs no memory.
func TestNetworksAllocateNothing(t *testing.T) {
	var all []netip.Prefix
	for i := range 100 {
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16))
	}
	wcfg := window.DefaultConfig()
	wcfg.Networks = window.NewNetworks(all)
	tr, err := window.New(&wcfg)
	if err != nil {
		t.Fatal(err)
	}
	n, err := NewNetworks(DefaultConfig(), even{}, &inside{layout: wcfg.Networks})
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(t0)
	totals, windows := window.NewNetworkTotals(wcfg.Networks), make([]*window.Window, 1)
	b, out := flow.NewBatch(100), make([]detect.Finding, 0, 8)
	minute := func() {
		now := tr.Now()/60*60 + 59
		for tr.Now() < now {
			tr.Tick()
			tr.Next(now)
		}
		b.Reset()
		for i := range 100 {
			b.Append(&flow.Record{
				Received: now * 1e9, Start: now * 1e9, End: now * 1e9, Src: flow.AddrFrom4([4]byte{10, byte(i), 0, 1}), Dst: flow.Addr{15: 1},
				Proto: flow.ProtoUDP, Packets: 100, Bytes: 20e6, Sampling: 1, Mark: flow.SrcInternal,
			})
		}
		tr.Add(b, 0, 100, nil)
		windows[0] = tr.Tick()
		totals.Close(windows)
		out = n.Detect(windows[0], totals, out[:0])
		tr.Next(now + 1)
	}
	for range 20 {
		minute()
	}
	if n := testing.AllocsPerRun(60, minute); n != 0 || len(out) != 0 {
		t.Errorf("%v allocations a minute, %d findings", n, len(out))
	}
}
