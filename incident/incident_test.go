// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidewatch/detect"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// at is second n of the tests' time.
func at(n float64) time.Time {
	return time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC).Add(time.Duration(n * float64(time.Second)))
}

func host(s string) netip.Prefix {
	a := netip.MustParseAddr(s)
	return netip.PrefixFrom(a, a.BitLen())
}

// flood is a finding about an attack between two seconds.
func flood(from, to, score, pps float64) detect.Finding {
	return detect.Finding{
		Detector: "flood", Category: detect.DDoSAttack, Kind: "ddos", Vector: "syn_flood",
		Subject: host("192.0.2.10"), At: at(to), Started: at(from), Last: at(to),
		Score: score, Severity: detect.SeverityOf(score), Baseline: detect.NoBaseline(),
		Indicators: []detect.Indicator{
			{Name: "packet_rate", Observed: pps, Expected: 10_000, Unit: "packets/s", Weight: 0.4},
			{Name: "unique_sources", Observed: 5000, Expected: 100, Unit: "addresses", Weight: 0.3},
		},
		Metrics: detect.Metrics{
			PacketsPerSecond: pps, PeakPacketsPerSecond: pps, BitsPerSecond: pps * 480, PeakBitsPerSecond: pps * 480,
			Packets: uint64(pps * (to - from)), Bytes: uint64(60 * pps * (to - from)), Sources: 5000,
		},
		Top: detect.Top{Sources: []detect.Share{{Key: "198.51.100.1", Packets: 10, Share: 0.01}}},
	}
}

// volume is a finding about an unusual volume of the same device.
func volume(from, to, score float64) detect.Finding {
	return detect.Finding{
		Detector: "volume", Category: detect.BaselineAnomaly, Kind: "volume",
		Subject: host("192.0.2.10"), At: at(to), Started: at(from), Last: at(to),
		Score: score, Severity: detect.SeverityOf(score), Baseline: detect.Baseline{Level: "hour_of_day", Samples: 14},
		Indicators: []detect.Indicator{{Name: "volume_bits_in", Observed: 9e6, Expected: 1.2e6, Unit: "bits/s", Weight: 0.5}},
		Metrics:    detect.Metrics{Sigma: 6.1, Bytes: 1 << 20, BitsPerSecond: 9e6},
	}
}

