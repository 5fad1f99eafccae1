// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"time"

	"tidewatch/app"
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
		case name == "office":
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
			source += early
		}
		v.add(source, c.what, c.attack, of, briefly)
	}
}

// days of the office that teach, and all of them: a habit is one when it is twice as old as
// it takes to find, and a call once a day takes sixteen days.
const (
	officeTeaches, officeLasts = 15, 40
	fleetTeaches, fleetLasts   = 20, 36
)

// longer judges what takes days: the acts of the office, thefts and what only looks like
// them, and the fleet with its campaigns.
func (v *verdicts) longer(seed uint64) error {
	office := scenario.Config{
		Seed: seed, Scale: 0.25, FlowsPerSecond: 0.6, AttackAt: days(officeTeaches), Duration: days(officeLasts), Inject: scenario.Acts(),
	}
	if err := v.play("office", &office, 0); err != nil {
		return err
	}
	fleet := scenario.Config{
		Seed: seed, Devices: 100, AttackAt: days(fleetTeaches), Duration: days(fleetLasts), Inject: []string{"campaign", "flood-hour", "night"},
	}
	return v.play("fleet", &fleet, fleetTeaches)
}

// play judges a scenario of which the first days only teach.
func (v *verdicts) play(name string, of *scenario.Config, teach int) error {
	s, err := scenario.New(name, *of)
	if err != nil {
		return err
	}
	cfg := app.DefaultConfig()
	cfg.Timezone, cfg.Enrich.Internal = "UTC", s.Internal()
	told := book{at: map[string]int{}}
	e, err := app.NewEngine(&cfg, told.keep)
	if err != nil {
		return err
	}
	c := s.Config()
	if teach > 0 {
		until := c.Start.Add(days(teach))
		e.Lesson(true)
		feed(s, e, until, func(time.Time) {})
		e.Advance(until.Unix())
		e.Lesson(false)
	}
	feed(s, e, c.Start.Add(c.Duration), func(time.Time) {})
	e.Drain()
	v.scenario(name, s, &told)
	return nil
}

// capture takes what was judged of labelled captures.
func (v *verdicts) capture(source, what string, attack bool, of map[incident.Judgement]int) {
	what, _, _ = strings.Cut(what, ":")
	v.add(source, what, attack, of, false)
}
