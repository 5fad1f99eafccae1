// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidewatch/detect"
)

// anyFinding draws a finding as a detector might report it at a tick, old and
// damaged ones among them.
func anyFinding(now int) *rapid.Generator[detect.Finding] {
	return rapid.Custom(func(t *rapid.T) detect.Finding {
		last := float64(now) - rapid.Float64Range(0, 30).Draw(t, "late")
		f := flood(last-rapid.Float64Range(0, 90).Draw(t, "span"), last,
			rapid.Float64Range(0, 1).Draw(t, "score"), rapid.Float64Range(0, 1e6).Draw(t, "pps"))
		what := rapid.SampledFrom([]struct {
			category detect.Category
			kind     string
		}{
			{detect.DDoSAttack, "ddos"},
			{detect.DDoSAttack, "ddos_outbound"},
			{detect.DataExfiltration, "exfiltration"},
			{detect.DataExfiltration, "dns_tunnel"},
			{detect.Reconnaissance, "port_scan"},
			{detect.CommandControl, "beacon"},
			{detect.BaselineAnomaly, "volume"},
			{detect.BaselineAnomaly, "silence"},
			{detect.Operational, "exporter_down"},
		}).Draw(t, "what")
		f.Category, f.Kind = what.category, what.kind
		f.Vector = ""
		if what.kind == "ddos" {
			f.Vector = rapid.SampledFrom([]string{"syn_flood", "udp_flood", "icmp_flood", "mixed"}).Draw(t, "vector")
			if f.Vector == mixed {
				f.Vectors = []string{"syn_flood", "dns_amplification"}
			}
		}
		f.Detector = what.kind
		f.Subject = rapid.SampledFrom([]netip.Prefix{
			{},
			host("192.0.2.1"),
			host("192.0.2.2"),
			host("2001:db8::5"),
			netip.MustParsePrefix("192.0.2.0/24"),
			netip.MustParsePrefix("2001:db8::/32"),
		}).Draw(t, "subject")
		return f
	})
}

// script draws the findings of some ticks.
func script(t *rapid.T) [][]detect.Finding {
	ticks := make([][]detect.Finding, rapid.IntRange(1, 300).Draw(t, "ticks"))
	for i := range ticks {
		if rapid.IntRange(0, 3).Draw(t, "any") == 0 {
			ticks[i] = rapid.SliceOfN(anyFinding(i), 0, 6).Draw(t, "findings")
		}
	}
	return ticks
}

func play(tb testing.TB, ticks [][]detect.Finding, shuffle func([]detect.Finding)) []Event {
	tb.Helper()
	b := newBook(tb, func(c *Config) { c.MaxOpen = 6 })
	var out []Event
	for i, findings := range ticks {
		findings = slices.Clone(findings)
		shuffle(findings)
		for k := range findings {
			b.Context(at(float64(i)), &findings[k])
		}
		out = b.Apply(at(float64(i)), findings, out)
	}
	return b.Flush(at(float64(len(ticks))), out)
}

// TestSameFindingsSameEvents: also when the findings of a tick come in another order.
func TestSameFindingsSameEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ticks := script(t)
		once := play(tbOf(t), ticks, func([]detect.Finding) {})
		again := play(tbOf(t), ticks, slices.Reverse[[]detect.Finding])
		if diff := cmp.Diff(once, again); diff != "" {
			t.Fatalf("the order within a tick changes the events:\n%s", diff)
		}
	})
}

// TestEventsAreAStory checks what must hold of every sequence of events.
func TestEventsAreAStory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		last := map[string]Incident{}
		for _, e := range play(tbOf(t), script(t), func([]detect.Finding) {}) {
			i := e.Incident
			before, known := last[i.ID]
			last[i.ID] = i
			fail := func(format string, args ...any) {
				t.Fatalf("%s at %s: %s\n%+v", e.Type, e.At, fmt.Sprintf(format, args...), i)
			}
			switch {
			case known == (e.Type == Opened) && (e.Type != ResolvedEvent || known):
				fail("known before: %v", known)
			case i.Started.After(i.LastSeen):
				fail("it ended before it started")
			case i.State == Open && !i.Ended.IsZero(), i.State == Resolved && (i.Ended.IsZero() || i.Reason == ""):
				fail("state and end do not agree")
			case !i.Updated.Equal(e.At):
				fail("updated at %s", i.Updated)
			case i.CurrentSeverity.Rank() > i.Severity.Rank():
				fail("it is now more severe than ever")
			case len(i.Timeline) == 0 || i.Timeline[0].Event != Opened:
				fail("the timeline does not begin with the opening")
			case i.Metrics.PacketsPerSecond > i.Metrics.PeakPacketsPerSecond:
				fail("the rate is above its peak")
			}
			if known && (i.Score < before.Score || i.Severity.Rank() < before.Severity.Rank() ||
				i.Metrics.PeakPacketsPerSecond < before.Metrics.PeakPacketsPerSecond ||
				i.Metrics.Packets < before.Metrics.Packets || i.Started.After(before.Started) ||
				i.LastSeen.Before(before.LastSeen) || !i.Detected.Equal(before.Detected)) {
				fail("what only grows has shrunk; before:\n%+v", before)
			}
			raw, err := json.Marshal(i)
			if err != nil {
				t.Fatal(err)
			}
			var back Incident
			if err := json.Unmarshal(raw, &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(i, back); diff != "" {
				fail("JSON does not keep it:\n%s", diff)
			}
		}
	})
}

