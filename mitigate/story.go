// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"slices"
	"time"

	"tidewatch/decision"
	"tidewatch/incident"
)

// tale begins the story of an incident, with what is known of an earlier one: what stands
// against it, and whether people have ended something, also before a restart.
func (b *book) tale(i *incident.Incident, now time.Time) *story {
	c := &story{inc: *i, heard: now}
	for _, d := range b.about(i.ID) {
		if c.rule == "" {
			c.rule = d.Policy
		}
		if d.Activated.IsZero() || d.Step < 1 || d.Step > maxSteps {
			continue
		}
		if c.since.IsZero() || d.Activated.Before(c.since) {
			c.since = d.Activated
		}
		if d.Step-1 >= c.step {
			c.rule, c.step = d.Policy, d.Step-1
		}
	}
	for n := range i.Actions {
		a := &i.Actions[n]
		if (a.Over() || a.State == incident.ActionExpiring) && slices.Contains([]string{decision.ByPerson, decision.ByPanic, decision.ByHarm}, a.Reason) {
			c.byHand = "an earlier rule against this incident was rejected or withdrawn by somebody, or did harm"
		}
	}
	return c
}
