// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"net/netip"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// fixed is a past in which every hour's busiest five minutes are alike.
type fixed struct {
	level          string
	median, spread float64
}

func (p fixed) At(_ flow.Addr, _ time.Time, m baseline.Measure) (baseline.Normal, bool) {
	if m >= baseline.HourBytesIn { // twelve times five minutes
		p.median *= 12
	}
	return baseline.Normal{Median: p.median, Spread: p.spread, Ever: 10 * p.median, Basis: baseline.Basis{Level: p.level, Samples: 20}}, true
}

func (fixed) Shift(flow.Addr, int64) (baseline.Shift, bool) { return baseline.Shift{}, false }

// always is a server that brings 100 MB in five minutes at any hour.
func always() fixed { return fixed{"hour_of_day", 100e6, 0.2} }

// blind sees nothing between two minutes after t0.
type blind struct{ from, to int64 }

func (b blind) Saw(_ uint32, from, to int64) bool { return to <= t0+60*b.from || from >= t0+60*b.to }

// told is what was found first and last about one kind.
type told struct {
	severity      detect.Severity
	first, over   int64 // minutes after t0, 0 = never
	started, last int64
	times         int
}

// less plays minutes in which a device sends and receives so many kilobytes.
func less(t *testing.T, past Past, sight Sight, minutes int64, kilobytes func(minute int64) (sent, received uint64)) map[string]told {
	t.Helper()
	return lessOf(t, Deps{Past: past, Sight: sight}, minutes, kilobytes)
}

func lessOf(t *testing.T, deps Deps, minutes int64, kilobytes func(minute int64) (sent, received uint64)) map[string]told {
	t.Helper()
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(DefaultConfig(), deps)
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(t0)
	out := map[string]told{}
	b, device := flow.NewBatch(2), flow.AddrFrom(netip.MustParseAddr("10.0.0.1"))
	var found []detect.Finding
	for m := range minutes {
		b.Reset()
		sent, received := kilobytes(m)
		r := flow.Record{
			Received: (t0 + 60*m + 59) * 1e9, Start: (t0 + 60*m) * 1e9, End: (t0 + 60*m + 59) * 1e9, Proto: flow.ProtoUDP, Packets: 100, Sampling: 1,
		}
		if sent > 0 {
			r.Src, r.Dst, r.Bytes, r.Mark = device, flow.Addr{15: 1}, 1000*sent, flow.SrcInternal
			b.Append(&r)
		}
		if received > 0 {
			r.Src, r.Dst, r.Bytes, r.Mark = flow.Addr{15: 1}, device, 1000*received, flow.DstInternal
			b.Append(&r)
		}
		for tr.Now() < t0+60*m+59 {
			tr.Tick()
			tr.Next(t0 + 60*m + 59)
		}
		tr.Add(b, 0, b.Len(), nil)
		found = d.Detect(tr.Tick(), found[:0])
		for i := range found {
			f := &found[i]
			if f.Kind == "volume" && f.Metrics.Sigma > 0 {
				t.Fatalf("minute %d: too much: %+v", m, f)
			}
			s := out[f.Kind]
			s.times++
			s.severity, s.started, s.last = f.Severity, (f.Started.Unix()-t0)/60, (f.Last.Unix()-t0)/60
			switch {
			case f.Over:
				s.over = m
			case s.first == 0:
				s.first = m
			}
			out[f.Kind] = s
		}
		tr.Next(t0 + 60*m + 60)
	}
	return out
}

const day = 24 * 60 // minutes

