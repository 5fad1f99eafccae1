// SPDX-License-Identifier: Apache-2.0

//go:build !race

package app

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tidewatch/decision"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/mitigate"
	"tidewatch/scenario"
	"tidewatch/schedule"
	"tidewatch/store"
)

// shown is what a demo without sockets came to.
type shown struct {
	began     time.Time
	incidents []incident.Incident
	decisions []mitigate.Entry
}

// enact learns the past of a demo that begins now and plays it for some time, in the
// bubble's time.
func enact(t *testing.T, seed uint64, days int, lasts time.Duration) *shown {
	t.Helper()
	now := time.Now()
	cfg := demoConfig(t.TempDir(), now)
	s, err := scenario.New("office", demoNetwork(seed, cfg.zone(), now.AddDate(0, 0, -days), time.Duration(days)*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	cfg.own(s.Internal())
	if err := (&lecture{cfg: cfg, scenario: s, until: func() time.Time { return now }}).teach(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg.Schedule.Events = []schedule.Event{demoCampaign(now)}
	a := &analysis{result: &Result{}, byID: map[string]int{}}
	e, err := NewEngine(cfg, a.keep)
	if err != nil {
		t.Fatal(err)
	}
	files, err := store.OpenBaselines(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = files.Close() }()
	if _, err := newMemory(e, files, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	ledger := &lines{}
	m := cfg.mitigation()
	desk, err := mitigate.NewDesk(&m.Config, &mitigate.Deps{
		Ledger: ledger, Reader: ledger, Scene: &scene{engine: e, exporters: func() []netip.Addr { return nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Also(desk.Hear)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- desk.Run(ctx) }()
	acts, err := demoActs(seed, cfg.zone(), now)
	if err != nil {
		t.Fatal(err)
	}
	b := flow.NewBatch(4096)
	for time.Since(now) < lasts {
		b.Reset()
		acts.Next(b)
		e.Process(b)
		time.Sleep(time.Second)
		e.Advance(time.Now().Unix())
		synctest.Wait()
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return &shown{now, a.result.Incidents, ledger.all}
}

// A newcomer sees within two minutes what the demo promises, each thing as what it is and
// nothing else that is high: one incident for the attack that shifts, the theft, the scan
// and what is merely odd; the campaign is called legitimate; rules wait for a person.
func TestDemo(t *testing.T) {
	for seed, days := range map[uint64]int{1: 10, 7: 12} {
		t.Run("", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := enact(t, seed, days, 125*time.Second)
				for _, want := range []struct {
					kind, subject string
					severity      detect.Severity
					within        time.Duration // of the begin of the show
				}{
					{"ddos", "10.20.0.10", detect.Critical, 20 * time.Second},
					{"port_scan", "10.10.2.43", detect.Medium, 100 * time.Second},
					{"exfiltration", "10.10.2.47", detect.Critical, 100 * time.Second},
					{"volume", "10.10.1.15", detect.Medium, 100 * time.Second},
					{"volume", "10.20.0.11", detect.Low, 125 * time.Second},
				} {
					at := slices.IndexFunc(d.incidents, func(i incident.Incident) bool { return i.Kind == want.kind && i.Subject == want.subject })
					if at < 0 {
						t.Errorf("%s at %s is not found", want.kind, want.subject)
						continue
					}
					i := &d.incidents[at]
					if i.Severity != want.severity || i.Detected.Sub(d.began) > want.within {
						t.Errorf("%s at %s is %s after %v, want %s within %v", want.kind, want.subject, i.Severity, i.Detected.Sub(d.began), want.severity, want.within)
					}
					switch {
					case i.Severity == detect.Low && i.Assessment.Verdict != "legitimate":
						t.Errorf("the campaign is judged %s", i.Assessment.Verdict)
					case i.Severity != detect.Low && i.Kind != "volume" && i.Assessment.Verdict != "threat":
						t.Errorf("%s at %s is judged %s", want.kind, want.subject, i.Assessment.Verdict)
					case i.Kind == "ddos" && !slices.Equal(i.Vectors, []string{"syn_flood", "http_flood"}):
						t.Errorf("the attack went through %v", i.Vectors)
					}
				}
				for i := range d.incidents {
					g := &d.incidents[i]
					t.Logf("%s after %v", g.Headline(), g.Detected.Sub(d.began))
					if g.Severity.Rank() >= detect.High.Rank() && g.Subject != "10.20.0.10" && g.Subject != "10.10.2.47" || g.Kind == "ddos" && g.Subject != "10.20.0.10" {
						t.Errorf("nobody did that: %s", g.Headline())
					}
				}
				for _, kind := range []string{"ddos", "exfiltration"} {
					if !slices.ContainsFunc(d.decisions, func(x mitigate.Entry) bool {
						return x.Decision.Kind == kind && x.Decision.State == decision.Proposed && x.Decision.DryRun
					}) {
						t.Errorf("no rule against the %s waits for a person", kind)
					}
				}
			})
		})
	}
}