// tbOf lends a rapid test to helpers that want a testing.TB. Only Helper and
// Fatal are ever called.
func tbOf(t *rapid.T) testing.TB { return &lent{t: t} }

type lent struct {
	testing.TB
	t *rapid.T
}

func (l *lent) Helper()           {}
func (l *lent) Fatal(args ...any) { l.t.Fatal(args...) }

// TestSnapshotsAreCopies: later changes must not reach an event already given out.
func TestSnapshotsAreCopies(t *testing.T) {
	b := newBook(t, nil)
	first := b.Apply(at(10), []detect.Finding{flood(5, 10, 0.7, 20_000)}, nil)[0].Incident
	before, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	f := flood(5, 20, 0.95, 90_000)
	f.Top.Sources[0].Key = "203.0.113.9"
	b.Apply(at(20), []detect.Finding{f, volume(0, 20, 0.6)}, nil)
	after, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Error(diff)
	}
}

// TestStorm: 100 000 findings about 100 000 devices within a minute fill the
// book, the rest is counted, and a severe one still finds room.
func TestStorm(t *testing.T) {
	b := newBook(t, func(c *Config) { c.MaxOpen = 1000 })
	var events []Event
	for s := range 60 {
		findings := make([]detect.Finding, 0, 1667)
		for i := range 1667 {
			f := flood(float64(s), float64(s+1), 0.7, 20_000)
			n := s*1667 + i
			f.Subject = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
			findings = append(findings, f)
		}
		events = b.Apply(at(float64(s+1)), findings, events)
	}
	if b.Active() > 1001 { // and the overflow incident
		t.Errorf("%d incidents are open", b.Active())
	}
	if len(events) > 1100 {
		t.Errorf("%d events", len(events))
	}
	stats := b.Stats()
	if stats.Suppressed != 60*1667-1000 {
		t.Errorf("suppressed = %d", stats.Suppressed)
	}
	var overflow *Incident
	for i := range b.All() {
		if i.Kind == kindOverflow {
			overflow = &i
		}
	}
	if overflow == nil || overflow.Severity != detect.High || uint64(overflow.Indicators[0].Observed) != stats.Suppressed {
		t.Errorf("overflow incident: %+v", overflow)
	}

	severe := flood(60, 61, 0.95, 1e6)
	severe.Subject = host("192.0.2.99")
	out := b.Apply(at(61), []detect.Finding{severe}, nil)
	var got []string
	for i := range out {
		got = append(got, string(out[i].Type)+" "+out[i].Incident.Subject+" "+out[i].Incident.Reason)
	}
	if !slices.Contains(got, "opened 192.0.2.99 ") || b.Stats().Evicted != 1 {
		t.Errorf("the severe one found no room: %q", got)
	}
	b.Apply(at(61).Add(time.Hour), nil, nil)
	b.Apply(at(62).Add(2*time.Hour), nil, nil)
	if b.Active() != 0 || len(b.entries) != 0 || len(b.graves.byKey) > 1000 {
		t.Errorf("after the storm: %d open, %d held, %d graves", b.Active(), len(b.entries), len(b.graves.byKey))
	}
}

// TestQuietTicksAllocateNothing: a tick without findings costs no memory, with
// incidents open or not.
func TestQuietTicksAllocateNothing(t *testing.T) {
	for name, findings := range map[string][]detect.Finding{
		"no incident":  nil,
		"one incident": {flood(5, 10, 0.8, 20_000)},
	} {
		b := newBook(t, func(c *Config) { c.QuietAfter.DDoS = 24 * time.Hour })
		b.Apply(at(10), findings, nil)
		b.Apply(at(11), nil, nil)
		n := 11.0
		if got := testing.AllocsPerRun(100, func() { n++; b.Apply(at(n), nil, nil) }); got != 0 {
			t.Errorf("%s: a quiet tick allocates %v times", name, got)
		}
	}
}

func TestTimelineIsBounded(t *testing.T) {
	b := newBook(t, func(c *Config) { c.MaxTimeline, c.UpdateGap = 10, 0 })
	events := run(b, 1, 200, func(s int) []detect.Finding {
		f := flood(0, float64(s), 0.7, 20_000)
		f.Top.Sources[0] = detect.Share{Key: fmt.Sprintf("198.51.100.%d", s), Share: 0.5}
		return []detect.Finding{f}
	})
	i := events[len(events)-1].Incident
	if len(i.Timeline) != 10 || i.Timeline[0].Event != Opened || i.TimelineDropped != 190 {
		t.Errorf("%d entries, first %s, %d dropped", len(i.Timeline), i.Timeline[0].Event, i.TimelineDropped)
	}
}

func BenchmarkApply(b *testing.B) {
	for name, devices := range map[string]int{"one device attacked": 1, "1 000 devices attacked": 1000} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			book := newBook(b, nil)
			findings := make([]detect.Finding, devices)
			var out []Event
			s := 0.0
			for b.Loop() {
				s++
				for i := range findings {
					findings[i] = flood(1, s, 0.8, 20_000)
					findings[i].Subject = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)
				}
				out = book.Apply(at(s), findings, out[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*devices), "ns/finding")
		})
	}
}
