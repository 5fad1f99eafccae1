// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"tidewatch/detect"
	"tidewatch/incident"
)

// TestAblation: what an indicator's weight decides, and what others make up for.
func TestAblation(t *testing.T) {
	said := func(weights ...float64) incident.Incident {
		inc := incident.Incident{Kind: "ddos"}
		for i, w := range weights {
			inc.Score += w
			inc.Indicators = append(inc.Indicators, incident.Indicator{Indicator: detect.Indicator{Name: string(rune('a' + i)), Weight: w}})
		}
		inc.Score = min(inc.Score, 1)
		inc.Severity = detect.SeverityOf(inc.Score)
		return inc
	}
	for name, tc := range map[string]struct {
		attack bool
		about  []incident.Incident
		want   ablated // of the first indicator
	}{
		"decides":             {true, []incident.Incident{said(0.4, 0.4)}, ablated{attacks: 1, missed: 1, milder: 1}},
		"only lifts":          {true, []incident.Incident{said(0.2, 0.6)}, ablated{attacks: 1, milder: 1}},
		"is more than enough": {true, []incident.Incident{said(0.4, 0.4, 0.4, 0.4)}, ablated{attacks: 1}},
		"others tell of it":   {true, []incident.Incident{said(0.4, 0.4), {Kind: "scan", Score: 0.8, Severity: detect.High}}, ablated{attacks: 1}},
		"keeps quiet":         {false, []incident.Incident{said(-0.4, 0.4, 0.4)}, ablated{wanted: 1, louder: 1}},
		"alarms for nothing":  {false, []incident.Incident{said(0.4, 0.4)}, ablated{wanted: 1, quieter: 1}},
		"has no weight":       {true, []incident.Incident{said(0, 0.8)}, ablated{attacks: 1}},
	} {
		var a ablation
		a.add(tc.attack, tc.about)
		tc.want.kind, tc.want.name = "ddos", "a"
		if got := *a.row([2]string{"ddos", "a"}); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}
