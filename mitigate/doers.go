// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"slices"

	"tidewatch/decision"
)

// pick finds who carries a decision out. Of a dry run without anybody nobody needs to.
func (d *Desk) pick(what *decision.Decision) (via string, ok bool) {
	for i := range d.deps.Actuators {
		a := &d.deps.Actuators[i]
		if (what.Via == "" || what.Via == a.Name) && a.Can(what) == nil {
			return a.Name, true
		}
	}
	return what.Via, d.book.cfg.Mode == DryRun && (len(d.deps.Actuators) == 0 || what.DryRun && what.Via == "")
}

// lasts reports whether what an actuator does stays in force when this program dies.
func (d *Desk) lasts(name string) bool {
	for i := range d.deps.Actuators {
		if a, ok := d.deps.Actuators[i].Actuator.(interface{ Expires() bool }); ok && d.deps.Actuators[i].Name == name {
			return !a.Expires()
		}
	}
	return false
}

// serves reports whether somebody of that name is configured.
func (d *Desk) serves(name string) bool {
	return slices.ContainsFunc(d.deps.Actuators, func(a Named) bool { return a.Name == name })
}
