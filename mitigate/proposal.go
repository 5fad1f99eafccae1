// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"slices"
	"time"

	"tidewatch/decision"
)

// The times of a proposal: how often it is looked at again, how long one stands that the
// attack has left behind, so that who reads it can also approve it (doubled with each one
// that was replaced, for an attack that changes all the time), and how often at most
// other reasons are written down, for they hold figures that never rest.
const (
	revised = 5 * time.Second
	stands  = 30 * time.Second
	reasons = time.Minute
)

// revise looks at a proposal again: what was in the way may be gone, and the attack may
// have changed. beside says that a rule is in force, which the proposal would follow.
func (b *book) revise(c *story, d *decision.Decision, beside bool) {
	if b.now.Sub(c.revised) < revised || b.halted != nil {
		return
	}
	c.revised = b.now
	r := b.policy.named(d.Policy)
	if r == nil || !r.takes(d) {
		b.end(d, decision.Withdrawn, decision.BySuccessor, "", "the policy has no such step any more")
		return
	}
	if b.quiet(c) || beside && b.cfg.Sees == Before {
		return // nothing is begun against what nobody sees, or what the rule in force is judged by
	}
	from, held := c.step, []string(nil)
	if beside {
		from, held = d.Step-1, b.blind()
	}
	again := c.again
	n := b.choose(c, r, from, held, func(*decision.Decision, []string) {})
	c.again = again
	if n == nil {
		return
	}
	alone := len(n.Held) == 0 && r.Alone(n.Step-1)
	if n.Key() != d.Key() || n.Step != d.Step {
		if alone || b.now.Sub(d.Created) >= stands<<min(c.replaced, 5) {
			c.replaced++
			b.end(d, decision.Withdrawn, decision.BySuccessor, "", "the attack, or what can be done about it, has changed: another proposal takes its place")
			b.decide(c, n, r)
		}
		return
	}
	if len(n.Held) == 0 && !alone {
		n.Held = d.Held
	}
	n.ID, n.Created = d.ID, d.Created
	if alone {
		b.onto(c, n)
		b.enforce(n, "", "decided by the policy "+r.Name+": nothing is in the way any more")
		return
	}
	if slices.Equal(n.Held, d.Held) || b.now.Sub(d.Updated) < max(reasons, b.now.Sub(d.Created)/8) {
		return
	}
	n.State, n.Reason, n.Until, n.Origin = decision.Proposed, decision.ByPolicy, time.Time{}, originApproval
	b.set(n, "", "still proposed, for other reasons")
}

// figures brings what a proposal says of its effects up to date, for who approves it: the
// guard rails judge it by what passes now.
func (b *book) figures(c *story, r *Rule, d *decision.Decision) {
	if !r.takes(d) {
		return
	}
	n, err := wish(&c.inc, r, d.Step-1, b.now, b.scene)
	if err != nil {
		return
	}
	if n.Via = d.Via; n.Key() == d.Key() {
		d.Covers, d.CoversError, d.Collateral, d.CollateralError = n.Covers, n.CoversError, n.Collateral, n.CollateralError
	}
}
