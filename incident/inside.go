// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"net/netip"
	"slices"

	"tidewatch/detect"
)

// within takes an attack on a host, or on a smaller prefix, as part of the attack on
// the prefix around it, and reports whether it did: 256 attacked hosts are one incident.
func (b *Book) within(f *detect.Finding) bool {
	if f.Category != detect.DDoSAttack || groupOf(f.Category, f.Kind, &f.Top) != "" {
		return false
	}
	p := b.around(f.Subject, detect.DDoSAttack)
	if p == nil || f.Started.After(p.inc.LastSeen) || f.Started.Before(p.inc.Started.Add(-b.cfg.FoldWithin)) ||
		!p.covers(f.Severity, f.Metrics.PacketsPerSecond, f.Vector, f.Vectors) {
		return false
	}
	b.stats.Folded++
	if !p.inner {
		p.inner = true
		subject, _ := subjectText(f.Subject)
		p.note(b, Related, "parts of it are over limits of their own, "+subject+" first", nil)
	}
	return true
}

// covers reports whether an attack of such a severity, rate and vector is a part of
// this one. What carries more than half of it is a cause of its own.
func (e *entry) covers(s detect.Severity, packets float64, name string, names []string) bool {
	return s.Rank() <= e.inc.Severity.Rank() && 2*packets <= e.inc.Metrics.PeakPacketsPerSecond &&
		slices.ContainsFunc(e.vectors, func(v vector) bool { return v.name == name || slices.Contains(names, v.name) })
}

// gather closes the attacks inside a prefix that turned out to be parts of the attack
// on it. One about which something is done goes on by itself, or its actions would end.
func (b *Book) gather(p *entry) {
	if p.key.category != detect.DDoSAttack || p.key.group != "" || p.key.subject.IsSingleIP() {
		return
	}
	for _, e := range b.entries {
		in := &e.inc
		if e.key.category != p.key.category || e.key.group != "" || !in.State.Active() || !inside(e.key.subject, p.key.subject) ||
			in.Started.Before(p.inc.Started.Add(-b.cfg.FoldWithin)) || in.LastSeen.Before(p.inc.Started) ||
			in.handled() || !p.covers(in.Severity, in.Metrics.PeakPacketsPerSecond, in.Vector, in.Vectors) {
			continue
		}
		b.adopt(p, e)
	}
}

func inside(p, around netip.Prefix) bool {
	return p.Bits() > around.Bits() && around.Contains(p.Addr())
}
