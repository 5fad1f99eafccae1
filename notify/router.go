// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"tidewatch/incident"
)

// Limits say how often one sink may be spoken to.
type Limits struct {
	PerMinute   int           // messages in any minute; what is beyond is folded into one digest
	UpdateEvery time.Duration // least time between updates of one incident; Never: none are sent
}

// Never is an UpdateEvery of a sink that is told of beginnings and ends alone.
const Never = time.Duration(1<<63 - 1)

// Router says who hears of an incident. It is pure and safe for concurrent use.
type Router struct {
	rules []*rule
	sinks map[string]Limits
	zone  *time.Location
}

// NewRouter makes the rules of cfg ready. sinks are all that there are; without rules
// each of them hears of everything from medium on. critical are the devices that the
// group of this name stands for.
func NewRouter(cfg *Config, sinks map[string]Limits, critical []netip.Prefix, zone *time.Location) (*Router, error) {
	r := &Router{sinks: sinks, zone: zone}
	names := slices.AppendSeq([]string{}, maps.Keys(sinks)) // never nil: these are all
	slices.Sort(names)
	rules := cfg.Routes
	if len(rules) == 0 {
		rules = []Rule{{Sinks: names}}
	}
	var err error
	r.rules, err = cfg.prepare(rules, names, critical)
	return r, err
}

// prepare checks all rules.
func (c *Config) prepare(rules []Rule, names []string, critical []netip.Prefix) ([]*rule, error) {
	groups := map[string][]netip.Prefix{"critical": critical}
	for _, g := range c.Groups {
		if _, taken := groups[g.Name]; taken || g.Name == "" {
			return nil, fmt.Errorf("groups: %q is no name, or another group's; critical stands for window.critical", g.Name)
		}
		if len(g.Prefixes) == 0 || slices.ContainsFunc(g.Prefixes, func(p netip.Prefix) bool { return !p.IsValid() }) {
			return nil, fmt.Errorf("groups: %s has no prefixes, or one that is no network", g.Name)
		}
		groups[g.Name] = g.Prefixes
	}
	var out []*rule
	for i := range rules {
		ready, err := prepare(&rules[i], names, groups)
		if err != nil {
			return nil, fmt.Errorf("routes: rule %d: %w", i+1, err)
		}
		out = append(out, ready)
	}
	return out, nil
}

// match lists the rules that an incident fits, in order, as far as they are asked.
func (r *Router) match(inc *incident.Incident, now time.Time) []*rule {
	at := now.In(r.zone)
	var out []*rule
	for _, one := range r.rules {
		if !one.fits(inc, at) {
			continue
		}
		if out = append(out, one); !one.Continue {
			break
		}
	}
	return out
}

// Sinks names who hears of an incident at a moment, each once.
func (r *Router) Sinks(inc *incident.Incident, now time.Time) []string {
	var out []string
	for _, one := range r.match(inc, now) {
		for _, s := range one.Sinks {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// opens is when the hours of a rule begin that an incident fits but for them; zero when
// there is none. What still goes on then is told then.
func (r *Router) opens(inc *incident.Incident, now time.Time) time.Time {
	at := now.In(r.zone)
	var first time.Time
	for _, one := range r.rules {
		if len(one.hours) == 0 || one.fits(inc, at) || !one.fitsAnytime(inc) {
			continue
		}
		for _, h := range one.hours {
			if t := h.opens(at); first.IsZero() || t.Before(first) {
				first = t
			}
		}
	}
	return first
}

// escalation is the first rule that says what to do when nobody takes the incident,
// nil when none does. since is when it was told first: the hours of a rule are about
// the beginning.
func (r *Router) escalation(inc *incident.Incident, since time.Time) *rule {
	for _, one := range r.match(inc, since) {
		if len(one.EscalateTo) > 0 {
			return one
		}
	}
	return nil
}
