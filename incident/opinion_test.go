// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidewatch/detect"
)

// judged is a book with one open incident that the rules call a threat.
func judged(t *testing.T) (*Book, Incident) {
	t.Helper()
	b := newBook(t, nil)
	b.Judge(func(i *Incident) *Assessment {
		return &Assessment{
			By: "rules", Verdict: Threat, Confidence: 0.9, Severity: i.Severity, Priority: SameHour, AttackerBs: 5e6, Reasons: []string{"rule"},
		}
	})
	events := b.Apply(at(10), []detect.Finding{flood(8, 10, 0.8, 20_000)}, nil)
	return b, events[0].Incident
}

// TestOpinionIsNoFuse: whatever a model says, the incident stays what it is, and
// nothing that the rules call a threat becomes legitimate.
func TestOpinionIsNoFuse(t *testing.T) {
	for name, tc := range map[string]struct {
		said     Assessment
		verdict  Judgement
		severity detect.Severity
		priority Priority
		review   bool
	}{
		"agrees":                {Assessment{Verdict: Threat, Severity: detect.High, Priority: SameHour}, Threat, detect.High, SameHour, false},
		"talks it away":         {Assessment{Verdict: Legitimate, Severity: detect.Low, Priority: AnyTime, Confidence: 1}, Unclear, detect.High, SameHour, true},
		"looks sooner":          {Assessment{Verdict: Threat, Severity: detect.High, Priority: AtOnce}, Threat, detect.High, AtOnce, false},
		"looks later":           {Assessment{Verdict: Unclear, Severity: detect.Medium, Priority: AnyTime}, Unclear, detect.Medium, SameHour, false},
		"says no priority":      {Assessment{Verdict: Threat, Severity: detect.High}, Threat, detect.High, SameHour, false},
		"more severe than ours": {Assessment{Verdict: Threat, Severity: detect.Critical}, Threat, detect.High, SameHour, false},
		"invents a number":      {Assessment{Verdict: Threat, Severity: detect.High, AttackerBs: 1e12, Stolen: 5}, Threat, detect.High, SameHour, false},
	} {
		t.Run(name, func(t *testing.T) {
			b, before := judged(t)
			tc.said.By = "test:model"
			event, err := b.Assess(at(20), before.ID, &Opinion{Assessment: tc.said, Basis: before.Basis()})
			if err != nil || event.Type != AssessedEvent {
				t.Fatal(event.Type, err)
			}
			inc := event.Incident
			a := inc.Assessment
			if a.Verdict != tc.verdict || a.Severity != tc.severity || a.Priority != tc.priority || a.Review != tc.review || a.By != "test:model" {
				t.Errorf("stands: %+v", a)
			}
			if a.AttackerBs != 5e6 || a.Stolen != 0 {
				t.Errorf("numbers of the model's: %v bits/s, %d bytes", a.AttackerBs, a.Stolen)
			}
			if inc.Rules == nil || inc.Rules.By != "rules" || inc.Rules.Verdict != Threat {
				t.Errorf("the rules' assessment is gone: %+v", inc.Rules)
			}
			if last := inc.Timeline[len(inc.Timeline)-1]; last.Event != AssessedEvent || !strings.Contains(last.Text, "test:model") {
				t.Errorf("the timeline ends with %+v", last)
			}
			inc.Assessment, inc.Rules, inc.Judged, inc.Timeline, inc.Updated = before.Assessment, nil, nil, before.Timeline, before.Updated
			if diff := cmp.Diff(before, inc); diff != "" {
				t.Errorf("the incident itself changed:\n%s", diff)
			}
		})
	}
}

