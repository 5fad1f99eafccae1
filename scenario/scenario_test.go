// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidewatch/flow"
)

// build makes a scenario or fails.
func build(tb testing.TB, name string, cfg Config) *Scenario {
	tb.Helper()
	s, err := New(name, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// each runs s to its end and calls f for every record.
func each(s *Scenario, f func(r *flow.Record)) {
	b := flow.NewBatch(1024)
	for b.Reset(); s.Next(b); b.Reset() {
		for i := range b.Len() {
			r := b.Record(i)
			f(&r)
		}
	}
}

// small is a short run of any scenario with its event inside.
func small(seed uint64) Config {
	return Config{
		Seed: seed, Start: time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC), Duration: 4 * time.Minute,
		AttackAt: 30 * time.Second, AttackFor: 60 * time.Second, ShopRate: 20, LoadRate: 500, LoadHosts: 100,
	}
}

// fold adds all of a record to a digest.
func fold(sum uint64, r *flow.Record) uint64 {
	le := binary.LittleEndian
	for _, v := range []uint64{
		uint64(r.Received), uint64(r.Start), uint64(r.End), r.Bytes, r.Packets,
		le.Uint64(r.Src[:]), le.Uint64(r.Src[8:]), le.Uint64(r.Dst[:]), le.Uint64(r.Dst[8:]),
		uint64(r.SrcPort)<<48 | uint64(r.DstPort)<<32 | uint64(r.Proto)<<24 | uint64(r.TCPFlags)<<16 | uint64(r.Mark),
		uint64(r.Sampling)<<32 | uint64(r.Exporter), uint64(r.InIf)<<32 | uint64(r.OutIf), uint64(r.SrcAS)<<32 | uint64(r.DstAS),
	} {
		sum = mix(sum, v)
	}
	return sum
}

func digest(s *Scenario) (sum uint64, records int) {
	each(s, func(r *flow.Record) { records++; sum = fold(sum, r) })
	return sum, records
}

func TestSameSeedSameRecords(t *testing.T) {
	t.Parallel()
	for _, info := range Names() {
		cfg := small(1)
		cfg.AttackRate = 2000
		one, n := digest(build(t, info.Name, cfg))
		two, m := digest(build(t, info.Name, cfg))
		if one != two || n != m || n == 0 {
			t.Errorf("%s: the same seed gives %d and %d records, digests %x and %x", info.Name, n, m, one, two)
		}
		cfg.Seed = 2
		if other, _ := digest(build(t, info.Name, cfg)); other == one {
			t.Errorf("%s: another seed gives the same records", info.Name)
		}
	}
}

// TestAnyMomentByItself: a jump gives what a run through all of it gives.
func TestAnyMomentByItself(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"office", "syn-flood", "exfiltration", "shop-attack", "icmp-flood", "carpet6", "shifting-flood", "speed-test", "fleet", "load"} {
		cfg := small(3)
		cfg.Start, cfg.Duration = time.Date(2026, 3, 4, 0, 30, 0, 0, time.UTC), 3*time.Hour
		cfg.AttackAt, cfg.AttackFor, cfg.AttackRate, cfg.LoadRate = 80*time.Minute, 10*time.Minute, 500, 20
		cfg.ShopRate = 2
		from, to := cfg.Start.Add(85*time.Minute), cfg.Start.Add(88*time.Minute)
		inside := func(s *Scenario, seek bool) (sum uint64, records int) {
			b := flow.NewBatch(1024)
			if seek {
				s.Seek(from)
			}
			for s.Next(b) && !s.Now().After(to) {
				for i := range b.Len() {
					r := b.Record(i)
					if r.Received > from.UnixNano() && r.Received <= to.UnixNano() {
						records++
						sum = fold(sum, &r)
					}
				}
				b.Reset()
			}
			return sum, records
		}
		s := build(t, name, cfg)
		whole, n := inside(s, false)
		jumped, m := inside(build(t, name, cfg), true)
		back, k := inside(s, true) // and the other way, from where the first run stands
		if whole != jumped || whole != back || n == 0 {
			t.Errorf("%s: %d records on the way, %d after a jump, %d after a jump back; digests %x %x %x",
				name, n, m, k, whole, jumped, back)
		}
	}
}

// TestABackgroundThatStartsLater: without an event Start is a jump, too.
func TestABackgroundThatStartsLater(t *testing.T) {
	cfg := Config{Seed: 5, Start: time.Date(2026, 3, 4, 2, 0, 0, 0, time.UTC), Duration: 90 * time.Minute}
	tail := map[int64]uint64{}
	each(build(t, "office", cfg), func(r *flow.Record) { tail[r.Received] += r.Bytes })
	cfg.Start, cfg.Duration = cfg.Start.Add(time.Hour), 30*time.Minute
	n := 0
	each(build(t, "office", cfg), func(r *flow.Record) { n++; tail[r.Received] -= r.Bytes })
	for at, left := range tail {
		if at > cfg.Start.UnixNano() && left != 0 {
			t.Fatalf("%v: %d bytes more in the longer run", time.Unix(0, at).UTC(), left)
		}
	}
	if n < 1000 {
		t.Errorf("only %d records", n)
	}
}

