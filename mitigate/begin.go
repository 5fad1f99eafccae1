// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tidewatch/decision"
	"tidewatch/detect"
	"tidewatch/guard"
	"tidewatch/incident"
)

// begin takes the first step against an incident that nothing stands against, or puts a
// rule back whose time was over and that is needed again.
func (b *book) begin(c *story) {
	i := &c.inc
	if b.now.Before(c.again) || !i.LastSeen.After(c.gone) || b.now.Sub(i.LastSeen) > b.recent(c) {
		return // quiet, as far as anybody sees
	}
	r := b.ruleFor(c)
	if r == nil || i.Verdict == incident.VerdictNormal {
		return
	}
	if a := byRules(i); a != nil && a.Verdict == incident.Legitimate {
		return // a busy day is left alone
	}
	b.climb(c, r, c.step, nil)
}

// recent is how long ago an attack may have been seen that still goes on. What is told
// by the hour is not over after a minute.
func (b *book) recent(c *story) time.Duration {
	if c.inc.Category == detect.DDoSAttack {
		return recent
	}
	return time.Hour
}

// ruleFor is the rule of the policy for a story, which keeps the one that it began with.
func (b *book) ruleFor(c *story) *Rule {
	r := b.policy.named(c.rule)
	if r == nil || !r.fits(&c.inc, b.policy.groups) && c.since.IsZero() {
		if r = b.policy.of(&c.inc); r != nil && r.Name != c.rule {
			c.rule, c.step, c.lease = r.Name, 0, 0
		}
	}
	if r == nil || len(r.Ladder) == 0 {
		return nil
	}
	return r
}

// climb decides about the first step from a rung on that can be taken. held are reasons
// why a person must approve it, and each step that was left out adds one: what hurts
// more is never done by itself because something milder could not be.
func (b *book) climb(c *story, r *Rule, from int, held []string) {
	attack := c.inc.Category == detect.DDoSAttack
	for step := from; step < len(r.Ladder); step++ {
		if c.skip[step] != "" {
			held = append(held, c.skip[step])
			continue
		}
		d, err := wish(&c.inc, r, step, b.now)
		if errors.Is(err, errScope) {
			continue
		}
		if err != nil {
			if errors.Is(err, errNoFilter) && b.now.Sub(c.inc.Detected) < patience && c.since.IsZero() {
				return
			}
			held = append(held, fmt.Sprintf("%s cannot be done: %v", r.Ladder[step].Action, err))
			continue
		}
		if d.Key() == c.lastRule {
			continue // it did not help, and would be the same again
		}
		b.serial++
		d.ID = d.NewID(b.serial)
		via, ok := b.doers.pick(d)
		if !ok {
			continue // nobody here does such a thing
		}
		d.Via = via
		first, longest, _ := r.Ladder[step].leases(attack)
		lease := first
		if step == c.step && c.lease > 0 {
			lease = min(c.lease, longest)
		}
		if refused := b.decide(c, r, d, lease, held); refused == "" {
			if step != c.step {
				c.step, c.lease = step, 0
			}
			return
		}
		held = append(held, fmt.Sprintf("%s is refused by a guard rail", d.Action))
	}
	c.again = b.now.Add(tryAgain)
}

// decide has the guard rails judge a decision, and writes down what comes of it. It
// returns why it was refused, nothing when it was not.
func (b *book) decide(c *story, r *Rule, d *decision.Decision, lease time.Duration, held []string) string {
	d.Origin, d.DryRun = originAutomatic, b.cfg.Mode != Act
	d.Until = b.now.Add(lease)
	ruling := b.rails.Check(b.now, d, ground(b.scene, d, &c.inc), b.standing(d))
	if ruling.Lease > 0 {
		d.Until = b.now.Add(min(lease, ruling.Lease))
	}
	if len(ruling.Refused) > 0 {
		b.refuse(c, d, ruling.Refused)
		return strings.Join(ruling.Refused, "; ")
	}
	d.Held = slices.Concat(held, ruling.Held)
	if why := r.unsure(&c.inc); why != "" {
		d.Held = append(d.Held, why)
	}
	if c.byHand != "" {
		d.Held = append(d.Held, c.byHand)
	}
	if b.doers.lasts(d.Via) {
		d.Held = append(d.Held, "what "+d.Via+" does stays in force while this program is dead (expires)")
	}
	if b.halted != nil {
		d.Held = append(d.Held, "everything is halted until somebody resumes")
	}
	if _, _, total := r.Ladder[d.Step-1].leases(c.inc.Category == detect.DDoSAttack); !c.since.IsZero() && b.now.Sub(c.since) > total {
		d.Held = append(d.Held, "rules were in force for "+total.String()+", the longest time that the policy allows")
	}
	if len(d.Held) == 0 && !r.Alone(d.Step-1) {
		d.Held = append(d.Held, "the policy "+r.Name+" asks a person first")
	}
	if len(d.Held) > 0 {
		d.State, d.Reason, d.Until, d.Origin = decision.Proposed, decision.ByPolicy, time.Time{}, originApproval
		b.set(d, "", "proposed: "+string(d.Action)+" of "+d.Match.String())
		return ""
	}
	d.Reason = decision.ByPolicy
	b.enforce(d, "", "decided by the policy "+r.Name+": "+string(d.Action)+" of "+d.Match.String())
	return ""
}

// enforce makes a decision wanted; of a dry run nobody does anything.
func (b *book) enforce(d *decision.Decision, by, text string) {
	d.State, d.Approved = decision.Approved, b.now
	if d.DryRun {
		d.State, d.Activated = decision.Active, b.now
		text += " (dry run: nothing is done)"
		b.inForce(d)
	}
	b.set(d, by, text)
}

// refuse writes down that a guard rail forbids something, once for each reason.
func (b *book) refuse(c *story, d *decision.Decision, why []string) {
	b.stats.Refused++
	text := "refused: " + strings.Join(why, "; ")
	if c.refusal == string(d.Action)+text {
		return
	}
	c.refusal = string(d.Action) + text
	d.State, d.Reason, d.Until = decision.Rejected, decision.ByGuard, time.Time{}
	b.set(d, "", text)
}

// standing is what else holds beside a decision.
func (b *book) standing(d *decision.Decision) *guard.Standing {
	s := &guard.Standing{Begun: b.begun, Protected: b.scene.Protected()}
	for _, o := range b.live {
		if o.ID != d.ID && (o.State.Wanted() || o.State == decision.Expiring) {
			s.Active = append(s.Active, *o)
		}
	}
	return s
}
