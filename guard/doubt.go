// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"net/netip"
	"slices"

	"tidewatch/decision"
)

// threat is the verdict that something may be done by itself.
const threat = "threat"

// verdict asks whether the rules, not a model, are sure enough. Comparisons are written
// so that what is no number fails.
func (q *question) verdict() {
	g, c := q.g, &q.r.cfg
	switch {
	case g.Verdict == "":
		q.hold("there is no verdict on the incident")
	case g.Verdict != threat:
		q.hold("the verdict on the incident is %s", g.Verdict)
	case !(g.Confidence >= c.MinConfidence):
		q.hold("the verdict is %.0f %% sure, and %.0f %% are needed (min_confidence)", 100*g.Confidence, 100*c.MinConfidence)
	}
	if g.Severity == "low" {
		q.hold("the severity is low")
	}
	if q.d.Action.Whole() || q.d.Covers == nil {
		return
	}
	if least := *q.d.Covers - max(q.d.CoversError, 0); !(least >= c.MinCovers) {
		q.hold("it may hit as little as %.0f %% of the attack, and %.0f %% are needed (min_covers)", 100*max(least, 0), 100*c.MinCovers)
	}
}

// alone asks whether an action may be done without a person at all.
func (q *question) alone() {
	a := q.d.Action
	if !slices.Contains(q.r.cfg.Automatic, string(a)) {
		q.hold("a person must approve each %s (automatic)", a)
	}
	if a == decision.Blackhole && !q.d.Target.IsSingleIP() && !q.r.cfg.AutomaticPrefixes {
		q.hold("a person must approve a blackhole of more than one address (automatic_prefixes)")
	}
}

// collateral asks what the rule costs: the upper end of what is usual and would be hit.
func (q *question) collateral() {
	d := q.d
	if d.Action.Whole() {
		return
	}
	if d.Collateral == nil {
		q.hold("it is not known how much usual traffic it would hit")
		return
	}
	c := &q.r.cfg
	key, ask, most := "drop", c.AskCollateralDrop, c.MaxCollateralDrop
	switch {
	case d.Action.Limits():
		key, ask, most = "limit", c.AskCollateralLimit, c.MaxCollateralLimit
	case d.Action == decision.Block:
		key, ask, most = "block", c.AskCollateralBlock, c.MaxCollateralBlock
	}
	worst := min(*d.Collateral+max(d.CollateralError, 0), 1) // a share; its error may reach beyond
	switch {
	case !(worst <= most):
		q.refuse("it would hit up to %.0f %% of usual traffic, and at most %.0f %% may be (max_collateral_%s)", 100*worst, 100*most, key)
	case !(worst <= ask):
		q.hold("it would hit up to %.0f %% of usual traffic, and beyond %.0f %% a person decides (ask_collateral_%s)", 100*worst, 100*ask, key)
	}
}

// outerEnd asks whom a rule singles out that is not its target. Whoever sends with made
// up sources chooses them.
func (q *question) outerEnd() {
	d, g, c := q.d, q.g, &q.r.cfg
	outer, named := d.Match.Source, "source"
	if holds(d.Target, d.Match.Source) && !holds(d.Target, d.Match.Destination) {
		outer, named = d.Match.Destination, "destination"
	}
	if cutsOff(d.Action) || d.Action == decision.Divert || outer == (netip.Prefix{}) {
		return
	}
	text := decision.PrefixText(outer)
	if slices.ContainsFunc(q.r.inside, outer.Overlaps) {
		q.hold("it names the %s %s, which is our own, too", named, text)
	}
	if named == "source" {
		switch {
		case g.Sampled:
			q.hold("it names the source %s, and from sampled packets nobody can tell whether sources are made up", text)
		case g.Spoofed == nil:
			q.hold("it names the source %s, and it is not known whether sources are made up", text)
		case !(*g.Spoofed <= c.MaxSpoofed):
			q.hold("it names the source %s, and %.0f %% of the sources are likely made up, of %.0f %% that may be (max_spoofed)", text, 100**g.Spoofed, 100*c.MaxSpoofed)
		}
	}
	switch {
	case g.Prevalence == nil:
		q.hold("it names the %s %s, and it is not known who usually talks with it", named, text)
	case *g.Prevalence > c.MaxPrevalence:
		q.hold("it names the %s %s, with which %d own devices usually talk, and %d may (max_prevalence)", named, text, *g.Prevalence, c.MaxPrevalence)
	}
}
