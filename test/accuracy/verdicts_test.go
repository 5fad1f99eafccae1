// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// TestVerdicts: the strictest verdict of a case counts, and what must not be is told.
func TestVerdicts(t *testing.T) {
	type of = map[incident.Judgement]int
	for name, tc := range map[string]struct {
		attack  bool
		of      of
		briefly bool
		want    incident.Judgement
		wrong   int
	}{
		"nothing is told of an attack":      {true, nil, false, "", 0},
		"an attack":                         {true, of{incident.Threat: 1, incident.Unclear: 2}, false, incident.Threat, 0},
		"half of an attack is excused":      {true, of{incident.Threat: 1, incident.Legitimate: 1}, false, incident.Legitimate, 1},
		"an attack was excused for a while": {true, of{incident.Threat: 1}, true, incident.Threat, 1},
		"nothing is told of a crowd":        {false, nil, false, "", 0},
		"a crowd":                           {false, of{incident.Legitimate: 3}, true, incident.Legitimate, 0},
		"half of a crowd is a threat":       {false, of{incident.Legitimate: 3, incident.Threat: 1}, true, incident.Threat, 1},
		"nobody knows":                      {false, of{incident.Unclear: 1}, false, incident.Unclear, 1},
	} {
		var v verdicts
		v.add("scenario x", "backup", tc.attack, tc.of, tc.briefly)
		v.add("scenario x"+early, "backup", false, of{incident.Unclear: 5}, false) // not counted
		if v.rows[0].cases[tc.want] != 1 || len(v.wrong()) != tc.wrong {
			t.Errorf("%s: %v, wrong %q", name, v.rows[0].cases, v.wrong())
		}
		if text := v.text(); !strings.HasPrefix(text, verdictsHead) || !strings.Contains(text, "| scenario x ") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// TestConcernsCase: which incidents an event may have caused.
func TestConcernsCase(t *testing.T) {
	at := time.Date(2026, 4, 1, 11, 0, 0, 0, time.UTC)
	inc := incident.Incident{Subject: "10.0.0.1", Category: detect.DataExfiltration, Kind: "exfiltration", Started: at, LastSeen: at.Add(time.Hour)}
	for name, tc := range map[string]struct {
		change func(*incident.Incident, *verdictCase)
		want   bool
	}{
		"about it":               {func(*incident.Incident, *verdictCase) {}, true},
		"about somebody else":    {func(i *incident.Incident, _ *verdictCase) { i.Subject = "10.0.0.2" }, false},
		"over before":            {func(i *incident.Incident, _ *verdictCase) { i.LastSeen = at.Add(-time.Minute) }, false},
		"begun afterwards":       {func(i *incident.Incident, _ *verdictCase) { i.Started = at.Add(2 * time.Hour) }, false},
		"silence":                {func(i *incident.Incident, _ *verdictCase) { i.Kind = silence }, false},
		"a lull":                 {func(i *incident.Incident, _ *verdictCase) { i.Metrics.Sigma = -7 }, false},
		"scanned meanwhile":      {func(i *incident.Incident, _ *verdictCase) { i.Category = detect.Reconnaissance }, false},
		"scanned as a true part": {func(i *incident.Incident, c *verdictCase) { i.Category, c.attack = detect.Reconnaissance, true }, true},
	} {
		i, c := inc, verdictCase{subject: "10.0.0.1", start: at, end: at.Add(time.Hour)}
		tc.change(&i, &c)
		if concernsCase(&i, &c) != tc.want {
			t.Errorf("%s: %v", name, !tc.want)
		}
	}
}
