// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/window"
)

func TestGroupsInherit(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Groups = []Group{ // in any order
		{Prefix: netip.MustParsePrefix("10.0.0.128/25"), MinConns: 900, Hold: 20 * time.Second},
		{Prefix: netip.MustParsePrefix("10.0.0.0/8"), MinPPS: 50_000, OutConns: 20},
		{Prefix: netip.MustParsePrefix("fd00::/64"), MinPPS: 70_000, Stop: 0.5},
	}
	l := newLadder(&cfg)
	for addr, want := range map[string]levels{
		"192.0.2.1":  {pps: [2]float64{10_000, 10_000}, conns: [2]float64{100, 1000}, stop: 0.7},
		"10.0.0.1":   {pps: [2]float64{50_000, 10_000}, conns: [2]float64{100, 20}, stop: 0.7, from: cfg.Groups[1].Prefix},
		"10.0.0.200": {pps: [2]float64{50_000, 10_000}, conns: [2]float64{900, 20}, stop: 0.7, hold: 20, from: cfg.Groups[0].Prefix},
		"fd00::7":    {pps: [2]float64{70_000, 10_000}, conns: [2]float64{100, 1000}, stop: 0.5, from: cfg.Groups[2].Prefix},
	} {
		if got := *l.of(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %+v, want %+v", addr, got, want)
		}
	}
	if l.conns != 0.7*20 || l.pps != 0.5*10_000 {
		t.Errorf("the least are %v packets and %v connections", l.pps, l.conns)
	}
}

func TestLimitsThatMakeNoSense(t *testing.T) {
	net := netip.MustParsePrefix("10.0.0.0/8")
	for want, change := range map[string]func(*Config){
		"out_conns must be positive": func(c *Config) { c.OutConns = 0 },
		"stop is a share":            func(c *Config) { c.Stop = 1.1 },
		"hold must lie between":      func(c *Config) { c.Hold = time.Hour },
		"group 1: a prefix":          func(c *Config) { c.Groups = []Group{{MinPPS: 1}} },
		"group 2: 10.0.0.0/8 is group 1 already": func(c *Config) {
			c.Groups = []Group{{Prefix: net}, {Prefix: net}}
		},
		"group 1: ::ffff:10.0.0.0/104: IPv4 in IPv6 form": func(c *Config) {
			c.Groups = []Group{{Prefix: netip.MustParsePrefix("::ffff:10.0.0.0/104"), MinPPS: 1}}
		},
		"must not be negative": func(c *Config) { c.Groups = []Group{{Prefix: net, OutPPS: -1}} },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// series plays so many packets a second of a UDP flood, one second after the other,
// and returns the seconds that were told of, and the last moment that was.
func series(t *testing.T, cfg *Config, past Past, v6 bool, pps ...int) (told []int, last int) {
	t.Helper()
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(cfg, past)
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(t0)
	b := flow.NewBatch(512)
	for sec, n := range pps {
		b.Reset()
		x := raw(flow.ProtoUDP, 200, n/200, 300, 200)
		x.v6 = v6
		if n == 0 {
			x.flows = 0
		}
		for i := range x.flows {
			r := x.record(t0+int64(sec), i)
			b.Append(&r)
		}
		tr.Add(b, 0, b.Len(), nil)
		for _, f := range d.Detect(tr.Tick(), nil) {
			told, last = append(told, sec), int(f.Last.Unix()-t0)
		}
		tr.Next(t0 + int64(sec) + 1)
	}
	return told, last
}

func repeat(n int, pps ...int) (out []int) {
	for range n {
		out = append(out, pps...)
	}
	return out
}

func TestGroupsJudge(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		cfg := DefaultConfig()
		cfg.Groups = []Group{{Prefix: netip.MustParsePrefix("10.0.0.1/32"), MinPPS: 50_000, MinConns: 1e6}, {Prefix: netip.MustParsePrefix("fd00::/16"), MinPPS: 50_000}}
		if told, _ := series(t, &cfg, nil, v6, repeat(20, 30_000)...); len(told) > 0 {
			t.Errorf("v6 %v: told at %v under the group's limit", v6, told)
		}
		if told, _ := series(t, &cfg, nil, v6, repeat(20, 60_000)...); len(told) == 0 {
			t.Errorf("v6 %v: not told over the group's limit", v6)
		}
	}
}

func TestHold(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Hold = 20 * time.Second
	burst := append(repeat(5, 0), repeat(10, 15_000)...)
	if told, _ := series(t, &cfg, nil, false, append(burst, repeat(20, 0)...)...); len(told) > 0 {
		t.Errorf("ten seconds were told at %v", told)
	}
	told, _ := series(t, &cfg, nil, false, append(repeat(5, 0), repeat(30, 15_000)...)...)
	if len(told) == 0 || told[0] != 5+19 {
		t.Errorf("told at %v, want from 20 s on", told)
	}
}

func TestStopLevel(t *testing.T) {
	cfg := DefaultConfig()
	for _, tc := range []struct {
		name string
		pps  []int
		last int
	}{
		{"sways about the limit", append(repeat(10, 12_000), repeat(60, 8_000)...), 70},
		{"falls below the stop level", append(repeat(10, 12_000), repeat(60, 5_000)...), 40}, // then the mean of a minute is below it, too
		{"never reached the limit", repeat(70, 8_000), 0},
	} {
		_, last := series(t, &cfg, nil, false, tc.pps...)
		if tc.name == "falls below the stop level" && last > 0 && last <= tc.last {
			continue
		}
		if last != tc.last {
			t.Errorf("%s: last seen %d s after the begin, want %d", tc.name, last, tc.last)
		}
	}
}

// busy is a past in which a device exchanges so much.
type busy map[baseline.Measure]baseline.Normal

func (b busy) At(_ flow.Addr, _ time.Time, m baseline.Measure) (baseline.Normal, bool) {
	n, ok := b[m]
	n.Basis = baseline.Basis{Level: "hour_of_day", Samples: 20, AgeDays: 20}
	return n, ok
}

func TestPastRaisesLimits(t *testing.T) {
	// 8 200 packets/s in, 600 MB in five minutes out.
	past := busy{
		baseline.BytesIn: {Median: 1e9, Spread: 0.3}, baseline.PacketsIn: {Median: 300 * 5000, Spread: 0.4, P99: 300 * 8200},
		baseline.BytesOut: {Median: 6e9, Spread: 0.2, P99: 8e9},
	}
	cfg := DefaultConfig()
	d, err := New(&cfg, past)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(t0, 0)
	in, out := d.Limit(victim, at, window.In), d.Limit(victim, at, window.Out)
	if in.PPS != in.Learned || in.PPS < 2*5000 || in.Floor != 10_000 || int(in.Usual+0.5) != 8200 || in.Basis.Samples != 20 {
		t.Errorf("received: %+v", in)
	}
	if out.PPS != out.Learned || out.PPS < 40_000 || out.Conns != 1000 {
		t.Errorf("sent: %+v", out)
	}
	if told, _ := series(t, &cfg, past, false, repeat(20, int(in.PPS)-1000)...); len(told) > 0 {
		t.Errorf("what the past explains was told at %v", told)
	}
	if told, _ := series(t, &cfg, past, false, repeat(20, int(in.PPS)+2000)...); len(told) == 0 {
		t.Error("what the past does not explain was not told")
	}
}
