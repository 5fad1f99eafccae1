// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/netip"
	"slices"

	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/triage/rules"
)

// about tells the analyst what a device seems to be, and whether it is configured as
// critical.
func (e *Engine) about(addr netip.Addr) (d rules.Device) {
	a := flow.AddrFrom(addr)
	if h := e.owner(a).habits.Habits(a); h != nil {
		if role, _ := h.Role(); role != baseline.UnknownRole {
			d.Role = role.String()
		}
	}
	d.Critical = slices.ContainsFunc(e.critical, func(p netip.Prefix) bool { return p.Contains(addr) })
	return d
}
