// SPDX-License-Identifier: Apache-2.0

package incident

import "slices"

// What a guard of actions asks of an incident.

// RulesVerdict is what the rules say it is and how sure they are, never what a model
// says; empty when they say nothing.
func RulesVerdict(i *Incident) (verdict Judgement, confidence float64) {
	if a := i.byRules(); a != nil {
		return a.Verdict, a.Confidence
	}
	return "", 0
}

// twoFlows is what a source that is really there sends at least within a minute, where a
// made-up one sends one: the measure of the indicator flows_per_source.
const twoFlows = 2

// Spoofed is the share of an attack's sources that are likely made up, at least; nil when
// that cannot be known: under sampling, of few sources, and of flows of many packets. If
// of all sources a share s sends one flow and the others two or more, there are at least
// s + 2(1-s) flows a source. Reflectors that answer once each look the same: these are
// real, and as little to be blocked by their addresses.
func Spoofed(i *Incident) *float64 {
	n := slices.IndexFunc(i.Indicators, func(x Indicator) bool { return x.Name == "flows_per_source" })
	if n < 0 || Sampled(i) {
		return nil
	}
	s := min(max(twoFlows-i.Indicators[n].Observed, 0), 1)
	return &s
}

// Sampled reports whether some exporter is known to have told of some packets only.
func Sampled(i *Incident) bool { return i.Metrics.SamplingRate > 1 }