func TestSilence(t *testing.T) {
	// busy sends 20 MB a minute, but nothing in [from,to).
	busy := func(from, to int64) func(int64) (uint64, uint64) {
		return func(m int64) (uint64, uint64) {
			if m >= from && m < to {
				return 0, 0
			}
			return 20_000, 20_000
		}
	}
	hourly := func(until int64) func(int64) (uint64, uint64) {
		return func(m int64) (uint64, uint64) {
			if m%60 >= 5 || m >= until {
				return 0, 0
			}
			return 20_000, 20_000
		}
	}
	const noon = day + 12*60 + 2
	for name, tc := range map[string]struct {
		past        Past
		sight       Sight
		sends       func(int64) (uint64, uint64)
		first, last int64 // minutes after the last packet, 0 = not found
		severity    detect.Severity
		back        int64 // when it is over
	}{
		"as always":                      {always(), nil, busy(0, 0), 0, 0, "", 0},
		"dies":                           {always(), nil, busy(noon, 9999), 20, 26, detect.Medium, 0},
		"dies and comes back":            {always(), nil, busy(noon, noon+100), 20, 26, detect.Medium, noon + 100},
		"pauses for 18 minutes":          {always(), nil, busy(noon, noon+18), 0, 0, "", 0},
		"dies, and clients go on asking": {always(), nil, func(m int64) (uint64, uint64) { return pick(m < noon, 20_000, 0), pick(m < noon, 20_000, 1) }, 20, 26, detect.Medium, 0},
		"never sent anything":            {usual{"hour_of_day"}, nil, func(int64) (uint64, uint64) { return 0, 20_000 }, 0, 0, "", 0},
		"sends five minutes an hour":     {always(), nil, hourly(9999), 0, 0, "", 0},
		"did so, and dies":               {always(), nil, hourly(noon), 100, 130, detect.Medium, 0},
		"dies on its first morning":      {always(), nil, busy(120, 9999), 120, 128, detect.Medium, 0},
		"is sometimes switched off":      {fixed{"hour_of_day", 100e6, 1.15}, nil, busy(noon, 9999), 20, 26, detect.Low, 0},
		"is often switched off":          {fixed{"hour_of_day", 100e6, 2}, nil, busy(noon, 9999), 0, 0, "", 0},
		"is known by all hours together": {fixed{"global", 100e6, 0.2}, nil, busy(noon, 9999), 0, 0, "", 0},
		"has little traffic":             {fixed{"hour_of_day", 90e3, 0.001}, nil, func(m int64) (uint64, uint64) { return pick(m < noon, 18, 0), pick(m < noon, 18, 0) }, 0, 0, "", 0},
		"its exporter comes back":        {always(), blind{noon, noon + 120}, busy(noon, 9999), 138, 150, detect.Medium, 0},
		"dies with its exporter":         {always(), blind{noon, 9999}, busy(noon, 9999), 0, 0, "", 0},
	} {
		died := int64(noon)
		if name == "dies on its first morning" {
			died = 120
		}
		got := less(t, tc.past, tc.sight, died+400, tc.sends)
		s := got["silence"]
		if tc.severity == "" {
			if len(got) != 0 {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		if len(got) != 1 || s.severity != tc.severity || s.first-died+1 < tc.first || s.first-died+1 > tc.last || s.over != tc.back {
			t.Errorf("%s: %+v (died at %d)", name, got, died)
		}
		if want := died; name != "did so, and dies" && s.started != want {
			t.Errorf("%s: started in minute %d, want %d", name, s.started, want)
		}
		if end := died + 400; tc.back == 0 && s.times != int(end-s.first) || tc.back != 0 && s.times != int(tc.back-s.first)+1 {
			t.Errorf("%s: told %d times, from %d on", name, s.times, s.first)
		}
	}
}

// A device that people work at goes home with them; a server does not.
func TestSilenceOfPeople(t *testing.T) {
	t.Parallel()
	const noon = day + 12*60 + 2
	for kilobytes, kind := range map[uint64]string{0: "silence", 1000: "volume"} {
		for answers, want := range map[bool]detect.Severity{false: detect.Low, true: detect.Medium} {
			got := lessOf(t, Deps{Past: always(), Habits: known(t, "10.0.0.1", answers)}, noon+400, func(m int64) (uint64, uint64) {
				v := pick(m >= noon, kilobytes, 20_000)
				return v, v
			})
			if s := got[kind]; len(got) != 1 || s.severity != want {
				t.Errorf("%s of one that answers: %v: %+v, want %s", kind, answers, got, want)
			}
		}
	}
}

func TestDrop(t *testing.T) {
	const noon = day + 12*60 + 2
	// low is 20 MB a minute, and so many kilobytes in [from,to).
	low := func(kilobytes uint64, from, to int64) func(int64) (uint64, uint64) {
		return func(m int64) (uint64, uint64) {
			v := pick(m >= from && m < to, kilobytes, 20_000)
			return v, v
		}
	}
	bursts := func(m int64) (uint64, uint64) {
		v := pick(m%60 < 5, 20_000, 400)
		return v, v
	}
	for name, tc := range map[string]struct {
		past  Past
		sight Sight
		sends func(int64) (uint64, uint64)
		found bool
	}{
		"as always":                        {always(), nil, low(0, 0, 0), false},
		"far less, lasting":                {always(), nil, low(1000, noon, 9999), true},
		"far less, for eight minutes":      {always(), nil, low(1000, noon, noon+8), false},
		"less, but not that far":           {always(), nil, low(10_000, noon, 9999), false},
		"busy five minutes an hour":        {always(), nil, bursts, false},
		"far less sent, as much received":  {always(), nil, func(m int64) (uint64, uint64) { return pick(m < noon, 20_000, 1000), 20_000 }, false},
		"far less, on the first day":       {always(), nil, low(1000, 12*60, 18*60), false},
		"may well be as low":               {fixed{"hour_of_day", 100e6, 2}, nil, low(1000, noon, 9999), false},
		"far less, by all hours together":  {fixed{"global", 100e6, 0.2}, nil, low(1000, noon, 9999), false},
		"far less, and the exporter fails": {always(), blind{noon, 9999}, low(1000, noon, 9999), false},
	} {
		minutes := int64(noon + 100)
		if name == "far less, on the first day" {
			minutes = 18 * 60
		}
		got := less(t, tc.past, tc.sight, minutes, tc.sends)
		s, found := got["volume"]
		if found != tc.found || len(got) > 1 {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		if found && (s.severity != detect.Medium || s.first < noon+11 || s.first > noon+25 || s.times < 14) {
			t.Errorf("%s: %+v (dropped at %d)", name, s, noon)
		}
	}
}

// A quiet window costs no memory, nor does one that is looked at in vain.
func TestLessAllocatesNothing(t *testing.T) {
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(DefaultConfig(), Deps{Past: always(), Sight: blind{}})
	if err != nil {
		t.Fatal(err)
	}
	tr.Jump(t0)
	b := flow.NewBatch(100)
	for i := range 100 {
		b.Append(&flow.Record{
			Received: t0 * 1e9, Start: t0 * 1e9, End: t0 * 1e9, Src: flow.AddrFrom4([4]byte{10, 0, 0, byte(i)}), Dst: flow.Addr{15: 1},
			Proto: flow.ProtoUDP, Packets: 10, Bytes: 1e6, Sampling: 1, Mark: flow.SrcInternal,
		})
	}
	tr.Add(b, 0, 100, nil)
	out := make([]detect.Finding, 0, 8)
	minute := func() {
		for w := tr.Tick(); ; w = tr.Tick() {
			out = d.Detect(w, out[:0])
			if tr.Next(tr.Now() + 60); w.Minute {
				return
			}
		}
	}
	for range 10 {
		minute()
	}
	if n := testing.AllocsPerRun(60, minute); n != 0 || len(out) != 0 {
		t.Errorf("%v allocations a minute, %d findings", n, len(out))
	}
}

func TestConfig(t *testing.T) {
	for _, bad := range []func(*Config){
		func(c *Config) { c.Medium = 0 },
		func(c *Config) { c.High = 1 },
		func(c *Config) { c.Lasting = 6 },
		func(c *Config) { c.Silence = 0 },
		func(c *Config) { c.Lag = time.Minute },
		func(c *Config) { c.Lag = 24 * time.Hour },
		func(c *Config) { c.MaxDevices = 0 },
	} {
		cfg := DefaultConfig()
		bad(&cfg)
		if _, err := New(cfg, Deps{}); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
