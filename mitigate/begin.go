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
	if b.now.Before(c.again) || b.quiet(c) {
		return
	}
	r := b.ruleFor(c)
	if r == nil {
		return
	}
	if verdict, _ := incident.RulesVerdict(&c.inc); verdict == incident.Legitimate {
		return // a busy day is left alone
	}
	b.climb(c, r, c.step, nil)
}

// quiet reports whether the attack was not seen lately, or not since the last rule went.
func (b *book) quiet(c *story) bool {
	return !c.inc.LastSeen.After(c.gone) || b.now.Sub(c.inc.LastSeen) > b.recent(c)
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
	if c.step >= len(r.Ladder) { // the ladder became shorter
		c.step, c.lease = 0, 0
	}
	return r
}

// climb decides about the first step from a rung on that can be taken. held are reasons
// why a person must approve it.
func (b *book) climb(c *story, r *Rule, from int, held []string) {
	d := b.choose(c, r, from, held, func(d *decision.Decision, why []string) { b.refuse(c, d, why) })
	if d == nil {
		return
	}
	b.decide(c, d, r)
}

// choose makes the decision about the first step that can be taken, with what a person
// must know before it is. Each step that was left out is such a reason: what hurts more
// is never done by itself because something milder could not be. nil: there is nothing
// to be done, or not yet. refused hears of the steps that guard rails forbid.
func (b *book) choose(c *story, r *Rule, from int, held []string, refused func(*decision.Decision, []string)) *decision.Decision {
	for step := from; step < len(r.Ladder); step++ {
		if c.skip[step] != "" {
			held = append(held, c.skip[step])
			continue
		}
		d, err := wish(&c.inc, r, step, b.now, b.scene)
		if errors.Is(err, errScope) {
			continue
		}
		if err != nil {
			if errors.Is(err, errNoFilter) && b.now.Sub(c.inc.Detected) < patience && c.since.IsZero() {
				return nil
			}
			held = append(held, fmt.Sprintf("%s cannot be done: %v", r.Ladder[step].Action, err))
			continue
		}
		if d.Key() == c.lastRule {
			held = append(held, fmt.Sprintf("%s did not help, and would be the same again", d.Action))
			continue
		}
		b.serial++
		d.ID = d.NewID(b.serial)
		via, ok := b.doers.pick(d)
		if !ok {
			held = append(held, fmt.Sprintf("%s cannot be done: nothing that is configured does it (%s)", d.Action, d.Match.String()))
			continue
		}
		d.Via, d.Origin, d.DryRun = via, originAutomatic, b.cfg.Mode != Act
		lease, longest, _ := r.Ladder[step].leases(c.inc.Category == detect.DDoSAttack)
		if step == c.step && c.lease > 0 {
			lease = min(c.lease, longest)
		}
		d.Until = b.now.Add(min(lease, b.rails.Longest(false)))
		ruling := b.rails.Check(b.now, d, ground(b.scene, d, &c.inc), b.standing(d))
		if len(ruling.Refused) > 0 {
			refused(d, ruling.Refused)
			held = append(held, fmt.Sprintf("%s is refused by a guard rail", d.Action))
			continue
		}
		d.Held = slices.Concat(held, ruling.Held, b.doubts(c, r, d))
		return d
	}
	c.again = b.now.Add(tryAgain)
	return nil
}

// doubts are the reasons, beside those of the guard rails, why a person must approve a
// decision.
func (b *book) doubts(c *story, r *Rule, d *decision.Decision) (out []string) {
	if why := r.unsure(&c.inc); why != "" {
		out = append(out, why)
	}
	if c.byHand != "" {
		out = append(out, c.byHand)
	}
	if b.doers.lasts(d.Via) {
		out = append(out, "what "+d.Via+" does would stay in force if this program died (its key expires is not set)")
	}
	if b.halted != nil {
		out = append(out, "everything is halted until somebody resumes")
	}
	if _, _, total := r.Ladder[d.Step-1].leases(c.inc.Category == detect.DDoSAttack); !c.since.IsZero() && b.now.Sub(c.since) > total {
		out = append(out, "the first rule against it came in force more than "+total.String()+" ago: so long the policy goes on without a person (total)")
	}
	return out
}

// decide writes a decision down, as one to be done or as a proposal.
func (b *book) decide(c *story, d *decision.Decision, r *Rule) {
	d.Reason = decision.ByPolicy
	if len(d.Held) == 0 && !r.Alone(d.Step-1) {
		d.Held = []string{"the policy " + r.Name + " asks a person first"}
	}
	if len(d.Held) > 0 {
		d.State, d.Until, d.Origin = decision.Proposed, time.Time{}, originApproval
		b.set(d, "", strings.Join(d.Held, "; "))
		return
	}
	b.onto(c, d)
	b.enforce(d, "", "decided by the policy "+r.Name+": "+string(d.Action)+" of "+d.Match.String())
}

// onto moves a story to the rung that is taken. A proposal moves nothing: until somebody
// approves it, everything milder is tried first.
func (b *book) onto(c *story, d *decision.Decision) {
	if step := d.Step - 1; step != c.step {
		c.step, c.lease = step, 0
	}
}

// enforce makes a decision wanted; of a dry run nobody does anything.
func (b *book) enforce(d *decision.Decision, by, text string) {
	d.State, d.Approved = decision.Approved, b.now
	if d.DryRun {
		if b.live[d.ID] != nil { // a proposal is approved first, also when nothing is to be done then
			b.set(d, by, text)
			by, text = "", "in force"
		}
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
	for _, o := range b.rules {
		if o.ID != d.ID {
			s.Active = append(s.Active, *o)
		}
	}
	return s
}
