// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
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

// Within two minutes of typing one command everything that the demo promises is there,
// over HTTP; Ctrl-C ends it soon and leaves nothing behind.
func TestDemo(t *testing.T) {
	shown := startDemo(t)
	get := func(path string, into any) {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, shown.api+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+shown.token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, res.Status)
		}
		if err := json.NewDecoder(res.Body).Decode(into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	var d demonstrated
	for {
		d = demonstrated{}
		get("/api/v1/summary", &d.summary)
		get("/api/v1/incidents?limit=100", &d.incidents)
		get("/api/v1/mitigations?"+url.Values{"limit": {"100"}}.Encode(), &d.decisions)
		get("/api/v1/exporters", &d.exporters)
		if d.missing() == "" {
			break
		}
		if time.Since(shown.began) > 120*time.Second {
			t.Fatalf("after two minutes (it listened after %v) there is still missing: %s", shown.listens, d.missing())
		}
		time.Sleep(time.Second)
	}
	t.Logf("it listened after %v, everything was there after %v", shown.listens, time.Since(shown.began))
	for _, x := range d.exporters.Exporters {
		if x.Records == 0 || x.Lost > 0 || x.MissingTemplate > 0 {
			t.Errorf("exporter %v", x)
		}
	}
	floods := 0
	for i := range d.incidents.Incidents {
		g := &d.incidents.Incidents[i]
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
	time.Sleep(3 * time.Second) // the story asks once a second
	if err := shown.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	story := <-shown.told
	if err := shown.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	if took := time.Since(asked); took > 10*time.Second {
		t.Errorf("it took %v to end", took)
	}
	if left, err := os.ReadDir(shown.tmp); err != nil || len(left) > 0 {
		t.Errorf("%v, %v is left behind", left, err)
	}
	for _, says := range []string{"SYN flood on 10.20.0.10", "the same incident shifts: HTTP flood", "exfiltration from 10.10.2.47", "judged legitimate", "tidewatch mitigation approve mit-"} {
		if !strings.Contains(story, says) {
			t.Errorf("the story does not tell %q:\n%s", says, story)
		}
	}
}
