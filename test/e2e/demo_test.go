// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"tidewatch/decision"
	"tidewatch/incident"
)

// demonstrated is what a newcomer must be able to see within two minutes.
type demonstrated struct {
	incidents struct{ Incidents []incident.Incident }
	decisions struct{ Mitigations []decision.Decision }
	summary   map[string]any
	exporters struct {
		Exporters []struct {
			Protocols       []string
			Records         uint64
			Lost            uint64
			MissingTemplate uint64 `json:"missing_templates"`
		}
	}
}

// missing names the first thing that is not to be seen yet.
func (d *demonstrated) missing() string {
	for _, count := range []string{"alerts_last_24h", "critical_alerts", "ddos_attacks", "exfiltration_attempts", "baseline_anomalies"} {
		if n, _ := d.summary[count].(float64); n < 1 {
			return "the counter " + count
		}
	}
	for _, want := range []struct{ kind, subject, verdict string }{
		{"ddos", "10.20.0.10", "threat"},
		{"exfiltration", "10.10.2.47", "threat"},
		{"port_scan", "10.10.2.43", "threat"},
		{"volume", "10.20.0.11", "legitimate"},
	} {
		found := false
		for i := range d.incidents.Incidents {
			g := &d.incidents.Incidents[i]
			if g.Kind != want.kind || g.Subject != want.subject || g.Assessment == nil || string(g.Assessment.Verdict) != want.verdict {
				continue
			}
			found = g.Kind != "ddos" || strings.Join(g.Vectors, " ") == "syn_flood http_flood"
		}
		if !found {
			return fmt.Sprintf("%s at %s, judged %s", want.kind, want.subject, want.verdict)
		}
	}
	for _, kind := range []string{"ddos", "exfiltration"} {
		found := false
		for i := range d.decisions.Mitigations {
			x := &d.decisions.Mitigations[i]
			found = found || x.Kind == kind && x.State == decision.Proposed && x.DryRun
		}
		if !found {
			return "a proposed rule about " + kind
		}
	}
	if len(d.exporters.Exporters) != 3 {
		return "three exporters"
	}
	return ""
}

// one is what was found of a kind at a subject.
func (d *demonstrated) one(kind, subject string) string {
	for i := range d.incidents.Incidents {
		if g := &d.incidents.Incidents[i]; g.Kind == kind && g.Subject == subject {
			return g.ID
		}
	}
	return ""
}

// Within two minutes of typing one command everything that the demo promises is there,
// over HTTP and in a browser, where people of each role do what they may; Ctrl-C ends it
// soon and leaves nothing behind.
func TestDemo(t *testing.T) {
	shown := startDemo(t)
	d := shown.plays(t)
	views := views(d.one("ddos", "10.20.0.10"), d.one("exfiltration", "10.10.2.47"), "10.10.2.47")
	t.Run("pages", func(t *testing.T) { // whoever opens the printed link
		b := openBrowser(t, shown.api)
		b.open(shown.link)
		b.says("admin")
		b.colours("light")
		walk(t, b, views)
	})
	if os.Getenv(picturesDir) != "" {
		return
	}
	staff(t, shown.api, shown.token)
	t.Run("viewer", func(t *testing.T) { watches(t, shown, views, d) })
	t.Run("names", func(t *testing.T) { namesAreText(t, shown, views) })
	t.Run("operator", func(t *testing.T) { operates(t, shown) })
	shown.ends(t)
}

// plays waits for what must be there, and checks it.
func (d *shownDemo) plays(t *testing.T) *demonstrated {
	t.Helper()
	server := d.server()
	var shown demonstrated
	for {
		shown = demonstrated{}
		server.ask(t, "/api/v1/summary", nil, &shown.summary)
		server.ask(t, "/api/v1/incidents?limit=100", nil, &shown.incidents)
		server.ask(t, "/api/v1/mitigations?limit=100", nil, &shown.decisions)
		server.ask(t, "/api/v1/exporters", nil, &shown.exporters)
		if shown.missing() == "" {
			break
		}
		if time.Since(d.began) > 120*time.Second {
			t.Fatalf("after two minutes (it listened after %v) there is still missing: %s", d.listens, shown.missing())
		}
		time.Sleep(time.Second)
	}
	t.Logf("it listened after %v, everything was there after %v", d.listens, time.Since(d.began))
	for _, x := range shown.exporters.Exporters {
		if x.Records == 0 || x.Lost > 0 || x.MissingTemplate > 0 {
			t.Errorf("exporter %v", x)
		}
	}
	floods := 0
	for i := range shown.incidents.Incidents {
		g := &shown.incidents.Incidents[i]
		if g.Kind == "ddos" {
			floods++
		}
		if (g.Severity == "high" || g.Severity == "critical") && g.Subject != "10.20.0.10" && g.Subject != "10.10.2.47" {
			t.Errorf("nobody did that: %s", g.Headline())
		}
	}
	if floods != 1 {
		t.Errorf("%d incidents tell of the one attack that shifts", floods)
	}
	return &shown
}

// ends presses Ctrl-C.
func (d *shownDemo) ends(t *testing.T) {
	t.Helper()
	if err := d.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	story := <-d.told
	if err := d.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	if took := time.Since(asked); took > 10*time.Second {
		t.Errorf("it took %v to end", took)
	}
	if left, err := os.ReadDir(d.tmp); err != nil || len(left) > 0 {
		t.Errorf("%v, %v is left behind", left, err)
	}
	for _, says := range []string{"SYN flood on 10.20.0.10", "the same incident shifts: HTTP flood", "exfiltration from 10.10.2.47", "judged legitimate", "tidewatch mitigation approve mit-"} {
		if !strings.Contains(story, says) {
			t.Errorf("the story does not tell %q:\n%s", says, story)
		}
	}
}
