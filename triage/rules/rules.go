// SPDX-License-Identifier: Apache-2.0

// Package rules assesses incidents by rules over their numbers: it is the analyst
// of an installation without a model, and the same incident always gets the same
// answer. It judges attacks: attack or crowd, by what, how strong the attacker is.
package rules

import (
	"cmp"
	"math"
	"slices"

	"tidewatch/detect"
	"tidewatch/incident"
)

// By is how the rules sign.
const By = "rules"

const (
	// An attack and a crowd are told apart from these likelihoods on; between them
	// the judgement is uncertain.
	surelyThreat, surelyLegitimate = 0.3, 0.7
	// prior is the logit of how likely an incident of severity medium or above is wanted
	// traffic before anything else is known: about 1 in 8, because the detector's gate
	// has already excluded what somebody asked for.
	prior = -2.0
)

// Assess judges an incident, nil when it is of a kind that has no rules.
func Assess(inc *incident.Incident) *incident.Assessment {
	if inc.Category != detect.DDoSAttack {
		return nil
	}
	logit, reasons := weigh(inc)
	p := 1 / (1 + math.Exp(-logit))
	a := &incident.Assessment{By: By, Likelihood: math.Round(100*p) / 100, AttackType: attackType(inc)}
	a.Botnet, a.AttackerBs = botnet(inc), attackerBits(inc)
	switch {
	case a.Likelihood <= surelyThreat:
		a.Verdict, a.Severity, a.Cause, a.Techniques = incident.Threat, inc.Severity, "attack", techniques(inc)
		a.Confidence = 1 - a.Likelihood
		if inc.Kind == "ddos_outbound" {
			a.Cause = "compromise" // an own device does not attack of its own accord
		}
	case a.Likelihood >= surelyLegitimate:
		a.Verdict, a.Severity, a.Cause = incident.Legitimate, detect.Low, "business"
		a.Confidence = a.Likelihood
	default:
		a.Verdict, a.Severity, a.Techniques = incident.Unclear, lower(inc.Severity), techniques(inc)
		a.Confidence = max(a.Likelihood, 1-a.Likelihood)
	}
	a.Reasons = tell(reasons, a.Verdict)
	if a.Verdict != incident.Threat {
		a.Legitimate = explanation(inc)
	}
	return a
}

func attackType(inc *incident.Incident) string { return cmp.Or(inc.Vector, inc.Kind) }

// lower is the next severity below.
func lower(s detect.Severity) detect.Severity {
	order := [...]detect.Severity{detect.Low, detect.Medium, detect.High, detect.Critical}
	return order[max(0, s.Rank()-1)]
}

// reading is what an incident says about an indicator.
type reading struct{ observed, expected float64 }

func read(inc *incident.Incident, name string) (r reading, ok bool) {
	at := slices.IndexFunc(inc.Indicators, func(i incident.Indicator) bool { return i.Name == name })
	if at < 0 {
		return r, false
	}
	i := &inc.Indicators[at]
	return reading{i.Observed, i.Expected}, true
}

// reason is what speaks for wanted traffic (above 0) or for an attack (below).
type reason struct {
	weight float64
	text   string
}

// weigh adds the reasons up, the strongest first.
func weigh(inc *incident.Incident) (logit float64, all []reason) {
	table := evidence()
	for i := range table {
		e := &table[i]
		r, ok := read(inc, e.indicator)
		if !ok || e.indicator == "incomplete_connections" && completes(inc.Vector) {
			continue
		}
		if w := e.weight(r); w != 0 {
			all = append(all, reason{w, e.why(w)})
		}
	}
	for _, v := range impossible() {
		if inc.Vector == v || slices.Contains(inc.Vectors, v) {
			all = append(all, reason{-3, "no stack sends such packets"})
			break
		}
	}
	slices.SortStableFunc(all, func(a, b reason) int { return cmp.Compare(math.Abs(b.weight), math.Abs(a.weight)) })
	logit = prior
	for _, r := range all {
		logit += r.weight
	}
	return logit, all
}

// tell says what the reasons speak for. Those for the verdict stand as they are, and
// those against it are named as such; when there is none, each says its side.
func tell(all []reason, verdict incident.Judgement) (out []string) {
	for _, r := range all {
		attack := r.weight < 0
		switch {
		case verdict == incident.Unclear && attack:
			out = append(out, "for an attack: "+r.text)
		case verdict == incident.Unclear:
			out = append(out, "for wanted traffic: "+r.text)
		case attack != (verdict == incident.Threat):
			out = append(out, "against that: "+r.text)
		default:
			out = append(out, r.text)
		}
	}
	return out
}

// completes reports whether the connections of an attack come about like any other, so
// that they tell nothing.
func completes(vector string) bool {
	return vector == "http_flood" || vector == "slow_http" || vector == "connection_exhaustion"
}

// impossible are vectors that no client causes (RFC 9293, 3.10.7.4).
func impossible() [3]string { return [...]string{"fin_flood", "xmas_flood", "null_flood"} }

// explanation says what it would be if it were wanted.
func explanation(inc *incident.Incident) string {
	if _, ok := read(inc, "scheduled_event"); ok {
		return "a planned event"
	}
	if _, ok := read(inc, "exclusion"); ok {
		return "what people know and call harmless"
	}
	if inc.Kind == "ddos_outbound" {
		return "a transfer or a test that an own device runs against few addresses"
	}
	if r, ok := read(inc, "new_sources"); ok && r.observed < 0.5 {
		return "the device's usual clients, all at once: a campaign, a launch, or a service that stopped answering them"
	}
	return "a crowd: a campaign, a launch, or a link that many follow"
}
