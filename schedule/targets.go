// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// targets finds the events that concern an address.
type targets struct {
	all   []int32 // events without targets
	table bart.Table[*place]
}

// place is a prefix that events name, with the next wider such prefix.
type place struct {
	events []int32
	wider  *place
}

// build enters every event.
func (t *targets) build(events []event) {
	byPrefix := map[netip.Prefix]*place{}
	for i := range events {
		if len(events[i].prefixes) == 0 {
			t.all = append(t.all, int32(i))
		}
		for _, p := range events[i].prefixes {
			at := byPrefix[p]
			if at == nil {
				at = &place{}
				byPrefix[p] = at
			}
			if n := len(at.events); n == 0 || at.events[n-1] != int32(i) {
				at.events = append(at.events, int32(i))
			}
		}
	}
	// Wide ones first, so that a narrow one finds what is around it.
	prefixes := make([]netip.Prefix, 0, len(byPrefix))
	for p := range byPrefix {
		prefixes = append(prefixes, p)
	}
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int { return cmp.Compare(a.Bits(), b.Bits()) })
	for _, p := range prefixes {
		at := byPrefix[p]
		at.wider, _ = t.table.LookupPrefix(p)
		t.table.Insert(p, at)
	}
}
