// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"cmp"
	"slices"

	"tidewatch/decision"
)

// those copies the decisions that are not over and that f takes, oldest first.
func (b *book) those(f func(*decision.Decision) bool) []*decision.Decision {
	var out []*decision.Decision
	for _, d := range b.live {
		if f(d) {
			c := d.Clone()
			out = append(out, &c)
		}
	}
	return inOrder(out)
}

// inOrder sorts decisions, oldest first.
func inOrder(all []*decision.Decision) []*decision.Decision {
	slices.SortFunc(all, func(x, y *decision.Decision) int {
		return cmp.Or(x.Created.Compare(y.Created), cmp.Compare(x.ID, y.ID))
	})
	return all
}

func (b *book) sorted() []*decision.Decision {
	return b.those(func(*decision.Decision) bool { return true })
}

// about copies the decisions about an incident that are not over, oldest first.
func (b *book) about(id string) []*decision.Decision {
	out := make([]*decision.Decision, 0, len(b.standby[id]))
	for _, one := range b.standby[id] {
		c := b.live[one].Clone()
		out = append(out, &c)
	}
	return inOrder(out)
}

// hold has a decision among those that are not over.
func (b *book) hold(d *decision.Decision) {
	if b.live[d.ID] == nil && d.Incident != "" {
		b.standby[d.Incident] = append(b.standby[d.Incident], d.ID)
	}
	b.live[d.ID] = d
	if delete(b.rules, d.ID); d.State != decision.Proposed {
		b.rules[d.ID] = d
	}
}

// drop takes it from them.
func (b *book) drop(d *decision.Decision) {
	delete(b.live, d.ID)
	delete(b.rules, d.ID)
	delete(b.noted, d.ID)
	left := slices.DeleteFunc(b.standby[d.Incident], func(id string) bool { return id == d.ID })
	if b.standby[d.Incident] = left; len(left) == 0 {
		delete(b.standby, d.Incident)
	}
}

func (b *book) busy(incident string) bool { return len(b.standby[incident]) > 0 }

// acting reports whether anything is in force against an incident, or on the way.
func (b *book) acting(incident string) bool {
	return slices.ContainsFunc(b.standby[incident], func(id string) bool { return b.live[id].State != decision.Proposed })
}
