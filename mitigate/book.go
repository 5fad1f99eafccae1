// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"tidewatch/decision"
	"tidewatch/guard"
	"tidewatch/incident"
)

// book is the life of decisions: what is wanted of whom, until when. It reads no clock
// and does nothing itself; what changed is in its changes until somebody takes them. It
// is owned by a Desk.
type book struct {
	cfg    Config
	policy *policy
	rails  *guard.Rails
	scene  Scene
	doers  doers

	now     time.Time
	halted  *Halt
	cases   map[string]*story             // by incident
	live    map[string]*decision.Decision // that are not over, by id
	standby map[string][]string           // their ids by incident, of those that have one
	rules   map[string]*decision.Decision // those of them that are wanted or being taken back
	begun   []time.Time                   // when rules came in force in the last hour
	noted   map[string]time.Time          // when there was a line of an actuator's troubles, by decision
	changes []change
	serial  int
	stats   stats
}

// doers are those who carry decisions out.
type doers interface {
	pick(d *decision.Decision) (via string, ok bool)
	lasts(via string) bool
	serves(via string) bool
}

// stats counts what a book did since it was made.
type stats struct {
	Refused    uint64 // decisions that a guard rail forbade
	Overlooked uint64 // incidents without a place in a full book
}

// change is one line for the ledger, with what was before.
type change struct {
	entry  Entry
	before *decision.Decision // nil: the decision is new
}

// story is one incident with what was tried against it.
type story struct {
	inc      incident.Incident
	heard    time.Time // when inc was read last
	rule     string
	step     int              // rung of the ladder that is tried now
	lease    time.Duration    // of the next rule; 0: the first of its step
	since    time.Time        // when the first rule came in force; zero: none did
	gone     time.Time        // when the last rule went: the attack must be seen after it
	again    time.Time        // not before: a step was refused or failed
	refusal  string           // the last that was written down
	skip     [maxSteps]string // why a step is not taken (again)
	byHand   string           // a person ended something here: from then on people decide
	weak     int              // looks in a row in which the rule covered too little
	looked   time.Time        // when effects were judged last
	revised  time.Time        // when a proposal was looked at last
	replaced int              // proposals that gave way to another
	lastRule string           // key of the rule that did not help
}

// The times of a story.
const (
	maxStories = 10_000           // about 15 KiB each
	stale      = 5 * time.Second  // an incident that had no rule yet is read anew after that
	patience   = 15 * time.Second // for a filter to be known, before a step that needs none is proposed
	settling   = 10 * time.Second // for a rule to work, and for flows from before it to be told
	recent     = 30 * time.Second // an attack that was seen within goes on: exporters tell at least that often of what is busy
	tryAgain   = time.Minute      // after a refusal or a failure
)

func newBook(cfg *Config, groups map[string][]netip.Prefix, scene Scene, who doers) (*book, error) {
	b := &book{scene: scene, doers: who, cases: map[string]*story{}, live: map[string]*decision.Decision{}, standby: map[string][]string{}, rules: map[string]*decision.Decision{}}
	err := b.configure(cfg, groups)
	return b, err
}

// configure judges by another configuration from the next tick on.
func (b *book) configure(cfg *Config, groups map[string][]netip.Prefix) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("mitigation: %w", err)
	}
	p, err := newPolicy(cfg.Policy, groups)
	if err != nil {
		return fmt.Errorf("mitigation: %w", err)
	}
	rails, err := guard.New(&cfg.Guard)
	if err != nil {
		return fmt.Errorf("mitigation: guard: %w", err)
	}
	b.cfg, b.policy, b.rails = *cfg, p, rails
	return nil
}

// set makes d what its decision is from now on, with a line for the ledger. A change of
// state that cannot be is a mistake of ours, and is not made.
func (b *book) set(now *decision.Decision, by, text string) {
	d := now.Clone()
	before := b.live[d.ID]
	if before != nil && !before.State.May(d.State) {
		return
	}
	d.Updated = b.now
	if by != "" {
		d.By = by
	}
	if d.State.Over() {
		d.Ended = b.now
	}
	if before == nil || before.State != decision.Expiring { // why it ends is not overwritten by that it has
		d.Detail = text
	}
	b.changes = append(b.changes, change{Entry{At: b.now, Text: text, By: by, Decision: d.Clone()}, before})
	if d.State.Over() {
		b.drop(&d)
	} else {
		b.hold(&d)
	}
	if d.State == decision.Expiring && d.DryRun { // nothing is there to be taken back
		n := d.Clone()
		n.State = decision.Withdrawn
		b.set(&n, "", text)
		b.went(&n)
	}
}

// advance moves time on. A clock that was set back must not make anything last longer.
func (b *book) advance(now time.Time) {
	if back := b.now.Sub(now); back > 0 {
		for _, d := range b.sorted() {
			if d.State.Wanted() && !d.Until.IsZero() {
				d.Until = d.Until.Add(-back)
				b.now, now = now, b.now
				b.set(d, "", "the clock was set back by "+back.Round(time.Second).String()+", and the end with it")
				b.now, now = now, b.now
			}
		}
		for _, c := range b.cases {
			for _, t := range []*time.Time{&c.heard, &c.since, &c.gone, &c.again, &c.looked, &c.revised} {
				if !t.IsZero() {
					*t = t.Add(-back)
				}
			}
			c.gone = later(c.gone, c.inc.LastSeen) // by the old clock: only what is seen from now on says that it goes on
		}
		for i := range b.begun {
			b.begun[i] = b.begun[i].Add(-back)
		}
		for id, at := range b.noted {
			b.noted[id] = at.Add(-back)
		}
	}
	b.now = now
	b.begun = slices.DeleteFunc(b.begun, func(t time.Time) bool { return now.Sub(t) > time.Hour })
}

