// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"fmt"
	"net/netip"
	"time"

	"tidewatch/decision"
	"tidewatch/detect"
	"tidewatch/incident"
)

// What people order. Guard rails have the last word here, too.

func (b *book) find(id string) (decision.Decision, error) {
	d := b.live[id]
	if d == nil {
		return decision.Decision{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return d.Clone(), nil
}

// approve lets a proposal be done.
func (b *book) approve(id string, who *Person) error {
	d, err := b.find(id)
	switch {
	case err != nil:
		return err
	case d.State != decision.Proposed:
		return fmt.Errorf("%w: it is %s; one that is proposed can be approved", ErrState, d.State)
	case b.halted != nil:
		return fmt.Errorf("%w: everything is halted; resume first", ErrState)
	case b.cfg.Mode == Off:
		return fmt.Errorf("%w: mitigation is off", ErrState)
	}
	if d.DryRun != (b.cfg.Mode != Act) {
		return fmt.Errorf("%w: it was proposed with another mode; it will be proposed anew", ErrState)
	}
	d.Origin, d.By = originApproval, who.By
	lease := time.Hour
	c := b.cases[d.Incident]
	var inc *incident.Incident
	if c != nil {
		if i, ok := b.scene.Incident(d.Incident); ok {
			c.inc, c.heard = i, b.now
		}
		inc = &c.inc
		if r := b.policy.named(d.Policy); r != nil && d.Step <= len(r.Ladder) {
			first, longest, _ := r.Ladder[d.Step-1].leases(inc.Category == detect.DDoSAttack)
			lease = min(max(first, c.lease), longest)
			b.figures(c, r, &d)
		}
	}
	g := ground(b.scene, &d, inc)
	g.Person = true
	d.Until = b.now.Add(min(lease, b.rails.Longest(true)))
	ruling := b.rails.Check(b.now, &d, g, b.standing(&d))
	if len(ruling.Refused) > 0 {
		b.stats.Refused++
		return &RefusedError{ruling.Refused}
	}
	d.Reason, d.Held = decision.ByPerson, nil
	b.enforce(&d, who.By, said("approved", who))
	return nil
}

// reject ends a proposal; for this incident that step is not proposed again.
func (b *book) reject(id string, who *Person) error {
	d, err := b.find(id)
	switch {
	case err != nil:
		return err
	case d.State != decision.Proposed:
		return fmt.Errorf("%w: it is %s; withdraw it", ErrState, d.State)
	}
	if c := b.cases[d.Incident]; c != nil && d.Step > 0 {
		c.skip[d.Step-1] = fmt.Sprintf("%s was rejected", d.Action)
	}
	b.end(&d, decision.Rejected, decision.ByPerson, who.By, said("rejected", who))
	return nil
}

// withdraw takes a rule back. From then on people decide about its incident.
func (b *book) withdraw(id string, who *Person) error {
	d, err := b.find(id)
	if err != nil {
		return err
	}
	if c := b.cases[d.Incident]; c != nil {
		c.byHand = "somebody has withdrawn an earlier rule"
	}
	switch {
	case d.State == decision.Proposed:
		b.end(&d, decision.Withdrawn, decision.ByPerson, who.By, said("withdrawn", who))
	case d.State.Wanted():
		b.end(&d, decision.Expiring, decision.ByPerson, who.By, said("withdrawn", who))
	default:
		return fmt.Errorf("%w: it is being taken back", ErrState)
	}
	return nil
}

// request makes a rule that a person asks for.
func (b *book) request(q *Request, who *Person) (id string, err error) {
	switch {
	case b.halted != nil:
		return "", fmt.Errorf("%w: everything is halted; resume first", ErrState)
	case b.cfg.Mode == Off:
		return "", fmt.Errorf("%w: mitigation is off", ErrState)
	}
	d := decision.Decision{
		Incident: q.Incident, Action: q.Action, Scope: "host", Target: q.Target, Match: q.Match, Rate: q.Rate, Via: q.Via,
		Origin: originPerson, By: who.By, DryRun: b.cfg.Mode != Act, Effect: decision.EffectUnknown, Created: b.now,
		Reason: decision.ByPerson,
	}
	var inc *incident.Incident
	if q.Incident != "" {
		i, ok := b.scene.Incident(q.Incident)
		if !ok {
			return "", fmt.Errorf("%w: there is no incident %s that goes on", ErrRequest, q.Incident)
		}
		inc = &i
		d.Category, d.Kind, d.Vector, d.Severity = string(i.Category), i.Kind, i.Vector, string(i.CurrentSeverity)
		if !d.Target.IsValid() {
			if d.Target, err = i.Prefix(); err != nil {
				return "", err
			}
		}
	}
	if !d.Target.IsSingleIP() {
		d.Scope = "prefix"
	}
	if d.Match == (decision.Match{}) {
		d.Match = whole(d.Action, d.Target)
	}
	b.serial++
	d.ID = d.NewID(b.serial)
	via, ok := b.doers.pick(&d)
	if !ok {
		return "", fmt.Errorf("%w: nothing that is configured does a %s of %s", ErrRequest, d.Action, d.Match.String())
	}
	d.Via = via
	lease := time.Hour
	if q.Minutes > 0 {
		lease = time.Duration(q.Minutes) * time.Minute
	}
	d.Until = b.now.Add(min(lease, b.rails.Longest(true)))
	g := ground(b.scene, &d, inc)
	g.Person = true
	ruling := b.rails.Check(b.now, &d, g, b.standing(&d))
	if len(ruling.Refused) > 0 {
		b.stats.Refused++
		return "", &RefusedError{ruling.Refused}
	}
	b.enforce(&d, who.By, said("asked for", who))
	return d.ID, nil
}

// whole is all traffic that an action on a target is about when nobody says more.
func whole(a decision.Action, target netip.Prefix) decision.Match {
	if a == decision.Quarantine || a == decision.Block || a == decision.RateLimit {
		return decision.Match{Source: target}
	}
	return decision.Match{Destination: target}
}

// halt takes everything back, and lets nothing be done until somebody resumes.
func (b *book) halt(who *Person) (withdrawn int) {
	b.halted = &Halt{At: b.now, By: who.By, Note: who.Note}
	return b.takeBack(decision.ByPanic, who.By, said("panic button pressed", who))
}

// takeBack ends all that is wanted.
func (b *book) takeBack(reason, by, text string) (n int) {
	for _, d := range b.sorted() {
		if d.State.Wanted() {
			b.end(d, decision.Expiring, reason, by, text)
			n++
		}
	}
	return n
}

func said(what string, who *Person) string {
	if who.By != "" {
		what += " by " + who.By
	}
	if who.Note != "" {
		what += ": " + who.Note
	}
	return what
}

// restore takes over what an earlier run left. What may stand no more is taken back.
func (b *book) restore(now time.Time, left []decision.Decision, halted *Halt) {
	b.advance(now)
	b.halted = halted
	for i := range left {
		d := left[i].Clone()
		b.hold(&d)
	}
	for _, d := range b.sorted() {
		if inc, ok := b.scene.Incident(d.Incident); ok && b.cases[d.Incident] == nil && len(b.cases) < maxStories {
			b.cases[d.Incident] = b.tale(&inc, now)
		}
	}
	if halted != nil {
		b.takeBack(decision.ByPanic, halted.By, "everything is halted")
	}
	b.review()
}

// review looks at everything that stands with the rails and the mode of now.
func (b *book) review() {
	for _, d := range b.sorted() {
		switch {
		case d.State == decision.Proposed && (b.cfg.Mode == Off || d.DryRun != (b.cfg.Mode != Act)):
			// Who approves must know whether that acts: it is proposed anew.
			b.end(d, decision.Withdrawn, decision.ByMode, "", "the mode is "+string(b.cfg.Mode)+" now")
			continue
		case !d.State.Wanted():
			continue
		case !b.now.Before(d.Until):
			b.end(d, decision.Expiring, decision.ByLease, "", "its time is over")
			continue
		case b.cfg.Mode == Off || d.DryRun != (b.cfg.Mode != Act):
			b.end(d, decision.Expiring, decision.ByMode, "", "the mode is "+string(b.cfg.Mode)+" now")
			continue
		}
		var inc *incident.Incident
		if c := b.cases[d.Incident]; c != nil {
			inc = &c.inc
		}
		g := ground(b.scene, d, inc)
		g.Person = g.Person || d.Origin == originApproval
		if r := b.rails.Recheck(b.now, d, g, b.standing(d)); len(r.Refused) > 0 {
			b.end(d, decision.Expiring, decision.ByGuard, "", "taken back: "+r.Refused[0])
			continue
		}
		if via, ok := b.doers.pick(d); !ok || via != d.Via {
			b.end(d, decision.Expiring, decision.ByActuator, "", "nothing that is configured does it any more")
		}
	}
}
