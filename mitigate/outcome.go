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
		if changed := d.Error != text; changed {
			d.Error = text
			b.set(&d, "", "not in force yet: "+text)
		}
		if d.State == decision.Approved && outbound.IsPermanent(err) { // trying again would not help
			b.end(&d, decision.Expiring, decision.ByActuator, "", "it cannot be brought in force: "+text)
		}
		return
	}
	switch {
	case d.State == decision.Approved:
		d.State, d.Activated, d.Error = decision.Active, b.now, ""
		b.inForce(&d)
		b.set(&d, "", "in force until "+until.UTC().Format(time.TimeOnly+" UTC"))
	case d.Error != "":
		d.Error = ""
		b.set(&d, "", "in force again")
	}
}

// takenBack takes what came of taking a rule back.
func (b *book) takenBack(id string, err error) {
	d, missing := b.find(id)
	if missing != nil || d.State != decision.Expiring {
		return
	}
	if err != nil {
		if text := err.Error(); d.Error != text {
			d.Error = text
			b.set(&d, "", "not taken back yet: "+text)
		}
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
				delete(b.live, id)
			} else {
				b.live[id] = before
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
