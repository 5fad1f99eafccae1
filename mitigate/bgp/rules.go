// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"time"
)

// claim is a decision that wants a route, until a moment of the monotonic clock.
type claim struct {
	id    string
	until time.Time // as the decision has it
	end   time.Time // the same moment on the clock that nobody sets
	route *route
}

// rule is one route and the decisions that want it. Two decisions about the same packets
// are one route in a router; the strongest is announced, and the next when it ends.
type rule struct {
	claims    map[string]*claim // by decision
	announced *route            // nil: not yet
}

// strongest is the route to announce; nil when nobody wants one any more.
func (r *rule) strongest() *route {
	var best *claim
	for _, c := range r.claims {
		if best == nil || c.route.stronger(best.route) || !best.route.stronger(c.route) && c.id < best.id {
			best = c
		}
	}
	if best == nil {
		return nil
	}
	return best.route
}

// rules are all of them, by the key of their route and by decision.
type rules struct {
	byKey map[string]*rule
	byID  map[string]*claim
}

func newRules() rules { return rules{byKey: map[string]*rule{}, byID: map[string]*claim{}} }

// put adds or renews a claim. It reports the rules that may have to be announced anew,
// which is a second one when the decision wanted another route before.
func (r *rules) put(c *claim) []string {
	touched := []string{c.route.key}
	if old := r.byID[c.id]; old != nil && old.route.key != c.route.key {
		touched = append(touched, r.drop(c.id)...)
	}
	if r.byKey[c.route.key] == nil {
		r.byKey[c.route.key] = &rule{claims: map[string]*claim{}}
	}
	r.byKey[c.route.key].claims[c.id] = c
	r.byID[c.id] = c
	return touched
}

// drop takes a claim away and reports the rule that it was one of.
func (r *rules) drop(id string) []string {
	c := r.byID[id]
	if c == nil {
		return nil
	}
	delete(r.byID, id)
	delete(r.byKey[c.route.key].claims, id)
	return []string{c.route.key}
}

// ended are the claims whose time is over, and next is when the next one's is; zero when
// there is none.
func (r *rules) ended(now time.Time) (ids []string, next time.Time) {
	for id, c := range r.byID {
		switch {
		case !c.end.After(now):
			ids = append(ids, id)
		case next.IsZero() || c.end.Before(next):
			next = c.end
		}
	}
	return ids, next
}
