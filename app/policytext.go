// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

// WriteMitigation prints, as comments, what is done about which incident, by whom, and
// what is in the way.
func (c *Config) WriteMitigation(w io.Writer) error {
	m := c.mitigation()
	var b strings.Builder
	b.WriteString("\n# What is done about attacks and thefts (docs/explanation/when-we-act.md):\n")
	switch m.Mode {
	case mitigate.Off:
		b.WriteString("#   nothing: mitigation.mode is off\n")
	case mitigate.DryRun:
		b.WriteString("#   a dry run: everything is decided, kept and shown, and nothing is done (mitigation.mode)\n")
	case mitigate.Act:
		b.WriteString("#   rules are brought in force (mitigation.mode)\n")
	}
	if m.Mode == mitigate.Off {
		_, err := io.WriteString(w, b.String())
		return err
	}
	fmt.Fprintf(&b, "#   by %s\n", strings.Join(m.names(), ", "))
	switch {
	case len(c.Mitigation.Guard.Own) == 0 && m.Mode == mitigate.Act:
		b.WriteString("#   nothing can be announced to routers: mitigation.guard.own names no network\n")
	case len(c.Mitigation.Guard.Own) == 0:
		b.WriteString("#   as if networks.internal were yours to announce; mitigation.guard.own must say so before anything is done\n")
	default:
		fmt.Fprintf(&b, "#   within %s alone\n", strings.Join(texts(m.Guard.Own), ", "))
	}
	if m.Sees == mitigate.NobodyKnows {
		b.WriteString("#   effects are unknown, and a person decides about each stronger step, until mitigation.sees says where the exporters stand\n")
	}
	for i := range m.Policy {
		r := &m.Policy[i]
		fmt.Fprintf(&b, "# %d. %s: %s\n", i+1, r.Name, policyText(r))
		for n := range r.Ladder {
			fmt.Fprintf(&b, "#      %d. %s\n", n+1, stepText(r, n))
			if !m.does(&r.Ladder[n]) {
				b.WriteString("#         nobody who is configured does that: it is left out, and each step after it waits for a person\n")
			}
		}
		if len(r.Ladder) == 0 {
			b.WriteString("#      nothing\n")
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print what is done: %w", err)
	}
	return nil
}

// names are the actuators of a configuration.
func (c *MitigationConfig) names() (out []string) {
	if c.BGP.Enabled() {
		out = append(out, fmt.Sprintf("bgp (routers: %d)", len(c.BGP.Peers)))
	}
	if c.NFTables.Enabled {
		out = append(out, "nftables")
	}
	for i := range c.Hooks {
		out = append(out, "the hook "+c.Hooks[i].Name)
	}
	if len(out) == 0 {
		out = append(out, "nobody: no routers, firewall or hook are configured")
	}
	return out
}

// does reports whether an actuator may carry a step out. A dry run without any decides as
// if there were one for everything.
func (c *MitigationConfig) does(s *mitigate.Step) bool {
	by := map[string][]decision.Action{}
	if c.BGP.Enabled() {
		by["bgp"] = []decision.Action{decision.Blackhole, decision.FlowSpecDrop, decision.FlowSpecRateLimit, decision.Divert}
	}
	if c.NFTables.Enabled {
		by["nftables"] = []decision.Action{decision.Block, decision.RateLimit, decision.Quarantine}
	}
	for i := range c.Hooks {
		by[c.Hooks[i].Name] = c.Hooks[i].Actions
	}
	for name, actions := range by {
		if (s.Via == "" || s.Via == name) && slices.Contains(actions, s.Action) {
			return true
		}
	}
	return len(by) == 0 && c.Mode != mitigate.Act
}

// policyText tells which incidents a rule fits.
func policyText(r *mitigate.Rule) string {
	clauses := []string{"incidents"}
	list := func(what string, items ...string) {
		if len(items) > 0 && items[0] != "" {
			clauses = append(clauses, what+" "+strings.Join(items, " or "))
		}
	}
	list("of category", r.Category)
	list("of kind", r.Kinds...)
	list("by", r.Vectors...)
	list("about", append(texts(r.Prefixes), r.Groups...)...)
	list("from severity", r.MinSeverity)
	if r.MinBitsPerSecond > 0 {
		clauses = append(clauses, fmt.Sprintf("from %d bit/s", r.MinBitsPerSecond))
	}
	if r.MinConfidence > 0 {
		clauses = append(clauses, fmt.Sprintf("of which the rules are %.0f %% sure", 100*r.MinConfidence))
	}
	return strings.Join(clauses, ", ")
}

// stepText tells one step of a ladder.
func stepText(r *mitigate.Rule, n int) string {
	s := &r.Ladder[n]
	first, longest, _ := s.Leases(r)
	text := string(s.Action)
	if s.Action == decision.Blackhole || s.Action == decision.Divert {
		text += " of a " + cmp.Or(s.Scope, "host")
	}
	if rate := s.Limit(); rate > 0 {
		text += fmt.Sprintf(" to %d bytes/s", rate)
	}
	if s.Via != "" {
		text += " by " + s.Via
	}
	if r.Alone(n) {
		text += ", by itself"
	} else {
		text += ", after a person approved it"
	}
	return text + fmt.Sprintf(", for %v first and %v at most at a time", first, longest)
}

func texts(networks []netip.Prefix) []string {
	out := make([]string, 0, len(networks))
	for _, p := range networks {
		out = append(out, p.String())
	}
	return out
}
