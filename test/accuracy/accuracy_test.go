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
	put("head\n" + marksOf(falseAlerts).begin + "old\n" + marksOf(falseAlerts).end + "tail\n")
	got, before, err := replace(page, falseAlerts, "new\n")
	if want := "head\n" + marksOf(falseAlerts).begin + "new\n" + marksOf(falseAlerts).end + "tail\n"; err != nil || string(got) != want || before != "old\n" {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	put("head\n" + marksOf(falseAlerts).begin + "no end\n")
	if _, _, err := replace(page, falseAlerts, "new\n"); err == nil {
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

// TestMatrix: what counts as right, as missed and as worse than before.
func TestMatrix(t *testing.T) {
	build := func(right bool, rank int) *matrix {
		m := &matrix{}
		m.event("capture alone", "syn_flood", "syn_flood", true, 1)
		m.event("capture alone", "syn_flood", "udp_flood", right, 2)
		m.event("capture alone", "syn_flood", "", false, 0)
		m.quiet("scenario", "elephant", rank, []string{"syn_flood"})
		return m
	}
	good, bad := build(true, -1), build(false, detect.High.Rank())
	for _, want := range []string{"| syn_flood      | capture alone | 3      | 2           |                 | 1      | 2.0     |", "| elephant           | scenario | 1     | 1       |"} {
		if !strings.Contains(good.text(), want) {
			t.Errorf("no row %q in\n%s", want, good.text())
		}
	}
	if !strings.Contains(bad.text(), "udp_flood 1") {
		t.Errorf("what was named otherwise is not told:\n%s", bad.text())
	}
	if worse := good.worse(bad.text()); len(worse) != 0 {
		t.Errorf("better counts as worse: %q", worse)
	}
	if worse := bad.worse(good.text()); len(worse) != 2 {
		t.Errorf("worse rows are %q, want both", worse)
	}
	if worse := bad.worse(""); len(worse) != 1 { // alarms where nothing is known yet are alarms
		t.Errorf("worse rows are %q, want the alarm", worse)
	}
}

// TestConcerns: whose incident finds an event, and which is only beside it.
func TestConcerns(t *testing.T) {
	s, err := scenario.New("syn-flood", settings("syn-flood", 1))
	if err != nil {
		t.Fatal(err)
	}
	var truth scenario.Truth
	for _, x := range s.Truth() {
		if !x.MustNotAlert {
			truth = x
		}
	}
	said := func(change func(*incident.Incident)) incident.Incident {
		i := incident.Incident{
			ID: "1", Category: detect.DDoSAttack, Kind: "ddos", Vector: "syn_flood", Subject: truth.Subject.String(),
			Severity: detect.High, Started: truth.Start, LastSeen: truth.End, Detected: truth.Start.Add(2 * time.Second),
		}
		change(&i)
		return i
	}
	for name, tc := range map[string]struct {
		incident      incident.Incident
		right, missed int
		other         string
		alarms        int
	}{
		"right":       {said(func(*incident.Incident) {}), 1, 0, "", 0},
		"one of many": {said(func(i *incident.Incident) { i.Vector, i.Vectors = "mixed", []string{"udp_flood", "syn_flood"} }), 1, 0, "", 0},
		"misnamed":    {said(func(i *incident.Incident) { i.Vector = "ack_flood" }), 0, 0, "ack_flood", 0},
		"too weak":    {said(func(i *incident.Incident) { i.Severity = detect.Medium }), 0, 0, "syn_flood of severity medium", 0},
		"elsewhere":   {said(func(i *incident.Incident) { i.Subject = "10.20.0.99" }), 0, 1, "", 1},
		"too late":    {said(func(i *incident.Incident) { i.Started = truth.End.Add(time.Minute) }), 0, 1, "", 1},
	} {
		m := &matrix{}
		m.compare("syn-flood", s, []incident.Incident{tc.incident})
		r := &m.attacks[0]
		if r.right != tc.right || r.missed != tc.missed || tc.other != "" && r.others[tc.other] != 1 {
			t.Errorf("%s: right %d, missed %d, others %v", name, r.right, r.missed, r.others)
		}
		if got := m.benign[0].alarms[1] + m.benign[0].alarms[2]; got != tc.alarms {
			t.Errorf("%s: %d false alarms", name, got)
		}
	}
}
