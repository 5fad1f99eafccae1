// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/scenario"
)

// verdictCase is one event of a scenario.
type verdictCase struct {
	what, subject string
	attack        bool
	early         bool // before anything was learned
	start, end    time.Time
}

// casesOf are the events of a scenario. What an act of the office does from the first day
// on is judged from the day on that the others begin, and apart from that before, when
// nothing is known of anybody.
func casesOf(name string, s *scenario.Scenario) (out []verdictCase) {
	truths := s.Truth()
	for i := range truths {
		t := &truths[i]
		c := verdictCase{what: name, subject: t.Subject.String(), attack: !t.MustNotAlert, start: t.Start, end: t.End}
		if t.Network.IsValid() {
			c.subject = t.Network.String()
		}
		switch {
		case t.Injection != "":
			c.what = t.Injection
		case t.MustNotAlert && t.Category == string(detect.DataExfiltration):
			if name != "office" {
				continue // it goes on beside every event, and hours show it no better than days
			}
			c.what = "nightly backup of the file server"
		case !t.MustNotAlert && t.Vector != "":
			c.what = t.Vector
		case !t.MustNotAlert:
			c.what = t.Kind
		}
		if begin := s.Config().Start.Add(s.Config().AttackAt); name == "office" && !c.attack {
			c.start = later(c.start, begin)
			first := c
			first.start, first.end, first.early = s.Config().Start, begin, true
			out = append(out, first)
		}
		out = append(out, c)
	}
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// scenario judges what was said of the events of a scenario.
func (v *verdicts) scenario(name string, s *scenario.Scenario, told *book) {
	cases := casesOf(name, s)
	for i := range cases {
		c := &cases[i]
		of, briefly := map[incident.Judgement]int{}, false
		for k := range told.incidents {
			inc := &told.incidents[k]
			if inc.Assessment == nil || !concernsCase(inc, c) {
				continue
			}
			of[inc.Assessment.Verdict]++
			briefly = briefly || told.excused[inc.ID]
		}
		source := "scenario " + name
		if c.early {
			if source += early; len(of) == 0 {
				continue
			}
		}
		v.add(source, c.what, c.attack, of, briefly)
	}
}

// learnedNames are scenarios of which nobody is told on the first day, and something
// unusual is told of when ten days were learned before.
func learnedNames() [5]string {
	return [...]string{"flash-crowd", "backup-window", "elephant", "elephant6", "speed-test"}
}

// days of the office that teach, and all of them: a habit is one when it is twice as old as
// it takes to find, and a call once a day takes sixteen days.
const officeTeaches, officeLasts = 15, 40

// longer judges what takes days: the acts of the office, thefts and what only looks like
// them, and crowds and transfers after ten learned days.
func (v *verdicts) longer(seed uint64) error {
	office := scenario.Config{
		Seed: seed, Scale: 0.25, FlowsPerSecond: 0.6, AttackAt: days(officeTeaches), Duration: days(officeLasts), Inject: scenario.Acts(),
	}
	if err := v.play("office", "office", &office); err != nil {
		return err
	}
	for _, name := range learnedNames() {
		if err := v.play(name, name+", learned", &scenario.Config{Seed: seed, FlowsPerSecond: 0.4}); err != nil {
			return err
		}
	}
	return nil
}

// play judges a scenario, and says of it as source.
func (v *verdicts) play(name, source string, of *scenario.Config) error {
	s, err := scenario.New(name, *of)
	if err != nil {
		return err
	}
	var told *book
	if name == "office" {
		told, err = judgedFrom(s, s.Config().Start) // its thefts and habits begin on any day
	} else {
		told, err = judged(s)
	}
	if err != nil {
		return err
	}
	v.scenario(source, s, told)
	return nil
}

// capture takes what was judged of labelled captures.
func (v *verdicts) capture(source, what string, attack bool, of map[incident.Judgement]int) {
	what, _, _ = strings.Cut(what, ":")
	v.add(source, what, attack, of, false)
}
