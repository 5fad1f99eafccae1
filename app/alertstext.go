// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"io"
	"strings"

	"tidewatch/notify"
)

// WriteAlerts prints, as comments, which sinks there are and who hears of what; nothing
// when there are none.
func (c *Config) WriteAlerts(w io.Writer) error {
	entries := c.Notify.all()
	if len(entries) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString("\n# Sinks of alerts; tidewatch check --send-test NAME tries one:\n")
	for _, e := range entries {
		updates := "updates every " + e.limits.UpdateEvery.String() + " at most"
		if e.limits.UpdateEvery == notify.Never {
			updates = "no updates"
		}
		fmt.Fprintf(&b, "#   %s (%s): %d messages a minute at most, %s\n", e.name, e.kind, e.limits.PerMinute, updates)
	}
	b.WriteString("# Who hears of an incident:\n")
	if len(c.Notify.Routes) == 0 {
		b.WriteString("#   all sinks, from severity medium on\n")
	}
	for i := range c.Notify.Routes {
		fmt.Fprintf(&b, "#   %d. %s\n", i+1, ruleText(&c.Notify.Routes[i]))
	}
	if n := len(c.Notify.Routes); n > 0 && !everything(&c.Notify.Routes[n-1]) {
		b.WriteString("#   of what fits no rule, nobody\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print sinks and routes: %w", err)
	}
	return nil
}

// everything reports whether a rule fits every incident that is told at all.
func everything(r *notify.Rule) bool {
	return len(r.Categories)+len(r.Kinds)+len(r.Prefixes)+len(r.Groups)+len(r.Verdicts)+len(r.Hours) == 0 &&
		(r.MinSeverity == "" || r.MinSeverity == "medium")
}

// ruleText tells a rule in words.
func ruleText(r *notify.Rule) string {
	severity := r.MinSeverity
	if severity == "" {
		severity = "medium"
	}
	clauses := []string{"from severity " + severity + " on"}
	list := func(what string, items []string) {
		if len(items) > 0 {
			clauses = append(clauses, what+" "+strings.Join(items, " or "))
		}
	}
	about := make([]string, 0, len(r.Prefixes)+len(r.Groups))
	for _, p := range r.Prefixes {
		about = append(about, p.String())
	}
	list("of category", r.Categories)
	list("of kind", r.Kinds)
	list("about", append(about, r.Groups...))
	list("judged", r.Verdicts)
	list("at", r.Hours)
	text := "nobody hears"
	if len(r.Sinks) > 0 {
		text = strings.Join(r.Sinks, ", ")
	}
	text += ": " + strings.Join(clauses, ", ")
	if len(r.EscalateTo) > 0 {
		text += "; not acknowledged for " + r.EscalateAfter.String() + ": " + strings.Join(r.EscalateTo, ", ")
		if r.EscalateEvery > 0 {
			text += ", again every " + r.EscalateEvery.String()
		}
	}
	if r.Continue {
		text += "; then the next rule"
	}
	return text
}
