// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/scenario"
)

// TestSameSeedSameTable: nothing but the flags decides what is printed.
func TestSameSeedSameTable(t *testing.T) {
	o := &options{devices: 100, seeds: 1, first: 3, train: 0, days: 1, inject: []string{"flood-hour", "campaign"}}
	var one, two strings.Builder
	for _, out := range []*strings.Builder{&one, &two} {
		if err := measure(out, o, false, ""); err != nil {
			t.Fatal(err)
		}
	}
	if one.String() != two.String() {
		t.Errorf("the same flags print\n%s\nand\n%s", one.String(), two.String())
	}
	if !strings.Contains(one.String(), "1 network of 100 devices") || !strings.Contains(one.String(), "False alerts per device-week") {
		t.Errorf("printed\n%s", one.String())
	}
}

// TestReplace writes between the markers and nowhere else.
func TestReplace(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	put := func(text string) {
		if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("head\n" + beginMark + "old\n" + endMark + "tail\n")
	got, err := replace(page, "new\n")
	if want := "head\n" + beginMark + "new\n" + endMark + "tail\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	put("head\n" + beginMark + "no end\n")
	if _, err := replace(page, "new\n"); err == nil {
		t.Error("a page without its second marker is written")
	}
}

// TestJudge: what counts as a find, and what a harmless event may be called.
func TestJudge(t *testing.T) {
	start := time.Date(2026, 4, 1, 11, 0, 0, 0, time.UTC)
	said := func(after time.Duration, c detect.Category, s detect.Severity) incident.Incident {
		return incident.Incident{
			Category: c, Kind: "volume", Severity: s, Started: start.Add(after), Detected: start.Add(after + 5*time.Minute),
			Metrics: detect.Metrics{Sigma: 7},
		}
	}
	for name, tc := range map[string]struct {
		harmless  bool
		incidents []incident.Incident
		want      injected
	}{
		"nothing":               {false, nil, injected{}},
		"too weak":              {false, []incident.Incident{said(0, detect.BaselineAnomaly, detect.Low)}, injected{}},
		"too early":             {false, []incident.Incident{said(-time.Hour, detect.BaselineAnomaly, detect.High)}, injected{}},
		"too late":              {false, []incident.Incident{said(3*time.Hour, detect.BaselineAnomaly, detect.High)}, injected{}},
		"seen after an hour":    {false, []incident.Incident{said(55*time.Minute, detect.BaselineAnomaly, detect.High)}, injected{OK: true, Severity: detect.High, Hours: 1, Sigma: 7}},
		"silence finds nothing": {false, []incident.Incident{{Kind: silence, Severity: detect.High, Started: start, Detected: start.Add(time.Hour)}}, injected{}},
		"told twice":            {false, []incident.Incident{said(0, detect.BaselineAnomaly, detect.Medium), said(55*time.Minute, detect.BaselineAnomaly, detect.High)}, injected{OK: true, Severity: detect.High, Hours: 1.0 / 12, Sigma: 7, Further: 1}},
		"a crowd left alone":    {true, nil, injected{OK: true}},
		"a crowd is unusual":    {true, []incident.Incident{said(0, detect.BaselineAnomaly, detect.High)}, injected{OK: true, Severity: detect.High, Hours: 1.0 / 12, Sigma: 7}},
		"a crowd is no attack":  {true, []incident.Incident{said(0, detect.DDoSAttack, detect.High)}, injected{Severity: detect.High, Hours: 1.0 / 12, Sigma: 7}},
		"an upload may be it":   {false, []incident.Incident{said(0, detect.DataExfiltration, detect.Critical)}, injected{OK: true, Severity: detect.Critical, Hours: 1.0 / 12, Sigma: 7}},
	} {
		p := pendingEvent{truth: scenario.Truth{
			Subject: netip.MustParseAddr("10.30.1.1"), Start: start, End: start.Add(time.Hour), MustNotAlert: tc.harmless,
		}, incidents: tc.incidents}
		got := p.judge(0.1)
		if got.OK != tc.want.OK || got.Severity != tc.want.Severity || got.Further != tc.want.Further || got.Sigma != tc.want.Sigma || got.Hours != tc.want.Hours {
			t.Errorf("%s: got %+v, want %+v", name, got, tc.want)
		}
	}
}

// TestWeeks counts only the judged time in which a device was there.
func TestWeeks(t *testing.T) {
	start := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	w := &world{start: start, until: start.Add(days(7)), end: start.Add(days(21))}
	for _, tc := range []struct {
		since, until int
		want         float64
	}{{0, 21, 2}, {14, 21, 1}, {0, 14, 1}, {0, 7, 0}, {10, 17, 1}} {
		d := scenario.Device{Since: start.Add(days(tc.since)), Until: start.Add(days(tc.until))}
		if got := w.weeks(&d); got != tc.want {
			t.Errorf("there from day %d to %d: %g weeks, want %g", tc.since, tc.until, got, tc.want)
		}
	}
}
