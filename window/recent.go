// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math"
	"net/netip"
	"slices"

	"tidewatch/flow"
)

const (
	recentSlots = 3 // of ten seconds each, the running one included
	recentSpan  = 10
)

// recents are samples of the inbound flows of a suspected device by ten seconds of
// arrival, of those classes alone that the suspicion is about: what a rule against them
// would hit at this moment, also when the attack has just turned to something else. The
// samples by minute cannot tell that: in the first seconds of a minute they hold little
// that is new. 6 KiB; allocated with the suspicion and given back with it.
type recents struct {
	stamps [recentSlots]int64   // Unix time / 10, plus one; 0: none
	least  [recentSlots]float64 // what a priority must exceed to enter
	flows  [recentSlots]reservoir
}

func (r *recents) add(p *piece, w, chance float64, now int64) {
	stamp := now/recentSpan + 1
	i := stamp % recentSlots
	if r.stamps[i] != stamp {
		r.stamps[i], r.least[i] = stamp, 0
		r.flows[i] = reservoir{}
	}
	if w > r.least[i]*chance {
		r.least[i] = r.flows[i].add(p, w/chance)
	}
}

// blame adds to the classes that a device is suspected for, none when what it is about
// is not known.
func (c *closeup) blame(x *closeups, classes uint32) {
	if !c.suspicious() {
		c.classes = 0
	}
	if c.classes |= classes; c.classes != 0 && c.recent == nil {
		c.recent = x.takeRecent()
	}
}

func (x *closeups) takeRecent() (r *recents) {
	if n := len(x.freeRecent); n > 0 {
		r, x.freeRecent = x.freeRecent[n-1], x.freeRecent[:n-1]
		*r = recents{}
		return r
	}
	return x.recent.New()
}

// clear takes the recent samples of a close-up back, if it has some.
func (x *closeups) clear(c *closeup) {
	if c.recent != nil {
		x.freeRecent = append(x.freeRecent, c.recent)
		c.recent, c.classes = nil, 0
	}
}

// Recent lists a sample of the inbound flows that arrived in the ten seconds of the Unix
// second from and later, of those classes that the device is suspected for: 24 at most of
// each ten seconds, thirty seconds at most.
func (h *Host) Recent(from int64) (out []Sample) {
	if h.near == nil || h.near.recent == nil {
		return nil
	}
	r := h.near.recent
	for i, stamp := range r.stamps {
		if stamp > from/recentSpan {
			out = r.flows[i].appendTo(out)
		}
	}
	slices.SortStableFunc(out, func(a, b Sample) int { return int(min(max(a.Start-b.Start, math.MinInt32), math.MaxInt32)) })
	return out
}

// Host is a device that is seen second by second, nil for another.
func (t *Tracker) Host(a flow.Addr) *Host {
	i := t.dev.find(t.cfg.Seed.Hash(&a), &a)
	if i < 0 {
		return nil
	}
	if hot := t.dev.at(i).hot; hot >= 0 {
		return t.hot[hot]
	}
	return nil
}

// Followed is a prefix that is followed second by second, nil for another.
func (t *Tracker) Followed(net netip.Prefix) *Prefix {
	for _, x := range t.prefixes.followed {
		if x.used && x.Net == net {
			return x
		}
	}
	return nil
}
