// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"time"

	"tidewatch/app"
	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/scenario"
)

// settings makes a scenario short: three minutes of background, then two of the
// event, since floods are judged on the first day as on any other. What needs a past
// or lasts by its nature keeps its defaults.
func settings(name string, seed uint64) scenario.Config {
	c := scenario.Config{Seed: seed, AttackAt: 3 * time.Minute, AttackFor: 2 * time.Minute}
	switch strings.TrimSuffix(name, "6") {
	case "exfiltration":
		c = scenario.Config{Seed: seed, FlowsPerSecond: 0.4}
	case "shop-attack":
		c.AttackFor = 10 * time.Minute
	case "flash-crowd", "elephant", "backup-window", "speed-test":
		c.AttackFor = 0
	case "shop-campaign":
		c.ShopRate, c.AttackRate = 500, 300
	case "shifting-flood":
		c.AttackFor = 3 * time.Minute
	case "pulsing-flood":
		c.AttackFor = 160 * time.Second
	}
	return c
}

// scenarios judges every scenario that has an event.
func (m *matrix) scenarios(seeds []uint64) error {
	for _, info := range scenario.Names() {
		for _, seed := range seeds {
			if info.Event == 0 {
				continue
			}
			s, err := scenario.New(info.Name, settings(info.Name, seed))
			if err != nil {
				return err
			}
			told, err := judged(s)
			if err != nil {
				return err
			}
			m.compare(info.Name, s, told.incidents)
			if err := m.verdicts.scenario(info.Name, s, told); err != nil {
				return err
			}
		}
	}
	return nil
}

// judged plays a scenario. Days before its event only teach, but for the last hour.
func judged(s *scenario.Scenario) (*book, error) {
	c := s.Config()
	return judgedFrom(s, c.Start.Add(c.AttackAt-time.Hour))
}

// judgedFrom plays a scenario of which what comes before a moment only teaches.
func judgedFrom(s *scenario.Scenario, until time.Time) (*book, error) {
	cfg := app.DefaultConfig()
	cfg.Timezone, cfg.Enrich.Internal = "UTC", s.Internal()
	told := book{at: map[string]int{}}
	e, err := app.NewEngine(&cfg, told.keep)
	if err != nil {
		return nil, err
	}
	told.engine, told.cfg = e, cfg
	c := s.Config()
	if until.After(c.Start) {
		e.Lesson(true)
		feed(s, e, until, func(time.Time) {})
		e.Advance(until.Unix())
		e.Lesson(false)
	}
	feed(s, e, c.Start.Add(c.Duration), func(time.Time) {})
	e.Drain()
	return &told, nil
}

// compare holds what was said against the truth of one run.
func (m *matrix) compare(name string, s *scenario.Scenario, told []incident.Incident) {
	used := map[string]bool{}
	truths, what := s.Truth(), "beside an attack"
	for i := range truths {
		t := &truths[i]
		if t.MustNotAlert {
			if t.Category == string(detect.DDoSAttack) {
				what = name
			}
			continue
		}
		truth := t.Vector
		if truth == "" {
			truth = t.Kind
		}
		named, right, seconds := "", false, 0.0
		for i := range told {
			inc := &told[i]
			if !concerns(inc, t) {
				continue
			}
			used[inc.ID] = true
			if named == "" {
				named = called(inc)
				seconds = max(0, inc.Detected.Sub(t.Start).Seconds())
				right = t.Vector == "" || inc.Vector == t.Vector || slices.Contains(inc.Vectors, t.Vector)
				if inc.Severity.Rank() < least(inc).Rank() {
					named, right = named+" of severity "+string(inc.Severity), false
				}
			}
		}
		m.event("scenario "+name, truth, named, right, seconds)
	}
	// Whatever else is called an attack is none.
	rank, said := -1, []string(nil)
	for i := range told {
		inc := &told[i]
		if used[inc.ID] || inc.Category == detect.BaselineAnomaly || inc.Category == detect.Operational {
			continue
		}
		rank = max(rank, inc.Severity.Rank())
		if inc.Severity.Rank() >= detect.Medium.Rank() {
			said = append(said, called(inc))
		}
	}
	m.quiet("scenario", what, rank, said)
}

// called is the name of an incident in one word.
func called(inc *incident.Incident) string {
	if inc.Vector != "" {
		return inc.Vector
	}
	return inc.Kind
}

// least is the severity from which an incident counts as found.
func least(inc *incident.Incident) detect.Severity {
	if inc.Category == detect.Reconnaissance {
		return detect.Medium
	}
	return detect.High
}

// concerns reports whether an incident is about an event.
func concerns(inc *incident.Incident, t *scenario.Truth) bool {
	subject := t.Subject.String()
	if t.Network.IsValid() {
		subject = t.Network.String()
	}
	return string(inc.Category) == t.Category && inc.Kind == t.Kind && inc.Subject == subject &&
		inc.Started.Before(t.End) && inc.LastSeen.After(t.Start)
}
