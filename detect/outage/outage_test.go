// SPDX-License-Identifier: Apache-2.0

package outage

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidewatch/detect"
	"tidewatch/flow"
)

const t0 = 1_700_000_000

// named gives exporter n the address 192.0.2.n; from 200 on nobody knows it.
func named(n uint32) netip.Addr {
	if n >= 200 {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})
}

func newWatch(tb testing.TB, change func(*Config)) *Watch {
	tb.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	w, err := New(cfg, named)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// span is what was found about one subject: from the first finding to the last.
type span struct {
	found, over   int64 // seconds after t0, 0 = never
	started, last int64
	severity      detect.Severity
}

// play lets exporters send in the seconds that sends says, and collects.
func play(w *Watch, seconds int64, sends func(sec int64) []uint32) map[string]span {
	out := map[string]span{}
	var found []detect.Finding
	for sec := range seconds {
		for _, n := range sends(sec) {
			w.Hear(n, t0+sec)
		}
		found = w.Judge(t0+sec, found[:0])
		for i := range found {
			f := &found[i]
			s := out[f.Subject.Addr().String()]
			if f.Over {
				s.over = sec
			} else if s.found == 0 {
				s.found, s.severity = sec, f.Severity
			}
			s.started, s.last = f.Started.Unix()-t0, f.Last.Unix()-t0
			out[f.Subject.Addr().String()] = s
		}
	}
	return out
}

func TestJudge(t *testing.T) {
	// between sends every gap seconds until, and again from.
	between := func(gap, until, from int64) func(int64) []uint32 {
		return func(sec int64) []uint32 {
			if sec%gap == 0 && (sec <= until || sec >= from) {
				return []uint32{1}
			}
			return nil
		}
	}
	for name, tc := range map[string]struct {
		seconds int64
		sends   func(int64) []uint32
		found   int64 // latest moment to be found, 0 = must not be
		over    bool
		started int64
	}{
		"sends all along":                         {4000, between(1, 4000, 0), 0, false, 0},
		"falls silent for good":                   {2000, between(1, 600, 9999), 740, false, 600},
		"falls silent and comes back":             {2000, between(1, 600, 1000), 740, true, 601},
		"pauses for less than two minutes":        {2000, between(1, 600, 715), 0, false, 0},
		"was heard for three minutes only":        {4000, between(1, 180, 9999), 0, false, 0},
		"sends once a minute, silent for nine":    {4000, between(60, 1800, 2340), 0, false, 0},
		"sends once a minute, silent for twelve":  {4000, between(60, 1800, 2520), 2420, true, 1801},
		"sends five seconds of each five minutes": {9000, func(s int64) []uint32 { return map[bool][]uint32{true: {1}}[s%300 < 5] }, 0, false, 0},
		"nobody knows its address":                {4000, func(s int64) []uint32 { return map[bool][]uint32{true: {200}}[s < 600] }, 0, false, 0},
	} {
		w := newWatch(t, nil)
		got := play(w, tc.seconds, tc.sends)
		s, ok := got["192.0.2.1"]
		if ok != (tc.found > 0) || len(got) > 1 {
			t.Errorf("%s: found %+v", name, got)
			continue
		}
		if ok && (s.found > tc.found || s.found <= tc.started || s.over != 0 != tc.over || s.started != tc.started || s.severity != detect.Medium) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// All silent at once is one finding each, and none that is watched hides another.
func TestAllSilent(t *testing.T) {
	w := newWatch(t, nil)
	got := play(w, 1000, func(sec int64) []uint32 {
		if sec > 500 {
			return nil
		}
		return []uint32{1, 2, 3, 200}
	})
	if watched, down, _ := w.Counts(); len(got) != 3 || watched != 4 || down != 4 {
		t.Errorf("%d found, %d watched, %d down", len(got), watched, down)
	}
}

// What may be learned of the devices behind an exporter.
func TestBlindAndSaw(t *testing.T) {
	w := newWatch(t, nil)
	play(w, 3000, func(sec int64) []uint32 {
		if sec < 1000 || sec >= 2000 {
			return []uint32{1, 2}
		}
		return []uint32{2}
	})
	for _, tc := range []struct {
		index       uint32
		from, to    int64
		blind, saw  bool
		description string
	}{
		{1, 0, 900, false, true, "before the outage"},
		{1, 900, 1500, true, false, "into it"},
		{1, 1500, 1600, true, false, "within it"},
		{1, 1900, 2500, true, false, "out of it"},
		{1, 2000, 2900, false, true, "after it"},
		{1, 2000, 3100, false, false, "beyond what was heard"},
		{2, 900, 1500, false, true, "the other one"},
		{7, 0, 3000, false, true, "one that is not watched"},
	} {
		from, to := t0+tc.from, t0+tc.to
		if got := w.Blind(tc.index, from, to); got != tc.blind {
			t.Errorf("%s: blind is %v", tc.description, got)
		}
		if got := w.Saw(tc.index, from, to); got != tc.saw {
			t.Errorf("%s: saw is %v", tc.description, got)
		}
	}
}

// An outage that an earlier run knew of goes on until the exporter sends, under
// whatever number, and a number that goes to another exporter is that one's.
func TestRestore(t *testing.T) {
	w := newWatch(t, nil)
	since := time.Unix(t0-5000, 0)
	w.Restore(named(9), since)
	w.Restore(named(9), since)
	w.Restore(netip.Addr{}, since)
	found := w.Judge(t0, nil)
	if len(found) != 1 || !found[0].Started.Equal(since) || found[0].Over {
		t.Fatalf("%+v", found)
	}
	w.Hear(9, t0+30)
	found = w.Judge(t0+40, nil)
	if len(found) != 1 || !found[0].Over || found[0].Last.Unix() != t0+30 {
		t.Errorf("%+v", found)
	}
	w.name = func(uint32) netip.Addr { return named(10) }
	w.Hear(9, t0+50)
	if s := w.find(9); s == nil || s.addr != named(10) {
		t.Errorf("number 9 leads to %+v", s)
	}
}

// The table is bounded: strangers do not push out who is watched, and what was
// never steady makes room; after a week an exporter is forgotten.
func TestBounds(t *testing.T) {
	w := newWatch(t, func(c *Config) { c.MaxExporters = 3 })
	for sec := range int64(400) {
		w.Hear(1, t0+sec)
		w.Hear(2, t0+sec)
	}
	w.Hear(3, t0+400)
	w.Hear(4, t0+401)
	if watched, _, refused := w.Counts(); watched != 3 || refused != 1 || w.find(4) != nil {
		t.Errorf("%d watched, %d refused", watched, refused)
	}
	w.Hear(4, t0+2000)
	if w.find(4) == nil || w.find(3) != nil || w.find(1) == nil || w.find(2) == nil {
		t.Error("not the stranger gave way")
	}
	w.Hear(maxIndex, t0+2000)
	found := w.Judge(t0+8*86400, nil)
	if watched, down, _ := w.Counts(); watched != 0 || down != 0 || len(found) != 0 {
		t.Errorf("after a week %d watched, %d down, %d findings", watched, down, len(found))
	}
	w.Hear(1, t0+9*86400)
	if watched, _, _ := w.Counts(); watched != 1 {
		t.Errorf("%d watched", watched)
	}
	for _, bad := range []func(*Config){
		func(c *Config) { c.MinSilence = 0 }, func(c *Config) { c.Factor = 0 },
		func(c *Config) { c.Forget = 0 }, func(c *Config) { c.MaxExporters = 0 },
	} {
		cfg := DefaultConfig()
		bad(&cfg)
		if err := w.Configure(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

// However an exporter sends, it is never called down within MinSilence, and is
// always called down within a day and a half of silence once it was steady.
func TestAnyRhythm(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWatch(t, nil)
		now := int64(t0)
		for range rapid.IntRange(20, 200).Draw(rt, "seconds") {
			w.Hear(1, now)
			gap := rapid.Int64Range(1, 119).Draw(rt, "gap")
			for range gap {
				now++
				if len(w.Judge(now, nil)) > 0 {
					rt.Fatalf("down after %d s", gap)
				}
			}
		}
		w.Hear(1, now)
		steady := w.slots[0].settled(&w.cfg)
		now += 36 * 3600
		if found := w.Judge(now, nil); (len(found) == 1) != steady {
			rt.Fatalf("%d findings, steady %v", len(found), steady)
		}
	})
}

func TestHearAllocatesNothing(t *testing.T) {
	w, b := newWatch(t, nil), flow.NewBatch(100)
	for i := range uint32(100) {
		b.Append(&flow.Record{Exporter: i / 10})
	}
	sec := int64(t0)
	w.HearBatch(b, 0, 100, sec)
	if n := testing.AllocsPerRun(100, func() {
		sec++
		w.HearBatch(b, 0, 100, sec)
		w.Judge(sec, nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if watched, _, _ := w.Counts(); watched != 10 {
		t.Errorf("%d watched", watched)
	}
}

// HearBatch is paid for every record.
func BenchmarkHearBatch(b *testing.B) {
	w, batch := newWatch(b, nil), flow.NewBatch(1536)
	for i := range uint32(1536) {
		batch.Append(&flow.Record{Exporter: i / 24 % 4})
	}
	for i := 0; b.Loop(); i++ {
		w.HearBatch(batch, 0, 1536, t0+int64(i/300))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1536, "ns/record")
}
