// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"slices"
	"time"
)

// restoredHold is how long after the first tick of a run an action that an earlier run
// left in force counts without anybody speaking for it. Who has the ledger speaks within
// seconds; every rule ends by itself at the end of its lease, of which the first is a
// minute, so that what nobody speaks for is soon over in the routers, too.
const restoredHold = 2 * time.Minute

// reasonRestart is why such an action is taken for over then.
const reasonRestart = "restart"

// Act is Incident.Act for an incident that the book holds, and returns what changed. An
// incident that is mitigated is not resolved for being quiet, not absorbed, and gives its
// place to no other. Its quiet time begins when the last action ends: an attack that comes
// back within it is the same incident. The error is ErrNotFound for an incident that the
// book does not hold, else that of Incident.Act.
func (b *Book) Act(at time.Time, id string, a *Action) (Event, error) {
	e := b.find(id)
	if e == nil {
		return Event{}, ErrNotFound
	}
	was := e.inc.stopped()
	t, err := e.inc.Act(at, a, b.cfg.MaxTimeline)
	if err != nil {
		return Event{}, err
	}
	e.doubt = slices.DeleteFunc(e.doubt, func(id string) bool { return id == a.ID })
	if was && !e.inc.stopped() {
		b.ease(e)
	}
	e.written = e.inc.Updated
	return Event{At: e.inc.Updated, Type: t, Incident: e.inc.Clone()}, nil
}

// Held returns a copy of an incident that the book holds.
func (b *Book) Held(id string) (Incident, bool) {
	e := b.find(id)
	if e == nil {
		return Incident{}, false
	}
	return e.inc.Clone(), true
}

// ease lets the quiet time begin anew, since nothing keeps the traffic away any more.
// How severe it was counts as reported now: silence behind a filter is no weakness.
func (b *Book) ease(e *entry) {
	e.eased = true
	e.seen = b.now // zero before the first tick, which sets it
	e.levels[max(e.inc.CurrentSeverity.Rank(), 0)] = b.now
}

// remember lists the actions that an earlier run left in force.
func (e *entry) remember() {
	for n := range e.inc.Actions {
		if a := &e.inc.Actions[n]; a.Stops() {
			e.doubt = append(e.doubt, a.ID)
		}
	}
}

// forsake takes what nobody spoke for since the restart for over.
func (e *entry) forsake(b *Book) {
	if len(e.doubt) == 0 || b.now.Before(e.doubtEnds) {
		return
	}
	for n := range e.inc.Actions {
		a := &e.inc.Actions[n]
		if !slices.Contains(e.doubt, a.ID) {
			continue
		}
		a.At, a.State, a.Reason = b.now, ActionWithdrawn, reasonRestart
		a.Detail = "nobody has spoken for it since the restart"
		e.note(b, ActedEvent, a.Text(), nil)
	}
	e.doubt = nil
	if e.inc.settle(); !e.inc.stopped() {
		b.ease(e)
	}
}
