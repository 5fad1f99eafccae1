// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"fmt"
	"time"

	"tidewatch/decision"
	"tidewatch/detect"
	"tidewatch/guard"
)

// keep looks after a rule in force: it ends with its time, is renewed while the attack
// is seen, is taken back when it does not help, and is followed by a stronger one.
func (b *book) keep(c *story, d *decision.Decision) {
	seen := b.visible(c, d)
	if !b.now.Before(d.Until) {
		reason, text := decision.ByLease, "its time is over; whether the attack is, will be seen now"
		if seen {
			text = "its time is over"
		}
		if r := b.policy.named(d.Policy); r != nil && r.takes(d) {
			lease, _, total := r.Ladder[d.Step-1].leases(c.inc.Category == detect.DDoSAttack)
			if seen && b.now.Add(lease).Sub(c.since) > total {
				reason, text = decision.ByTotal, "rules were in force for "+total.String()+", the longest time that the policy allows"
			}
		}
		b.end(d, decision.Expiring, reason, "", text)
		return
	}
	if b.cfg.Sees == Before && b.effect(c, d) {
		return
	}
	r := b.policy.named(d.Policy)
	if r == nil || !r.takes(d) {
		return // the policy has changed: it ends with its time
	}
	if seen && d.Origin != originPerson {
		b.renew(c, r, d)
		b.stronger(c, r, d)
	}
}

// visible reports whether the attack was seen since the rule should have worked.
func (b *book) visible(c *story, d *decision.Decision) bool {
	return c.inc.LastSeen.After(later(c.gone, d.Activated.Add(settling))) && b.now.Sub(c.inc.LastSeen) <= b.recent(c)
}

// renew has a rule stay while the attack is seen: there is no need to take it back to find
// out whether it goes on.
func (b *book) renew(c *story, r *Rule, d *decision.Decision) {
	first, longest, total := r.Ladder[d.Step-1].leases(c.inc.Category == detect.DDoSAttack)
	lease := min(max(first, c.lease), longest)
	if d.Until.Sub(b.now) > lease/2 || b.now.Add(lease).Sub(c.since) > total {
		return
	}
	n := d.Clone()
	n.Until = b.now.Add(min(lease, b.rails.Longest(d.Origin != originAutomatic)))
	g := ground(b.scene, &n, &c.inc)
	g.Person = d.Origin != originAutomatic
	ruling := b.rails.Recheck(b.now, &n, g, b.standing(&n))
	if len(ruling.Refused) > 0 || d.Origin == originAutomatic && len(ruling.Held) > 0 {
		return // it ends with its time; what then may still be done is proposed
	}
	if n.Until.After(d.Until) {
		b.set(&n, "", "the attack is still seen: stays until "+n.Until.UTC().Format(time.TimeOnly+" UTC"))
		*d = n
	}
}

// The shares at which a rule helps, and at which it does not: what lies between changes
// nothing.
const (
	helps   = 0.5
	useless = 0.3
	looks   = 2 // in a row, ten seconds apart
)

// effect looks at what a rule hits of what passes now, which says something only where
// the exporters see the traffic before the filter. It reports whether it took it back.
func (b *book) effect(c *story, d *decision.Decision) bool {
	if d.Action.Whole() || b.now.Sub(d.Activated) < settling || b.now.Sub(c.looked) < settling {
		return false
	}
	c.looked = b.now
	got, known := b.scene.Coverage(d.Target, &d.Match)
	if !known {
		return false
	}
	n := d.Clone()
	if got.Covers != nil {
		n.Covers, n.CoversError = got.Covers, got.CoversError
	}
	if got.Collateral != nil {
		n.Collateral, n.CollateralError = got.Collateral, got.CollateralError
	}
	limit := hurting(&b.cfg.Guard, d.Action)
	switch {
	case n.Collateral != nil && *n.Collateral-n.CollateralError > limit:
		n.Effect = decision.EffectHarms
		c.byHand = "an earlier rule did harm"
		if d.Step > 0 { // else a person asked for it
			c.skip[d.Step-1] = fmt.Sprintf("%s did harm", d.Action)
		}
		n.State, n.Reason = decision.Expiring, decision.ByHarm
		b.set(&n, "", fmt.Sprintf("taken back: it hits %.0f %% of what is usual", 100**n.Collateral))
		return true
	case got.Covers == nil:
	case *got.Covers+got.CoversError < useless && b.visible(c, d):
		if c.weak++; c.weak >= looks {
			c.weak, c.lastRule = 0, d.Key()
			n.Effect, n.State, n.Reason = decision.EffectNoHelp, decision.Expiring, decision.ByNoHelp
			b.set(&n, "", fmt.Sprintf("taken back: it hits only %.0f %% of the attack as it is now", 100**got.Covers))
			return true
		}
	case *got.Covers-got.CoversError >= helps:
		c.weak = 0
		if d.Effect != decision.EffectHelps {
			n.Effect = decision.EffectHelps
			b.set(&n, "", fmt.Sprintf("it hits %.0f %% of the attack", 100**got.Covers))
			*d = n
		}
	}
	return false
}

