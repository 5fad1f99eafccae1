// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"fmt"
	"net/netip"
	"slices"

	"tidewatch/decision"
	"tidewatch/detect"
	"tidewatch/incident"
)

// policy says which rule fits an incident. It is pure.
type policy struct {
	rules  []Rule
	groups map[string][]netip.Prefix
}

func newPolicy(rules []Rule, groups map[string][]netip.Prefix) (*policy, error) {
	for i := range rules {
		for _, g := range rules[i].Groups {
			if _, ok := groups[g]; !ok {
				return nil, fmt.Errorf("policy: rule %s names the group %s, which notify.groups has not", rules[i].Name, g)
			}
		}
	}
	return &policy{rules, groups}, nil
}

// of returns the first rule that fits, nil when none does. Whoever is sure enough is
// not asked here: what a rule wants of confidence is in unsure.
func (p *policy) of(i *incident.Incident) *Rule {
	for n := range p.rules {
		if p.rules[n].fits(i, p.groups) {
			return &p.rules[n]
		}
	}
	return nil
}

// named returns the rule of that name, nil when there is none (any more).
func (p *policy) named(name string) *Rule {
	at := slices.IndexFunc(p.rules, func(r Rule) bool { return r.Name == name })
	if at < 0 {
		return nil
	}
	return &p.rules[at]
}

func (r *Rule) fits(i *incident.Incident, groups map[string][]netip.Prefix) bool {
	switch {
	case r.Category != "" && r.Category != string(i.Category),
		len(r.Kinds) > 0 && !slices.Contains(r.Kinds, i.Kind),
		len(r.Vectors) > 0 && !slices.Contains(r.Vectors, i.Vector),
		detect.Severity(r.MinSeverity).Rank() > i.CurrentSeverity.Rank() && r.MinSeverity != "",
		float64(r.MinBitsPerSecond) > i.Metrics.PeakBitsPerSecond:
		return false
	}
	if len(r.Prefixes) > 0 && !within(i, r.Prefixes) {
		return false
	}
	for _, g := range r.Groups {
		if within(i, groups[g]) {
			return true
		}
	}
	return len(r.Groups) == 0
}

// takes reports whether a decision is that of a step of the rule as it is now.
func (r *Rule) takes(d *decision.Decision) bool {
	return d.Step >= 1 && d.Step <= len(r.Ladder) && r.Ladder[d.Step-1].Action == d.Action
}

// within reports whether the whole subject lies in one of the networks.
func within(i *incident.Incident, in []netip.Prefix) bool {
	p, err := i.Prefix()
	return err == nil && slices.ContainsFunc(in, func(n netip.Prefix) bool { return n.Bits() <= p.Bits() && n.Contains(p.Addr()) })
}

// unsure says why the rules are not sure enough that the incident is a threat, nothing
// when they are.
func (r *Rule) unsure(i *incident.Incident) string {
	switch verdict, confidence := incident.RulesVerdict(i); {
	case verdict == "":
		return "the rules do not judge this incident"
	case verdict != incident.Threat:
		return "the rules call it " + string(verdict)
	case confidence < r.MinConfidence:
		return fmt.Sprintf("the rules are %.0f %% sure that it is a threat; the policy wants %.0f %%", 100*confidence, 100*r.MinConfidence)
	}
	return ""
}
