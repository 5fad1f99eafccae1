// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// Rule says which sinks hear of which incidents. What it leaves out it does not ask
// for. The first rule that an incident fits decides, unless it says continue.
type Rule struct {
	Sinks         []string       `yaml:"sinks"`                    // names; none: nobody hears of it
	Categories    []string       `yaml:"categories,omitempty"`     // such as ddos_attack
	Kinds         []string       `yaml:"kinds,omitempty"`          // such as exfiltration
	MinSeverity   string         `yaml:"min_severity,omitempty"`   // medium when not set; low is listed and never told
	Prefixes      []netip.Prefix `yaml:"prefixes,omitempty"`       // the subject lies in one of these, or holds one
	Groups        []string       `yaml:"groups,omitempty"`         // likewise, by names of notify.groups; critical is window.critical
	Verdicts      []string       `yaml:"verdicts,omitempty"`       // of the assessment: threat, legitimate, uncertain; without an assessment it is uncertain
	Hours         []string       `yaml:"hours,omitempty"`          // such as mon-fri 08:00-18:00, by the site's clock
	Continue      bool           `yaml:"continue,omitempty"`       // the rules behind it are asked, too
	EscalateTo    []string       `yaml:"escalate_to,omitempty"`    // sinks that hear of it when nobody has acknowledged it in time
	EscalateAfter time.Duration  `yaml:"escalate_after,omitempty"` // what in time is
	EscalateEvery time.Duration  `yaml:"escalate_every,omitempty"` // and again so often; not set: once
}

// rule is a Rule made ready.
type rule struct {
	Rule

	least    int // rank of severity
	prefixes []netip.Prefix
	hours    []span
}

const (
	// shortest is the least time between two reminders: people need it to react.
	shortest = time.Minute
	longest  = 31 * 24 * time.Hour
)

// prepare checks a rule. names are the sinks, nil when they are not known yet.
func prepare(r *Rule, names []string, groups map[string][]netip.Prefix) (*rule, error) {
	out := &rule{Rule: *r, least: detect.Medium.Rank(), prefixes: slices.Clone(r.Prefixes)}
	if r.MinSeverity != "" {
		if out.least = detect.Severity(r.MinSeverity).Rank(); out.least < detect.Medium.Rank() {
			return nil, fmt.Errorf("min_severity is medium, high or critical, not %q", r.MinSeverity)
		}
	}
	for i, p := range out.prefixes {
		if !p.IsValid() {
			return nil, errors.New("prefixes holds something that is no network")
		}
		out.prefixes[i] = unmapped(p)
	}
	for _, g := range r.Groups {
		nets, ok := groups[g]
		if !ok {
			return nil, fmt.Errorf("groups names %s, which notify.groups does not have", g)
		}
		for _, p := range nets {
			out.prefixes = append(out.prefixes, unmapped(p))
		}
	}
	for _, h := range r.Hours {
		s, err := parseHours(h)
		if err != nil {
			return nil, err
		}
		out.hours = append(out.hours, s)
	}
	return out, errors.Join(r.closed(), r.escalation(), r.sinks(names))
}

// closed checks the words of closed sets.
func (r *Rule) closed() error {
	categories := []string{
		string(detect.DDoSAttack), string(detect.DataExfiltration), string(detect.CommandControl), string(detect.Reconnaissance),
		string(detect.BaselineAnomaly), string(detect.Operational),
	}
	verdicts := []string{string(incident.Threat), string(incident.Legitimate), string(incident.Unclear)}
	sets := [...]struct {
		name      string
		have, may []string
	}{
		{"categories", r.Categories, categories},
		{"kinds", r.Kinds, incident.Kinds()},
		{"verdicts", r.Verdicts, verdicts},
	}
	for i := range sets {
		c := &sets[i]
		for _, w := range c.have {
			if !slices.Contains(c.may, w) {
				return fmt.Errorf("%s holds %q; there are %v", c.name, w, c.may)
			}
		}
	}
	return nil
}

func (r *Rule) escalation() error {
	switch {
	case len(r.EscalateTo) == 0 && (r.EscalateAfter != 0 || r.EscalateEvery != 0):
		return errors.New("escalate_to is missing: who is to hear of it")
	case len(r.EscalateTo) == 0:
		return nil
	case r.EscalateAfter < shortest || r.EscalateAfter > longest:
		return fmt.Errorf("escalate_after must lie between %v and %v", shortest, longest)
	case r.EscalateEvery != 0 && (r.EscalateEvery < shortest || r.EscalateEvery > longest):
		return fmt.Errorf("escalate_every must lie between %v and %v", shortest, longest)
	}
	return nil
}

func (r *Rule) sinks(names []string) error {
	if names == nil {
		return nil
	}
	for _, s := range slices.Concat(r.Sinks, r.EscalateTo) {
		if !slices.Contains(names, s) {
			return fmt.Errorf("there is no sink with the name %s", s)
		}
	}
	return nil
}

// fits reports whether an incident is one that the rule is about, at a moment of the
// site's clock.
func (r *rule) fits(inc *incident.Incident, at time.Time) bool {
	return (len(r.hours) == 0 || slices.ContainsFunc(r.hours, func(s span) bool { return s.holds(at) })) && r.fitsAnytime(inc)
}

// fitsAnytime is fits without the hours.
func (r *rule) fitsAnytime(inc *incident.Incident) bool {
	in := func(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }
	verdict := incident.Unclear
	if inc.Assessment != nil {
		verdict = inc.Assessment.Verdict
	}
	return inc.Severity.Rank() >= r.least &&
		in(r.Categories, string(inc.Category)) &&
		in(r.Kinds, inc.Kind) &&
		in(r.Verdicts, string(verdict)) &&
		r.about(inc)
}

// about reports whether the subject is one that the rule names.
func (r *rule) about(inc *incident.Incident) bool {
	if len(r.Prefixes) == 0 && len(r.Groups) == 0 {
		return true
	}
	subject, err := inc.Prefix()
	if err != nil {
		return true // better told to too many than to nobody
	}
	subject = unmapped(subject)
	return slices.ContainsFunc(r.prefixes, subject.Overlaps)
}

// unmapped writes ::ffff:10.0.0.0/104 as 10.0.0.0/8.
func unmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}
