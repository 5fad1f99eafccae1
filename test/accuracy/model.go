// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"slices"

	"tidewatch/app"
	"tidewatch/incident"
	"tidewatch/triage"
)

// asker asks a model about the incidents of the table of verdicts as a server does: the
// same evidence, tools, checks, pseudonyms and budgets. Each is asked about once, alone,
// as it ended. Only a configuration makes one: what the environment holds asks nobody.
type asker struct {
	cfg      triage.Config
	name     string // of the model
	spent    account
	rows     []modelRow
	failures map[string]int     // incidents without an answer, by why
	number   int                // incidents asked about
	opinions map[string]opinion // of what was asked about last, by incident
}

// opinion is what came of an incident.
type opinion struct {
	asked  bool
	said   incident.Judgement // by the model; "" without an answer
	stands incident.Judgement // when the fuse has heard it
}

// configure makes the model of a configuration file be asked, if one is named.
func (o *options) configure(path string, tables bool) error {
	switch {
	case path == "" && o.writeModel != "":
		return errors.New("-write-model needs -config")
	case path == "":
		return nil
	case !tables:
		return errors.New("-config needs -data")
	}
	cfg, _, err := app.LoadConfig(path)
	if err != nil {
		return err
	}
	if o.model, err = newAsker(&cfg.Triage); err != nil {
		return err
	}
	plain := app.DefaultConfig()              // all else of the file is no matter of the tables
	return o.model.ask(&plain, nil, nil, nil) // a missing key is told now, not after a capture was judged
}

func newAsker(cfg *triage.Config) (*asker, error) {
	if !cfg.On() {
		return nil, errors.New("the configuration names no model: set triage.provider")
	}
	return &asker{cfg: *cfg, failures: map[string]int{}}, nil
}

// ask asks about the incidents that an engine told of, those that are wanted; nil is all.
// Of the others a model hears what had ended before.
func (a *asker) ask(cfg *app.Config, e *app.Engine, told []incident.Incident, wanted func(*incident.Incident) bool) error {
	a.opinions = map[string]opinion{}
	var inc *incident.Incident
	var failed error
	deliver := func(_ string, o *incident.Opinion) error {
		stands, err := heard(inc, o)
		if err != nil {
			failed = errors.Join(failed, err)
			return err
		}
		a.opinions[inc.ID] = opinion{true, o.Assessment.Verdict, stands}
		if o.Error != "" {
			a.failures[o.Error]++
		}
		return nil
	}
	all := *cfg
	all.Triage = a.cfg
	past := incident.NewMemory()
	c, err := app.NewCounsel(&all, e, past, &triage.Deps{Deliver: deliver, Ledger: &a.spent})
	if err != nil {
		return err
	}
	a.name = c.Model()
	told = slices.SortedStableFunc(slices.Values(told), func(x, y incident.Incident) int { return x.LastSeen.Compare(y.LastSeen) })
	ctx := context.Background()
	for i := range told {
		inc = &told[i]
		if err := past.Save(ctx, []incident.Event{{Incident: *inc}}); err != nil {
			return err
		}
		if inc.Assessment == nil || wanted != nil && !wanted(inc) {
			continue
		}
		a.opinions[inc.ID] = opinion{stands: inc.Assessment.Verdict}
		if c.Ask(ctx, inc) {
			a.number++
			say("%s was asked about %d incidents\r", a.name, a.number)
		}
	}
	return failed
}

// heard is the verdict that stands when a model has spoken of an incident. A book that
// is loaded again holds only what goes on.
func heard(inc *incident.Incident, o *incident.Opinion) (incident.Judgement, error) {
	cfg := incident.DefaultConfig()
	b, err := incident.New(&cfg)
	if err != nil {
		return "", err
	}
	held := inc.Clone()
	held.State = incident.Open
	if err := b.Restore([]incident.Incident{held}); err != nil {
		return "", err
	}
	event, err := b.Assess(inc.LastSeen, inc.ID, o)
	if err != nil {
		return "", err
	}
	return event.Incident.Assessment.Verdict, nil
}

// account keeps what the run has spent: the budgets of a day hold for the run alone, and
// what a server has spent does not count.
type account struct{ day, before triage.Spent }

// Load implements triage.Ledger.
func (a *account) Load() (triage.Spent, error) { return a.day, nil }

// Save implements triage.Ledger.
func (a *account) Save(s triage.Spent) error {
	if s.Day != a.day.Day {
		a.before.Tokens, a.before.Cost = a.before.Tokens+a.day.Tokens, a.before.Cost+a.day.Cost
	}
	a.day = s
	return nil
}

func (a *account) total() (tokens int64, cost float64) {
	return a.before.Tokens + a.day.Tokens, a.before.Cost + a.day.Cost
}
