// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"slices"

	"tidewatch/detect"
)

// explains reports whether incidents of a category explain an anomaly of the
// same subject: what is attacked, sends data out or scans is not normal.
func explains(c detect.Category) bool {
	return c == detect.DDoSAttack || c == detect.DataExfiltration || c == detect.Reconnaissance
}

// fold takes an anomaly as evidence of an attack on, or by, the same subject
// instead of a second incident, and reports whether it did. An anomaly more
// severe than the attack is never hidden in it.
func (b *Book) fold(f *detect.Finding) bool {
	if f.Category != detect.BaselineAnomaly {
		return false
	}
	parent := b.explanation(f)
	if parent == nil {
		return false
	}
	b.stats.Folded++
	if !parent.inc.State.Active() {
		return true // told already; the attack is over and the window still holds it
	}
	news := false
	for n := range f.Indicators {
		i := f.Indicators[n]
		i.Weight = 0 // it did not count in the score
		if !slices.ContainsFunc(parent.inc.Indicators, func(have Indicator) bool { return have.Name == i.Name }) {
			news = true
		}
		parent.inc.indicate(&i, "")
	}
	if news {
		parent.note(b, Related, "the baseline agrees: "+anomalyText(f), nil)
	}
	return true
}

// explanation finds the incident that explains an anomaly: one that goes on or
// ended lately, about the subject or a prefix around it, at least as severe.
func (b *Book) explanation(f *detect.Finding) *entry {
	for _, c := range [...]detect.Category{detect.DDoSAttack, detect.DataExfiltration, detect.Reconnaissance} {
		for _, group := range [...]string{"", "ddos_outbound"} {
			if e := b.byKey[key{c, group, f.Subject}]; e != nil && b.explainsFinding(e, f) {
				return e
			}
		}
	}
	if e := b.around(f.Subject, detect.DDoSAttack); e != nil && b.explainsFinding(e, f) {
		return e
	}
	return nil
}

func (b *Book) explainsFinding(e *entry, f *detect.Finding) bool {
	inc := &e.inc
	if inc.Severity.Rank() < f.Severity.Rank() || f.Started.Before(inc.Started.Add(-b.cfg.FoldWithin)) {
		return false
	}
	return inc.State.Active() ||
		inc.Reason != ReasonOverflow && !f.Started.After(e.last().Add(b.cfg.FoldWithin))
}

// absorb closes anomalies that turned out to be part of an attack which opened,
// escalated or began again in this tick.
func (b *Book) absorb() {
	for _, p := range b.entries {
		if p.pending.rank() < Escalated.rank() || !explains(p.key.category) || p.key.group == beingScanned || !p.inc.State.Active() {
			continue
		}
		b.gather(p)
		for _, group := range [...]string{"", "silence"} {
			child := b.byKey[key{detect.BaselineAnomaly, group, p.key.subject}]
			if child == nil || !child.inc.State.Active() || child.inc.handled() || child.inc.Severity.Rank() > p.inc.Severity.Rank() ||
				child.inc.Started.Before(p.inc.Started.Add(-b.cfg.FoldWithin)) {
				continue
			}
			b.adopt(p, child)
		}
	}
}

func (b *Book) adopt(p, child *entry) {
	part := "the " + acronyms(spoken(child.inc.Kind)) + " anomaly " + child.inc.ID
	if child.key.category == p.key.category {
		part = "the attack on " + child.inc.Subject + " (" + child.inc.ID + ")"
	}
	for i := range child.inc.Indicators {
		n := child.inc.Indicators[i].Indicator
		n.Weight = 0
		p.inc.indicate(&n, "")
	}
	if len(p.inc.Children) < maxChildren && !slices.Contains(p.inc.Children, child.inc.ID) {
		p.inc.Children = append(p.inc.Children, child.inc.ID)
	}
	p.note(b, Related, part+" is part of this", nil)
	child.inc.Parent = p.inc.ID
	b.stats.Absorbed++
	b.end(child, ReasonAbsorbed, "part of "+p.inc.ID)
}
