// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/netip"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// attackedNets are the prefixes that were attacked, with the Unix hour up to which the
// hours of their devices must not be learned.
type attackedNets map[netip.Prefix]int64

// maxAttacked bounds them; there are no more prefixes that are followed at once.
const maxAttacked = 1024

// note takes a finding about an attack on a prefix.
func (n attackedNets) note(f *detect.Finding, now int64) {
	if _, known := n[f.Subject]; !known && len(n) >= maxAttacked {
		for p, until := range n {
			if until < now/3600-2 {
				delete(n, p)
			}
		}
		if len(n) >= maxAttacked {
			return
		}
	}
	n[f.Subject] = f.Last.Unix()/3600 + 1
}

// around reports whether an address lies in a prefix that was attacked in an hour.
func (n attackedNets) around(a flow.Addr, network int, layout *window.Networks, hour int64) bool {
	if len(n) == 0 {
		return false
	}
	in := func(p netip.Prefix) bool {
		until, ok := n[p]
		return ok && hour <= until && hour >= until-48
	}
	if in(window.Block(a)) {
		return true
	}
	for ; network > 0; network = layout.Parent(network) {
		if in(layout.Prefix(network)) {
			return true
		}
	}
	return false
}
