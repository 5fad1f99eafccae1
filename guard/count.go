// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"tidewatch/decision"
)

// Longest is the time that a rule may be given at once, with a person behind it or
// without.
func (r *Rails) Longest(person bool) time.Duration {
	if person {
		return r.cfg.MaxLease
	}
	return r.cfg.MaxLeaseAutomatic
}

// end asks when the rule ends by itself.
func (q *question) end() {
	left := q.d.Until.Sub(q.now)
	switch {
	case q.d.Until.IsZero():
		q.refuse("it has no end, and every rule must end by itself")
	case left <= 0:
		q.refuse("its end, %s, is over", q.d.Until.UTC().Format(time.RFC3339))
	case left > q.r.Longest(q.g.Person):
		q.refuse("it would end after %v, and at most %v may be given at once", left.Round(time.Second), q.r.Longest(q.g.Person))
	}
}

// twice asks whether the rule adds anything to what holds. A rule that is being taken
// back cannot be asked for again before it is gone: its end would take both.
func (q *question) twice() {
	q.others(func(o *decision.Decision) {
		switch {
		case same(o, q.d) && o.State == decision.Expiring:
			q.refuse("the same rule is just being taken back (%s)", o.ID)
		case same(o, q.d):
			q.refuse("the same rule is there already (%s)", o.ID)
		case o.State.Wanted() && includes(o, q.d):
			q.refuse("a wider rule is there already: %s of %s (%s)", o.Action, decision.PrefixText(o.Target), o.ID)
		}
	})
}

// same reports whether two decisions would be one rule, however they are spelt.
func same(a, b *decision.Decision) bool {
	return a.Action == b.Action && a.Target == b.Target && a.Via == b.Via && takes(&a.Match, &b.Match) && takes(&b.Match, &a.Match)
}

// includes reports whether all that d does is done by o.
func includes(o, d *decision.Decision) bool {
	firewall := d.Action == decision.Block || d.Action == decision.RateLimit
	switch o.Action {
	case decision.Blackhole:
		if d.Action == decision.Blackhole || d.Action == decision.Divert {
			return holds(o.Target, d.Target)
		}
		return !d.Action.Whole() && holds(o.Target, d.Match.Destination)
	case decision.Quarantine:
		return (d.Action == decision.Quarantine || firewall) && holds(o.Target, d.Target)
	case decision.Divert, decision.Hook: // nobody here knows what comes of it
		return false
	default:
		milder := o.Action == decision.FlowSpecDrop && d.Action == decision.FlowSpecRateLimit || o.Action == decision.Block && d.Action == decision.RateLimit
		return (milder || o.Action == d.Action) && o.Via == d.Via && takes(&o.Match, &d.Match) && o.Rate <= d.Rate
	}
}

// kind is a group of actions that are counted together.
type kind struct {
	name, key string
	max       int
	of        [2]decision.Action
}

func (c *Config) kind(a decision.Action) kind {
	switch a {
	case decision.Blackhole:
		return kind{"blackholes", "max_blackhole", c.MaxBlackhole, [2]decision.Action{a}}
	case decision.FlowSpecDrop, decision.FlowSpecRateLimit:
		return kind{"FlowSpec rules", "max_flowspec", c.MaxFlowSpec, [2]decision.Action{decision.FlowSpecDrop, decision.FlowSpecRateLimit}}
	case decision.Divert:
		return kind{"diversions", "max_divert", c.MaxDivert, [2]decision.Action{a}}
	case decision.Block, decision.RateLimit:
		return kind{"rules of firewalls", "max_firewall", c.MaxFirewall, [2]decision.Action{decision.Block, decision.RateLimit}}
	case decision.Quarantine:
		return kind{"quarantines", "max_quarantine", c.MaxQuarantine, [2]decision.Action{a}}
	case decision.Hook:
		return kind{"hooks", "max_hook", c.MaxHook, [2]decision.Action{a}}
	}
	return kind{name: "rules of an unknown kind"}
}