// TestOpinionStandsUntilItMatters: an opinion holds through what does not matter, also
// over a restart, and gives way to the rules with what does.
func TestOpinionStandsUntilItMatters(t *testing.T) {
	grown := func(to float64, change func(*detect.Finding)) detect.Finding {
		f := flood(8, to, 0.8, 21_000)
		change(&f)
		return f
	}
	nothing := func(*detect.Finding) {}
	for name, tc := range map[string]struct {
		change func(*detect.Finding)
		pause  bool
		stands bool
		why    string
	}{
		"a little more":  {nothing, false, true, ""},
		"more severe":    {func(f *detect.Finding) { f.Score, f.Severity = 0.95, detect.Critical }, false, false, "from high to critical"},
		"another vector": {func(f *detect.Finding) { f.Vector, f.Vectors = "mixed", []string{"syn_flood", "udp_flood"} }, false, false, "UDP flood"},
		"tenfold":        {func(f *detect.Finding) { f.Metrics.PeakPacketsPerSecond = 200_000 }, false, false, "tenfold"},
		"it began again": {nothing, true, false, "began again"},
		"nine times":     {func(f *detect.Finding) { f.Metrics.PeakPacketsPerSecond = 180_000 }, false, true, ""},
		"a lower score":  {func(f *detect.Finding) { f.Score = 0.76 }, false, true, ""},
	} {
		for _, restart := range []bool{false, true} {
			if restart {
				name += ", after a restart"
			}
			t.Run(name, func(t *testing.T) {
				b, inc := judged(t)
				event, err := b.Assess(at(11), inc.ID, &Opinion{Assessment: Assessment{By: "test:model", Verdict: Unclear}, Basis: inc.Basis()})
				if err != nil {
					t.Fatal(err)
				}
				if restart {
					b = restarted(t, &event.Incident)
				}
				from := 12
				if tc.pause {
					run(b, 12, 90, func(int) []detect.Finding { return nil })
					from = 91
				}
				events := run(b, from, from+10, func(s int) []detect.Finding { return []detect.Finding{grown(float64(s), tc.change)} })
				events = b.Flush(at(float64(from+11)), events)
				last := events[len(events)-1].Incident
				if last.ByModel() != tc.stands || last.Unjudged() == tc.stands {
					t.Fatalf("stands: %+v, asked about %+v", last.Assessment, last.Judged)
				}
				text := ""
				for _, l := range last.Timeline {
					text += l.Text + "\n"
				}
				if told := strings.Contains(text, "test:model said no longer holds"); told == tc.stands || !strings.Contains(text, tc.why) {
					t.Errorf("the timeline says:\n%s", text)
				}
			})
		}
	}
}

// restarted is a book that took an incident over from the store.
func restarted(t *testing.T, inc *Incident) *Book {
	t.Helper()
	b, _ := judged(t)
	assess := b.assess
	b = newBook(t, nil)
	b.Judge(assess)
	body, err := json.Marshal(inc)
	if err != nil {
		t.Fatal(err)
	}
	var stored Incident
	if err := json.Unmarshal(body, &stored); err != nil {
		t.Fatal(err)
	}
	if err := b.Restore([]Incident{stored}); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFailedOpinion: the rules stand and say why there is nothing better, until the
// incident is another case.
func TestFailedOpinion(t *testing.T) {
	b, inc := judged(t)
	event, err := b.Assess(at(11), inc.ID, &Opinion{Error: "no answer within a minute\x1b[2J", Basis: inc.Basis()})
	if err != nil {
		t.Fatal(err)
	}
	if event.Type != Updated {
		t.Errorf("a failure is told as %s", event.Type)
	}
	if a := event.Incident.Assessment; a.By != "rules" || a.Verdict != Threat || a.Error != "no answer within a minute [2J" || event.Incident.ByModel() {
		t.Errorf("stands: %+v", a)
	}
	if n := len(event.Incident.Timeline); n != len(inc.Timeline) {
		t.Errorf("a failure is no line in the timeline: %d lines", n)
	}
	events := b.Flush(at(13), b.Apply(at(12), []detect.Finding{flood(8, 12, 0.8, 21_000)}, nil))
	if a := events[len(events)-1].Incident.Assessment; a.Error == "" {
		t.Error("why is forgotten a second later")
	}
	later := events[len(events)-1].Incident
	if event, err = b.Assess(at(14), inc.ID, &Opinion{Assessment: Assessment{By: "test:model", Verdict: Threat}, Basis: later.Basis()}); err != nil {
		t.Fatal(err)
	}
	if event.Incident.Rules.Error != "" || event.Incident.Assessment.Error != "" {
		t.Error("the error outlives an answer")
	}
}

// TestOpinionTooLate: an answer about what the incident no longer is, or that nobody
// holds or a person has closed, changes nothing.
func TestOpinionTooLate(t *testing.T) {
	b, inc := judged(t)
	good := Opinion{Assessment: Assessment{By: "test:model", Verdict: Threat}, Basis: inc.Basis()}
	stale := good
	stale.Basis.Severity = detect.Low
	if _, err := b.Assess(at(11), inc.ID, &stale); !errors.Is(err, ErrStale) {
		t.Errorf("stale: %v", err)
	}
	if _, err := b.Assess(at(11), "nobody", &good); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	if _, err := b.Decide(at(12), inc.ID, &Decision{Action: Close, Verdict: VerdictNormal}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Assess(at(13), inc.ID, &good); !errors.Is(err, ErrState) {
		t.Errorf("closed: %v", err)
	}
}
