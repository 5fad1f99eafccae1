// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"time"

	"tidewatch/app"
	"tidewatch/detect"
	"tidewatch/evaluate"
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
func casesOf(source string, s *scenario.Scenario) (out []verdictCase) {
	truths := s.Truth()
	name, _, _ := strings.Cut(source, ",")
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
func (v *verdicts) scenario(name string, s *scenario.Scenario, told *book) error {
	cases := casesOf(name, s)
	if v.model != nil {
		err := v.model.ask(&told.cfg, told.engine, told.incidents, func(inc *incident.Incident) bool {
			return slices.ContainsFunc(cases, func(c verdictCase) bool { return concernsCase(inc, &c) })
		})
		if err != nil {
			return err
		}
	}
	for i := range cases {
		c := &cases[i]
		of, briefly, ids := map[incident.Judgement]int{}, false, []string(nil)
		var about []incident.Incident
		for k := range told.incidents {
			inc := &told.incidents[k]
			if inc.Assessment == nil || !concernsCase(inc, c) {
				continue
			}
			of[inc.Assessment.Verdict]++
			ids = append(ids, inc.ID)
			about = append(about, *inc)
			briefly = briefly || told.excused[inc.ID]
		}
		source := "scenario " + name
		if c.early {
			if source += early; len(of) == 0 {
				continue
			}
		}
		v.add(source, c.what, c.attack, of, briefly)
		if !c.early {
			v.parts.add(c.attack, about)
		}
		v.model.add(source, c.what, c.attack, ids)
	}
	return nil
}

// crowdRates are the additional customers per second of the crowds that come after ten
// learned days: a third and three times the usual one of the scenario.
func crowdRates() [2]float64 { return [...]float64{200, 2000} }

// learned judges what nobody is told of on the first day, and of which something unusual
// is told when ten days were learned before.
func (v *verdicts) learned(seeds []uint64) error {
	sparse := scenario.Config{Seed: seeds[0], FlowsPerSecond: 0.4}
	for _, name := range [...]string{"elephant", "elephant6", "speed-test"} {
		if err := v.play(name, name+", learned", &sparse); err != nil {
			return err
		}
	}
	for _, rate := range crowdRates() {
		c := sparse
		c.AttackRate = rate
		if err := v.play("flash-crowd", "flash-crowd, learned", &c); err != nil {
			return err
		}
	}
	for _, seed := range seeds {
		c := sparse
		c.Seed = seed
		for _, name := range [...]string{"flash-crowd", "backup-window"} {
			if err := v.play(name, name+", learned", &c); err != nil {
				return err
			}
		}
	}
	return nil
}

// days of the office that teach, and all of them: a habit is one when it is twice as old as
// it takes to find, and a call once a day takes sixteen days.
const officeTeaches, officeLasts = 15, 40

// longer judges what takes days: the acts of the office, thefts and what only looks like
// them, and crowds and transfers after ten learned days.
func (v *verdicts) longer(seeds []uint64) error {
	office := scenario.Config{
		Seed: seeds[0], Scale: 0.25, FlowsPerSecond: 0.6, AttackAt: days(officeTeaches), Duration: days(officeLasts), Inject: scenario.Acts(),
	}
	if err := v.play("office", "office", &office); err != nil {
		return err
	}
	return v.learned(seeds)
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
	return v.scenario(source, s, told)
}

// capture takes what was judged of a labelled capture with these own networks.
func (v *verdicts) capture(source string, c *evaluate.Capture, internal []string) error {
	attack := c.Expect == evaluate.ExpectAttack
	v.add(source, c.Class, attack, c.Verdicts, false)
	v.parts.add(attack, c.Judged)
	if v.model == nil || len(c.Judged) == 0 {
		return nil
	}
	cfg, err := configFor(internal)
	if err != nil {
		return err
	}
	e, err := app.NewEngine(cfg, nil) // a capture has no past
	if err != nil {
		return err
	}
	if err := v.model.ask(cfg, e, c.Judged, nil); err != nil {
		return err
	}
	ids := make([]string, len(c.Judged))
	for i := range c.Judged {
		ids[i] = c.Judged[i].ID
	}
	v.model.add(source, c.Class, attack, ids)
	return nil
}
