// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"tidewatch/app"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/scenario"
)

// play runs one network through a line of its own and adds what came of it to r.
func play(o *options, seed uint64, r *report, progress func(day, of int)) error {
	s, err := scenario.New("fleet", scenario.Config{
		Seed: seed, Devices: o.devices, Inject: o.inject,
		Duration: days(o.train + o.days), AttackAt: days(o.train),
	})
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
	start := s.Config().Start
	until := start.Add(days(o.train))
	e.Lesson(o.train > 0)
	feed(s, e, until, func(now time.Time) { progress(int(now.Sub(start)/days(1)), o.train+o.days) })
	e.Advance(until.Unix())
	e.Lesson(false)
	feed(s, e, start.Add(s.Config().Duration), func(now time.Time) { progress(int(now.Sub(start)/days(1)), o.train+o.days) })
	e.Drain()
	in := e.Input()
	r.Flows, r.Packets, r.Bytes = r.Flows+in.Flows, r.Packets+in.Packets, r.Bytes+in.Bytes
	r.add(seed, s, until, told.incidents)
	return nil
}

// feed passes what is exported before until to the engine.
func feed(s *scenario.Scenario, e *app.Engine, until time.Time, tell func(time.Time)) {
	b := flow.NewBatch(4096)
	for s.Now().Before(until) && s.Next(b) {
		if b.Len() < 1024 && s.Now().Before(until) {
			continue
		}
		e.Process(b)
		b.Reset()
		tell(s.Now())
	}
	e.Process(b)
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// book keeps the newest state of every incident, in the order they were opened.
type book struct {
	incidents []incident.Incident
	at        map[string]int
	excused   map[string]bool // those that were called legitimate, if only for a while

	engine *app.Engine // that told of them, and its configuration
	cfg    app.Config
}

func (b *book) keep(events []incident.Event) {
	for i := range events {
		inc := &events[i].Incident
		at, known := b.at[inc.ID]
		if !known {
			at = len(b.incidents)
			b.at[inc.ID] = at
			b.incidents = append(b.incidents, incident.Incident{})
		}
		b.incidents[at] = *inc
		if a := inc.Assessment; a != nil && a.Verdict == incident.Legitimate {
			if b.excused == nil {
				b.excused = map[string]bool{}
			}
			b.excused[inc.ID] = true
		}
	}
}