// caps asks how much holds already.
func (q *question) caps() {
	k := q.r.cfg.kind(q.d.Action)
	all, alike, about := 0, 0, 0
	q.others(func(o *decision.Decision) {
		all++
		if o.Action == k.of[0] || o.Action == k.of[1] {
			alike++
		}
		if o.Incident == q.d.Incident && o.Incident != "" {
			about++
		}
	})
	if all >= q.r.cfg.MaxActive {
		q.refuse("%d rules hold already, and at most %d may (max_active)", all, q.r.cfg.MaxActive)
	}
	if alike >= k.max {
		q.refuse("%d %s hold already, and at most %d may (%s)", alike, k.name, k.max, k.key)
	}
	if about >= q.r.cfg.MaxPerIncident {
		q.refuse("%d rules about this incident hold already, and at most %d may (max_per_incident)", about, q.r.cfg.MaxPerIncident)
	}
}

// pace asks how much was begun within the last minute. What lies in the future counts:
// the clock was set back, and nobody knows better. After a start nobody may know what
// was begun and ended, but those that hold tell their beginning.
func (q *question) pace() {
	if q.standing {
		return
	}
	var begun []time.Time
	lately := func(t time.Time) bool { return q.now.Sub(t) < time.Minute }
	for _, t := range q.s.Begun {
		if lately(t) {
			begun = append(begun, t)
		}
	}
	n := len(begun)
	q.others(func(o *decision.Decision) {
		if o.Activated.IsZero() || lately(o.Activated) && !slices.ContainsFunc(begun, o.Activated.Equal) {
			n++
		}
	})
	if n >= q.r.cfg.MaxPerMinute {
		q.refuse("%d rules were begun within the last minute, and at most %d may be (max_per_minute)", n, q.r.cfg.MaxPerMinute)
	}
}

// forPeople is the part of a cap on outages that is not used up without a person.
const forPeople = 0.2

// cutOff asks how much of the own network cannot be reached already: by number within
// the own prefix around the target, since an IPv6 host is no share of anything, and by
// share of the own addresses, since a prefix is many hosts.
func (q *question) cutOff() {
	d, c := q.d, &q.r.cfg
	if !cutsOff(d.Action) {
		return
	}
	pool := q.r.own
	if covering(pool, d.Target) < 0 {
		pool = q.r.inside
	}
	i := covering(pool, d.Target)
	if i < 0 {
		return // the guard of own prefixes refuses it
	}
	number, taken := 1, size(d.Target)
	q.others(func(o *decision.Decision) {
		if !cutsOff(o.Action) || o.Target.Addr().Is4() != d.Target.Addr().Is4() || o.Target == d.Target {
			return
		}
		if holds(pool[i], o.Target) {
			number++
		}
		if covering(pool, o.Target) >= 0 && !holds(d.Target, o.Target) {
			taken += size(o.Target)
		}
	})
	share := taken / space(pool, d.Target.Addr().Is4())
	switch {
	case number > c.MaxCutOff:
		q.refuse("%d blackholes and quarantines would hold within %v, and at most %d may (max_cut_off_per_prefix)", number, pool[i], c.MaxCutOff)
	case float64(number) > (1-forPeople)*float64(c.MaxCutOff):
		q.hold("%d blackholes and quarantines would hold within %v, of %d that may (max_cut_off_per_prefix)", number, pool[i], c.MaxCutOff)
	}
	switch {
	case share > c.MaxCutOffShare:
		q.refuse("%.3g %% of the own addresses would be cut off, and at most %.3g %% may be (max_cut_off_share)", 100*share, 100*c.MaxCutOffShare)
	case share > (1-forPeople)*c.MaxCutOffShare:
		q.hold("%.3g %% of the own addresses would be cut off, of %.3g %% that may be (max_cut_off_share)", 100*share, 100*c.MaxCutOffShare)
	}
}

func cutsOff(a decision.Action) bool { return a == decision.Blackhole || a == decision.Quarantine }

// size is the share of its whole family that a prefix takes.
func size(p netip.Prefix) float64 { return math.Ldexp(1, -p.Bits()) }

// space is the share of a family that networks take together.
func space(networks []netip.Prefix, v4 bool) float64 {
	sum := 0.0
	for _, p := range networks {
		if p.Addr().Is4() == v4 {
			sum += size(p)
		}
	}
	return sum
}