func newBook(tb testing.TB, change func(*Config)) *Book {
	tb.Helper()
	cfg := DefaultConfig()
	cfg.QuietAfter.DDoS = time.Minute // that of the stories told here
	if change != nil {
		change(&cfg)
	}
	b, err := New(&cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// run applies one tick a second, with the findings that script gives for it.
func run(b *Book, from, to int, script func(second int) []detect.Finding) []Event {
	var out []Event
	for s := from; s <= to; s++ {
		out = b.Apply(at(float64(s)), script(s), out)
	}
	return out
}

func types(events []Event) string {
	var names []string
	for i := range events {
		names = append(names, string(events[i].Type))
	}
	return strings.Join(names, " ")
}

// TestStory walks one attack through its life and compares it, line by line,
// with the golden object of the contract.
func TestStory(t *testing.T) {
	b := newBook(t, nil)
	events := run(b, 0, 400, func(s int) []detect.Finding {
		switch {
		case s >= 10 && s < 40: // it grows
			return []detect.Finding{flood(8.25, float64(s), 0.7, 20_000)}
		case s >= 40 && s < 60: // more severe, and another vector joins
			f := flood(8.25, float64(s), 0.9, 90_000)
			f.Vector, f.Vectors = "mixed", []string{"syn_flood", "udp_flood"}
			return []detect.Finding{f, volume(0, float64(s), 0.8)}
		case s >= 60 && s < 150: // the first vector ends
			f := flood(60, float64(s), 0.62, 12_000)
			f.Vector = "udp_flood"
			return []detect.Finding{f}
		}
		return nil
	})
	want := "opened escalated vector_changed vector_changed deescalated updated resolved"
	if got := types(events); got != want {
		t.Errorf("events:\n got %s\nwant %s", got, want)
	}
	golden(t, "story.json", events[len(events)-1].Incident)
}

func golden(t *testing.T, name string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}

func TestLife(t *testing.T) {
	always := func(from, to int, f func(s float64) detect.Finding) func(int) []detect.Finding {
		return func(s int) []detect.Finding {
			if s >= from && s < to {
				return []detect.Finding{f(float64(s))}
			}
			return nil
		}
	}
	plain := func(s float64) detect.Finding { return flood(5, s, 0.8, 20_000) }
	for name, tc := range map[string]struct {
		to     int
		script func(int) []detect.Finding
		want   string
	}{
		"a quiet network tells nothing": {600, always(0, 0, plain), ""},
		"one second of attack is an incident of its own": {
			120, always(10, 11, plain), "opened resolved",
		},
		"a long attack is written out every minute": {
			220, always(10, 150, plain), "opened updated updated updated resolved",
		},
		"an attack that comes back goes on": {
			300, func(s int) []detect.Finding {
				if s >= 10 && s < 20 || s >= 100 && s < 110 {
					return []detect.Finding{flood(float64(s-1), float64(s), 0.8, 20_000)}
				}
				return nil
			}, "opened updated resolved reopened updated resolved",
		},
		"an attack that comes back much later is another": {
			700, func(s int) []detect.Finding {
				if s == 10 || s == 500 {
					return []detect.Finding{flood(float64(s-1), float64(s), 0.8, 20_000)}
				}
				return nil
			}, "opened resolved opened resolved",
		},
		"old news keeps nothing open and opens nothing": {
			2000, always(10, 2000, func(float64) detect.Finding { return flood(5, 10, 0.8, 20_000) }),
			"opened resolved",
		},
		"a silence that is judged by the hour is one incident": {
			6*3600 + 1, func(s int) []detect.Finding {
				if s < 3600 || s > 4*3600 || s%3600 != 120 {
					return nil
				}
				f := volume(float64(s-3720), float64(s-120), 0.65)
				f.Kind = "silence"
				return []detect.Finding{f}
			}, "opened updated updated resolved",
		},
		"a growing peak is told in steps of a tenth": {
			100, always(10, 31, func(s float64) detect.Finding { return flood(5, s, 0.8, 20_000+500*s) }),
			"opened updated updated updated updated resolved",
		},
		"another heaviest source is told, a spoofed one among thousands is not": {
			60, always(10, 31, func(s float64) detect.Finding {
				f := flood(5, s, 0.8, 20_000)
				f.Top.Sources[0].Key = fmt.Sprintf("198.51.100.%.0f", s)
				if s == 20 {
					f.Top.Sources[0] = detect.Share{Key: "198.51.100.200", Share: 0.5}
				}
				return f
			}), "opened updated",
		},
		"an odd second of another vector changes no name": {
			120, func(s int) []detect.Finding {
				f := flood(5, float64(s), 0.8, 20_000)
				if s == 30 {
					f.Vector = "icmp_flood"
				}
				return always(10, 50, func(float64) detect.Finding { return f })(s)
			}, "opened updated resolved",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := types(run(newBook(t, nil), 0, tc.to, tc.script)); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// TestFolding says which findings are one cause.
func TestFolding(t *testing.T) {
	about := func(f detect.Finding, subject string) detect.Finding {
		f.Subject = netip.MustParsePrefix(subject)
		return f
	}
	outbound := flood(5, 10, 0.8, 20_000)
	outbound.Kind, outbound.Vector = "ddos_outbound", ""
	upload := flood(5, 10, 0.95, 0)
	upload.Category, upload.Kind, upload.Vector = detect.DataExfiltration, "exfiltration", ""
	for name, tc := range map[string]struct {
		ticks [][]detect.Finding
		want  []string // category kind subject state reason
	}{
		"an anomaly during an attack is evidence": {
			[][]detect.Finding{{flood(5, 10, 0.8, 20_000)}, {volume(0, 11, 0.8)}},
			[]string{"ddos_attack ddos 192.0.2.10 open"},
		},
		"whatever their order in a tick": {
			[][]detect.Finding{{volume(0, 10, 0.8), flood(5, 10, 0.8, 20_000)}},
			[]string{"ddos_attack ddos 192.0.2.10 open"},
		},
		"an anomaly before an attack is absorbed": {
			[][]detect.Finding{{volume(0, 10, 0.8)}, {flood(9, 11, 0.8, 20_000)}, {volume(0, 12, 0.8)}},
			[]string{"baseline_anomaly volume 192.0.2.10 resolved absorbed", "ddos_attack ddos 192.0.2.10 open"},
		},
		"an upload explains an anomaly too": {
			[][]detect.Finding{{volume(0, 10, 0.8)}, {upload}},
			[]string{"baseline_anomaly volume 192.0.2.10 resolved absorbed", "data_exfiltration exfiltration 192.0.2.10 open"},
		},
		"a severe anomaly does not hide in a mild attack": {
			[][]detect.Finding{{flood(5, 10, 0.6, 11_000)}, {volume(0, 11, 0.8)}},
			[]string{"ddos_attack ddos 192.0.2.10 open", "baseline_anomaly volume 192.0.2.10 open"},
		},
		"until the attack is as severe": {
			[][]detect.Finding{{flood(5, 10, 0.6, 11_000)}, {volume(0, 11, 0.8)}, {flood(5, 12, 0.8, 30_000)}},
			[]string{"ddos_attack ddos 192.0.2.10 open", "baseline_anomaly volume 192.0.2.10 resolved absorbed"},
		},
		"an attack on a prefix explains its hosts": {
			[][]detect.Finding{{about(flood(5, 10, 0.8, 20_000), "192.0.2.0/24")}, {volume(0, 11, 0.8)}},
			[]string{"ddos_attack ddos 192.0.2.0/24 open"},
		},
		"attacked and attacking are two": {
			[][]detect.Finding{{flood(5, 10, 0.8, 20_000), outbound}},
			[]string{"ddos_attack ddos 192.0.2.10 open", "ddos_attack ddos_outbound 192.0.2.10 open"},
		},
		"two devices are two": {
			[][]detect.Finding{{flood(5, 10, 0.8, 20_000), about(flood(5, 10, 0.8, 20_000), "2001:db8::1/128")}},
			[]string{"ddos_attack ddos 192.0.2.10 open", "ddos_attack ddos 2001:db8::1 open"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, nil)
			for i, findings := range tc.ticks {
				b.Apply(at(float64(10+i)), findings, nil)
			}
			var got []string
			for i := range b.All() {
				got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", i.Category, i.Kind, i.Subject, i.State, i.Reason)))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("incidents (-want +got):\n%s", diff)
			}
		})
	}
}

// Other quiet times hold for what is open already; what came again keeps its own.
func TestConfigure(t *testing.T) {
	b := newBook(t, nil)
	b.Apply(at(1), []detect.Finding{flood(0, 1, 0.8, 20_000)}, nil)
	cfg := DefaultConfig()
	cfg.QuietAfter.DDoS = 10 * time.Second
	if err := b.Configure(&cfg); err != nil {
		t.Fatal(err)
	}
	b.Apply(at(10), nil, nil)
	if b.Active() != 1 {
		t.Error("it ended before the new quiet time")
	}
	b.Apply(at(12), nil, nil)
	if b.Active() != 0 {
		t.Error("it goes on after the new quiet time")
	}
	b.Apply(at(20), []detect.Finding{flood(19, 20, 0.8, 20_000)}, nil) // reopened: twice as patient
	cfg.QuietAfter.DDoS = 5 * time.Second
	if err := b.Configure(&cfg); err != nil {
		t.Fatal(err)
	}
	b.Apply(at(30), nil, nil)
	if b.Active() != 1 {
		t.Error("the quiet time of one that came again was shortened")
	}
	cfg.MaxOpen = 0
	if err := b.Configure(&cfg); err == nil || b.cfg.MaxOpen == 0 {
		t.Error("an impossible configuration is taken")
	}
}

// What is known to be over ends at once, with a reason of its own; it opens
// nothing, and what comes back soon is the same incident.
func TestOver(t *testing.T) {
	b := newBook(t, nil)
	down := func(last float64, over bool) []detect.Finding {
		return []detect.Finding{{
			Detector: "outage", Category: detect.Operational, Kind: "exporter_down", Subject: host("192.0.2.10"),
			At: at(last), Started: at(0), Last: at(last), Over: over, Score: 0.65, Severity: detect.Medium, Baseline: detect.NoBaseline(),
			Indicators: []detect.Indicator{{Name: "exporter_silent", Observed: last, Expected: 4, Unit: "s", Weight: 0.65}},
		}}
	}
	if events := b.Apply(at(1), down(1, true), nil); len(events) != 0 || b.Stats().Stale != 1 {
		t.Errorf("an end without a beginning: %+v", events)
	}
	b.Apply(at(150), down(150, false), nil)
	events := b.Apply(at(160), down(155, true), nil)
	if len(events) != 1 || events[0].Type != ResolvedEvent {
		t.Fatalf("%+v", events)
	}
	inc := &events[0].Incident
	line := inc.Timeline[len(inc.Timeline)-1].Text
	if inc.Reason != ReasonRecovered || !inc.Ended.Equal(at(155)) || inc.Metrics.DurationSeconds != 155 ||
		line != "resolved: the exporter sends again; it lasted 2 min 35 s" {
		t.Errorf("reason %s, ended %v, %q", inc.Reason, inc.Ended, line)
	}
	if text := inc.Indicators[0].Text; text != "nothing came from the exporter for 2 min 30 s; it usually sends every 4 s" {
		t.Error(text)
	}
	short := detect.Indicator{Name: "exporter_silent", Observed: 11, Expected: 1, Unit: "s"}
	if text := indicatorText(&short, ""); text != "nothing came from the exporter for 11 s; it usually sends every 1 s" {
		t.Error(text)
	}
	if events = b.Apply(at(300), down(300, false), nil); len(events) != 1 || events[0].Type != Reopened || events[0].Incident.ID != inc.ID {
		t.Errorf("%+v", events)
	}
}
