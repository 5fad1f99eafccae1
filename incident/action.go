// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxActions is how many actions an incident shows: a ladder of policy has a handful of
// steps, and each is put back a few times. Which gives way is said at Incident.put.
const maxActions = 16

// The states of an action, as package decision has them.
const (
	ActionProposed  = "proposed"
	ActionApproved  = "approved"
	ActionActive    = "active"
	ActionExpiring  = "expiring"
	ActionWithdrawn = "withdrawn"
	ActionFailed    = "failed"
	ActionRejected  = "rejected"
)

// hook is the action that stops nothing by itself: somebody is told.
const hook = "hook"

// Action is a decision taken or proposed about an incident, as it is now. The ledger of
// decisions has its whole story.
type Action struct {
	At         time.Time `json:"at" doc:"its last change, in flow time"`
	ID         string    `json:"id,omitempty" doc:"of the decision"`
	Name       string    `json:"name" doc:"what is done: blackhole, flowspec_drop, block, ..."`
	State      string    `json:"state" enum:"proposed,approved,active,expiring,withdrawn,failed,rejected"`
	DryRun     bool      `json:"dry_run,omitempty" doc:"it is only said what would be done"`
	Target     string    `json:"target,omitempty" doc:"own address or prefix that is protected, or cut off"`
	Match      string    `json:"match,omitempty" doc:"traffic that it hits, in words"`
	Via        string    `json:"via,omitempty" doc:"who does it"`
	Reason     string    `json:"reason,omitempty" doc:"why it is in this state"`
	Detail     string    `json:"detail,omitempty" doc:"the reason in a sentence"`
	Until      time.Time `json:"until,omitzero" doc:"when it ends by itself, by the clock"`
	Covers     *float64  `json:"covers,omitempty" minimum:"0" maximum:"1" doc:"share of the attack's bytes that it hits; absent: not known"`
	Collateral *float64  `json:"collateral,omitempty" minimum:"0" maximum:"1" doc:"share of usual traffic's bytes that it hits; absent: not known"`
	Effect     string    `json:"effect,omitempty" enum:"unknown,helps,no_help,harms"`
}

// ErrAction is the error of an action that makes no sense by itself.
var ErrAction = errors.New("no such action")

// Over reports whether nothing can happen to the action any more.
func (a *Action) Over() bool {
	return a.State == ActionWithdrawn || a.State == ActionFailed || a.State == ActionRejected
}

// Stops reports whether the action keeps traffic away at this moment, so that silence
// says nothing about the attack: it is in force, really, and does more than tell somebody.
func (a *Action) Stops() bool {
	return (a.State == ActionActive || a.State == ActionExpiring) && !a.DryRun && a.Name != hook
}

// did reports whether the action is about to stop traffic, does, or did.
func (a *Action) did() bool {
	return !a.DryRun && a.Name != hook && a.State != ActionProposed && a.State != ActionRejected && a.State != ActionFailed
}

func (a *Action) validate() error {
	switch a.State {
	case ActionProposed, ActionApproved, ActionActive, ActionExpiring, ActionWithdrawn, ActionFailed, ActionRejected:
	default:
		return fmt.Errorf("%w: it is in state %q", ErrAction, a.State)
	}
	if a.ID == "" || a.Name == "" {
		return fmt.Errorf("%w: it has no id, or no name", ErrAction)
	}
	return nil
}

// clone returns a copy that shares no memory.
func (a *Action) clone() Action {
	c := *a
	c.Covers, c.Collateral = copied(a.Covers), copied(a.Collateral)
	return c
}

func copied(v *float64) *float64 {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}

// stopped reports whether something keeps the incident's traffic away.
func (i *Incident) stopped() bool {
	for n := range i.Actions {
		if i.Actions[n].Stops() {
			return true
		}
	}
	return false
}

// handled reports whether anything was done about the incident, beyond telling somebody.
func (i *Incident) handled() bool {
	return slices.ContainsFunc(i.Actions, func(a Action) bool { return a.did() })
}

// Act puts an action into the incident, in place of the one with its id, with a line in
// the timeline of at most maxTimeline unless it only lasts longer. While an action stops
// traffic an incident that goes on is mitigated; when the last one ends it is what it was
// before, open or acknowledged. What is over, or closed, stays so. at is flow time. The
// error wraps ErrAction, and then nothing has changed.
func (i *Incident) Act(at time.Time, a *Action, maxTimeline int) (EventType, error) {
	if err := a.validate(); err != nil {
		return "", err
	}
	if at = at.UTC(); at.Before(i.Updated) {
		at = i.Updated
	}
	now := a.clone()
	now.At = at
	for _, s := range []*string{&now.ID, &now.Name, &now.Target, &now.Match, &now.Via, &now.Reason, &now.Detail} {
		*s = clean(*s, maxNote)
	}
	text := now.changed(i.put(&now))
	i.Updated = at
	i.settle()
	if text == "" {
		return Updated, nil
	}
	i.line(maxTimeline, Entry{At: at, Event: ActedEvent, Text: text})
	return ActedEvent, nil
}

// put keeps an action and returns the one before it of the same id, nil for a new one.
// When there are too many the oldest that is over gives way, else the oldest that stops
// nothing, else the oldest.
func (i *Incident) put(a *Action) (before *Action) {
	if n := slices.IndexFunc(i.Actions, func(have Action) bool { return have.ID == a.ID }); n >= 0 {
		was := i.Actions[n]
		i.Actions[n] = *a
		return &was
	}
	i.Actions = append(i.Actions, *a)
	if len(i.Actions) <= maxActions {
		return nil
	}
	out := slices.IndexFunc(i.Actions, func(have Action) bool { return have.Over() })
	if out < 0 {
		out = max(slices.IndexFunc(i.Actions, func(have Action) bool { return !have.Stops() }), 0)
	}
	i.Actions = slices.Delete(i.Actions, out, out+1)
	i.ActionsDropped++
	return nil
}

// settle brings the state of an incident that goes on in line with its actions.
func (i *Incident) settle() {
	switch stopped := i.stopped(); {
	case !i.State.Active():
		i.Acknowledged = false
	case stopped && i.State != Mitigated:
		i.State, i.Acknowledged = Mitigated, i.State == Acknowledged
	case !stopped && i.State == Mitigated:
		if i.State = Open; i.Acknowledged {
			i.State = Acknowledged
		}
		i.Acknowledged = false
	}
}