// TestRecordsAreSound holds for any scenario and any configuration.
func TestRecordsAreSound(t *testing.T) {
	names := Names()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "name").Name
		cfg := Config{
			Seed:  rapid.Uint64().Draw(t, "seed"),
			Start: time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "start"), rapid.Int64Range(0, 1e9-1).Draw(t, "fraction")),
			Scale: rapid.Float64Range(0.1, 3).Draw(t, "scale"), Duration: 2 * time.Minute,
			ShopRate: rapid.Float64Range(0.1, 30).Draw(t, "shop"),
			AttackAt: time.Duration(rapid.IntRange(1, 90).Draw(t, "at")) * time.Second, AttackFor: time.Minute,
			AttackRate: rapid.Float64Range(1, 400).Draw(t, "rate"), AttackSources: rapid.IntRange(1, 500).Draw(t, "sources"),
			LoadRate: rapid.Float64Range(1, 2000).Draw(t, "load"), LoadHosts: rapid.IntRange(1, 1<<20).Draw(t, "hosts"),
		}
		s, err := New(name, cfg)
		if err != nil {
			t.Fatal(err)
		}
		var last int64
		b := flow.NewBatch(1024)
		for s.Next(b) {
			for i := range b.Len() {
				if b.Received[i] > s.Now().UnixNano() || b.Received[i] < last {
					t.Fatalf("received at %d after %d in the slice of %d", b.Received[i], last, s.Now().UnixNano())
				}
				last = b.Received[i]
				checkRecord(t, b, i)
			}
			b.Reset()
		}
	})
}

func checkRecord(t *rapid.T, b *flow.Batch, i int) {
	r := b.Record(i)
	least := uint64(28)
	if !r.Src.Is4() {
		least = 48
	}
	switch {
	case r.Start > r.End || r.End >= r.Received:
		t.Fatalf("times %d %d %d are out of order: %+v", r.Start, r.End, r.Received, r)
	case r.End-r.Start > activeTimeout*1e9 || r.Received-r.End > (inactiveTimeout+2)*1e9:
		t.Fatalf("%v long, exported %v later: %+v", time.Duration(r.End-r.Start), time.Duration(r.Received-r.End), r)
	case r.Packets == 0 || r.Bytes < r.Packets*least || r.Bytes > r.Packets*1500:
		t.Fatalf("%d bytes in %d packets: %+v", r.Bytes, r.Packets, r)
	case r.Sampling != 1 || r.Src == r.Dst || r.Src.Is4() != r.Dst.Is4():
		t.Fatalf("odd record %+v", r)
	case r.Proto == flow.ProtoTCP && r.TCPFlags == 0 || r.Proto != flow.ProtoTCP && r.TCPFlags != 0:
		t.Fatalf("flags of %+v", r)
	case r.InIf == 0 || r.OutIf == 0:
		t.Fatalf("no interface: %+v", r)
	}
}

func TestBadConfigIsRefused(t *testing.T) {
	for want, cfg := range map[string]Config{
		"scale -1":             {Scale: -1},
		"duration -1s":         {Duration: -time.Second},
		"50 flows per second":  {FlowsPerSecond: 50},
		"0.01 flows per":       {FlowsPerSecond: 0.01},
		"neither can be":       {AttackAt: -time.Hour},
		"each must be positiv": {AttackRate: -5},
		"-3 sources":           {AttackSources: -3},
	} {
		if _, err := New("syn-flood", cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	_, err := New("sin-flood", Config{})
	for _, info := range Names() {
		name := info.Name
		if base, six := strings.CutSuffix(name, "6"); six {
			name = base + "[6]"
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Fatalf("the error for an unknown name does not list %s: %v", name, err)
		}
	}
}

// TestNothingIsAllocated once the calendar has its size.
func TestNothingIsAllocated(t *testing.T) {
	s := build(t, "syn-flood", Config{Start: time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC), AttackAt: time.Second, AttackFor: time.Hour})
	b := flow.NewBatch(50_000)
	for range 120 {
		b.Reset()
		s.Next(b)
	}
	if n := testing.AllocsPerRun(20, func() { b.Reset(); s.Next(b) }); n > 1 {
		t.Errorf("%v allocations a second", n)
	}
}

func TestDefaultsPlaceTheEventAfterALearnedBackground(t *testing.T) {
	for _, info := range Names() {
		s := build(t, info.Name, Config{})
		if info.Event == 0 {
			continue
		}
		cfg := s.Config()
		if cfg.AttackAt < info.Learn || cfg.Duration < cfg.AttackAt+info.Event {
			t.Errorf("%s: the event at %v of %v, after learning %v", info.Name, cfg.AttackAt, cfg.Duration, info.Learn)
		}
		found := false
		for _, truth := range s.Truth() {
			found = found || truth.Start.Equal(cfg.Start.Add(cfg.AttackAt)) && truth.Subject.IsValid() && truth.Note != ""
		}
		if !found {
			t.Errorf("%s: no truth begins at the event: %+v", info.Name, s.Truth())
		}
	}
	// Three in the morning is three in the morning where people live.
	zone := time.FixedZone("five hours west", -5*3600)
	s := build(t, "exfiltration", Config{Zone: zone})
	if at := s.Config().Start.Add(s.Config().AttackAt).In(zone); at.Hour() != 3 {
		t.Errorf("the exfiltration begins at %v", at)
	}
}

func near(got, want, tolerance float64) bool { return math.Abs(got/want-1) <= tolerance }
