// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"testing"
	"time"

	"tidewatch/detect"
)

// An incident is judged from its first event on; another verdict is told, and never
// changes score or severity.
func TestAssessment(t *testing.T) {
	cfg := DefaultConfig()
	b, err := New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	verdict := Unclear
	b.Judge(func(*Incident) *Assessment { return &Assessment{By: "test", Verdict: verdict} })
	at := time.Unix(1_700_000_000, 0).UTC()
	f := detect.Finding{
		Detector: "flood", Category: detect.DDoSAttack, Kind: "ddos", Subject: host("10.0.0.1"), Score: 0.8, Started: at, Last: at,
		Indicators: []detect.Indicator{{Name: "flows_per_source", Observed: 1, Expected: 2, Unit: "flows"}},
	}
	var told []Event
	for i := range 20 {
		if i == 8 {
			verdict = Threat
			f.Indicators[0].Observed = 1.5 // nearer to what is expected, and newer
		}
		f.Last = at.Add(time.Duration(i) * time.Second)
		told = b.Apply(f.Last, []detect.Finding{f}, told)
	}
	if len(told) != 2 || told[0].Incident.Assessment.Verdict != Unclear || told[1].Incident.Assessment.Verdict != Threat {
		t.Fatalf("%d events: %+v", len(told), told)
	}
	last := &told[1].Incident
	if last.Score != 0.8 || last.Severity != detect.High || last.Indicators[0].Observed != 1.5 {
		t.Errorf("score %v, severity %s, indicator %+v", last.Score, last.Severity, last.Indicators[0])
	}
	if text := last.Timeline[len(last.Timeline)-1].Text; text != "now judged threat, before uncertain" {
		t.Errorf("timeline: %s", text)
	}
}