// hurting is the share of usual traffic beyond which a rule does harm.
func hurting(c *guard.Config, a decision.Action) float64 {
	switch a {
	case decision.FlowSpecDrop:
		return c.MaxCollateralDrop
	case decision.FlowSpecRateLimit, decision.RateLimit:
		return c.MaxCollateralLimit
	case decision.Block, decision.Blackhole, decision.Divert, decision.Quarantine, decision.Hook:
	}
	return c.MaxCollateralBlock
}

// stronger takes the next step when an attack goes on although a rule is in force. Only
// behind the filter that proves anything; where nobody knows, a person is asked.
func (b *book) stronger(c *story, r *Rule, d *decision.Decision) {
	step := d.Step // the next, counted from 0
	if step >= len(r.Ladder) || b.cfg.Sees == Before || b.now.Sub(d.Activated) < r.Ladder[step].after() || b.now.Before(c.again) {
		return
	}
	for _, o := range b.about(d.Incident) {
		if o.Step > d.Step {
			return
		}
	}
	b.climb(c, r, step, b.blind())
}

// blind is why a person must decide about a stronger step, nothing when nobody needs to.
func (b *book) blind() []string {
	if b.cfg.Sees == After {
		return nil
	}
	return []string{"the attack is still seen, but nobody has said whether the exporters see it before or behind the filter (mitigation.sees)"}
}

// inForce notes that a rule came in force.
func (b *book) inForce(d *decision.Decision) {
	b.begun = append(b.begun, b.now)
	c := b.cases[d.Incident]
	if c == nil {
		return
	}
	c.weak, c.looked = 0, b.now
	if c.since.IsZero() {
		c.since = b.now
	}
	if d.Step > 0 {
		c.step = d.Step - 1
	}
	for _, o := range b.about(d.Incident) { // what it follows is needed no more
		if o.ID == d.ID || o.Step < 1 || o.Step >= d.Step {
			continue
		}
		switch {
		case o.State.Wanted():
			b.end(o, decision.Expiring, decision.ByEscalation, "", "a stronger step took its place")
		case o.State == decision.Proposed:
			b.end(o, decision.Withdrawn, decision.ByEscalation, "", "a stronger step took its place")
		}
	}
}

// went notes that nothing of a rule is in force any more.
func (b *book) went(d *decision.Decision) {
	c := b.cases[d.Incident]
	if c == nil || d.Step < 1 || d.Step > maxSteps {
		return
	}
	switch d.Reason {
	case decision.ByLease, decision.ByTotal:
		c.gone = later(b.now, c.inc.LastSeen) // the clocks of exporters may be ahead
		if r := b.policy.named(d.Policy); r != nil && d.Step <= len(r.Ladder) {
			first, longest, _ := r.Ladder[d.Step-1].leases(c.inc.Category == detect.DDoSAttack)
			c.lease = min(2*max(first, c.lease), longest)
		}
	case decision.ByActuator:
		c.again = b.now.Add(tryAgain)
	case decision.ByPerson, decision.ByPanic:
		c.byHand = "somebody has ended an earlier rule"
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