// hear takes an incident up that changed.
func (b *book) hear(now time.Time, i *incident.Incident) {
	b.advance(now)
	c := b.cases[i.ID]
	if c == nil {
		if b.cfg.Mode == Off || !i.State.Active() {
			return
		}
		r := b.policy.of(i)
		if r == nil || len(r.Ladder) == 0 {
			return
		}
		if len(b.cases) >= maxStories {
			b.stats.Overlooked++
			return
		}
		if c = b.tale(i, now); c.rule == "" {
			c.rule = r.Name
		}
		b.cases[i.ID] = c
	}
	c.inc, c.heard = *i, now
	b.proceed(c)
}

// tick lets time pass: leases end, effects are judged, stronger steps are taken.
func (b *book) tick(now time.Time) {
	b.advance(now)
	for _, id := range slices.Sorted(maps.Keys(b.cases)) {
		c := b.cases[id]
		if b.acting(id) || !c.since.IsZero() || now.Sub(c.heard) >= stale {
			if i, ok := b.scene.Incident(id); ok {
				c.inc = i
			} else if !b.busy(id) {
				delete(b.cases, id) // ended, and forgotten by those who tell of it
				continue
			}
			c.heard = now
		}
		b.proceed(c)
	}
	for _, d := range b.those(func(d *decision.Decision) bool { return d.State == decision.Expiring || b.cases[d.Incident] == nil }) {
		if b.cases[d.Incident] == nil {
			b.lonely(d)
		}
		b.finish(d)
	}
}

// lonely ends decisions that no incident stands behind.
func (b *book) lonely(d *decision.Decision) {
	switch {
	case d.State == decision.Proposed:
		b.end(d, decision.Withdrawn, decision.ByEnd, "", "the incident is over")
	case d.State.Wanted() && !b.now.Before(d.Until):
		b.end(d, decision.Expiring, decision.ByLease, "", "its time is over")
	case d.State == decision.Approved && b.now.Sub(d.Approved) > b.cfg.ApplyWithin:
		b.fail(d)
	}
}

// end brings a decision nearer to its end.
func (b *book) end(d *decision.Decision, s decision.State, reason, by, text string) {
	n := d.Clone()
	n.State, n.Reason = s, reason
	b.set(&n, by, text)
}

// fail gives up to bring a decision in force; what there may be of it is taken back.
func (b *book) fail(d *decision.Decision) {
	text := "not in force within " + b.cfg.ApplyWithin.String()
	if d.Error != "" {
		text += ": " + d.Error
	}
	b.end(d, decision.Expiring, decision.ByActuator, "", text)
}

// proceed does what is due for one incident.
func (b *book) proceed(c *story) {
	all := b.about(c.inc.ID)
	if !c.inc.State.Active() {
		b.over(c, all)
		return
	}
	if c.inc.Verdict == incident.VerdictNormal {
		b.excused(all)
		return
	}
	var wanted, waiting bool
	var proposal *decision.Decision
	for _, d := range all {
		switch d.State {
		case decision.Proposed:
			waiting, proposal = true, d
		case decision.Approved:
			switch {
			case !b.now.Before(d.Until):
				b.end(d, decision.Expiring, decision.ByLease, "", "its time was over before it was in force")
			case b.now.Sub(d.Approved) > b.cfg.ApplyWithin:
				b.fail(d)
			}
			wanted = true
		case decision.Active:
			b.keep(c, d)
			wanted = true
		case decision.Expiring:
			wanted = true
		case decision.Withdrawn, decision.Failed, decision.Rejected:
		}
	}
	switch {
	case b.cfg.Mode == Off:
	case waiting:
		b.revise(c, proposal, wanted)
	case wanted:
	default:
		b.begin(c)
	}
}

// excused ends what stands against what a person calls normal. What a person asked for
// stays until its end, which is looked after here, too.
func (b *book) excused(all []*decision.Decision) {
	const text = "somebody says that this is normal"
	for _, d := range all {
		switch {
		case d.State == decision.Proposed:
			b.end(d, decision.Withdrawn, decision.ByVerdict, "", text)
		case d.State.Wanted() && d.Origin != originPerson:
			b.end(d, decision.Expiring, decision.ByVerdict, "", text)
		default:
			b.lonely(d)
		}
	}
}

// over ends what stands when the incident does.
func (b *book) over(c *story, all []*decision.Decision) {
	reason, text := decision.ByEnd, "the incident is over"
	if c.inc.State == incident.Closed {
		reason, text = decision.ByVerdict, "the incident was closed"
	}
	for _, d := range all {
		switch {
		case d.State == decision.Proposed:
			b.end(d, decision.Withdrawn, reason, "", text)
		case d.State.Wanted():
			b.end(d, decision.Expiring, reason, "", text)
		}
	}
	if !b.busy(c.inc.ID) {
		delete(b.cases, c.inc.ID)
	}
}
