// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"time"

	"tidewatch/decision"
	"tidewatch/outbound"
)

// applied takes what came of bringing a rule in force until a time.
func (b *book) applied(id string, until time.Time, err error) {
	d, missing := b.find(id)
	if missing != nil || !d.State.Wanted() {
		return
	}
	if err != nil {
		text := err.Error()
		b.note(&d, text, "cannot be brought in force, or renewed, at the moment: "+text)
		if d.State == decision.Approved && outbound.IsPermanent(err) { // trying again would not help
			b.end(&d, decision.Expiring, decision.ByActuator, "", "it cannot be brought in force: "+text)
		}
		return
	}
	if d.State != decision.Approved {
		b.note(&d, "", "in force again")
		return
	}
	d.State, d.Activated, d.Error = decision.Active, b.now, ""
	b.inForce(&d)
	b.set(&d, "", "in force until "+until.UTC().Format(time.TimeOnly+" UTC"))
}

// note keeps what an actuator says of a decision, empty when all is well. There is a line
// about it at once when it has none yet, and then once in a while: some errors are other
// ones each time, and some routers fail and answer by turns.
func (b *book) note(d *decision.Decision, text, line string) {
	if d.Error == text {
		return
	}
	d.Error = text
	if at, told := b.noted[d.ID]; told && b.now.Sub(at) < noteEvery {
		b.live[d.ID].Error = text
		return
	}
	if b.noted == nil {
		b.noted = map[string]time.Time{}
	}
	b.noted[d.ID] = b.now
	b.set(d, "", line)
}

// noteEvery is how often at most a decision has a line of its actuator's troubles.
const noteEvery = time.Minute

// takenBack takes what came of taking a rule back.
func (b *book) takenBack(id string, err error) {
	d, missing := b.find(id)
	if missing != nil || d.State != decision.Expiring {
		return
	}
	if err != nil {
		b.note(&d, err.Error(), "cannot be taken back at the moment: "+err.Error())
		return
	}
	d.State, d.Error = decision.Withdrawn, ""
	if d.Reason == decision.ByActuator && d.Activated.IsZero() {
		d.State = decision.Failed
	}
	b.set(&d, "", "nothing of it is in force any more")
	b.went(&d)
}

// settle lets changes stand that could be written down, or, when they could not, undoes
// those that would bring something in force: what the ledger does not know must not be.
// It returns the lines that stand and are still to be written.
func (b *book) settle(changes []change, written bool) []Entry {
	if written {
		return nil
	}
	first, last := map[string]*decision.Decision{}, map[string]int{}
	var order []string
	for i := range changes {
		id := changes[i].entry.Decision.ID
		if _, known := last[id]; !known {
			first[id] = changes[i].before
			order = append(order, id)
		}
		last[id] = i
	}
	var out []Entry
	for _, id := range order {
		before, after := first[id], &changes[last[id]].entry
		if bold(before, &after.Decision) {
			if before == nil {
				b.drop(&after.Decision)
			} else {
				b.hold(before)
			}
			continue
		}
		if before == nil {
			continue // never known, and over: nobody misses it
		}
		out = append(out, *after)
	}
	return out
}

// bold reports whether a change brings something in force, or has it stay for longer.
func bold(before, after *decision.Decision) bool {
	if before == nil {
		return !after.State.Over()
	}
	if !after.State.Wanted() {
		return false
	}
	return !before.State.Wanted() || after.Until.After(before.Until)
}
