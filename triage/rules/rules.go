// SPDX-License-Identifier: Apache-2.0

// Package rules assesses incidents by rules over their numbers: it is the analyst
// of an installation without a model, and the same incident always gets the same
// answer. What speaks for wanted traffic and against it is added up as weights on a
// logit; what that comes to is the verdict, and tables say the rest: the impact, what to
// do, how to find out more. What flows cannot tell is left out.
package rules

import (
	"math"
	"net/netip"

	"tidewatch/detect"
	"tidewatch/incident"
)

// By is how the rules sign.
const By = "rules"

// A threat and wanted traffic are told apart from these likelihoods on; between them
// the judgement is uncertain.
const surelyThreat, surelyLegitimate = 0.3, 0.7

// Device is what is known of a subject beside its incident.
type Device struct {
	Role     string // server, workstation, thing, gateway; empty when nobody knows
	Critical bool   // configured as critical
}

// Analyst judges incidents.
type Analyst struct {
	about    func(netip.Addr) Device
	families [6]family
	priors   [21]prior
	people   []rule
	actions  []advice
	steps    []advice
}

// New returns an analyst. about tells what is known of a device, and may be nil.
func New(about func(netip.Addr) Device) *Analyst {
	return &Analyst{about, families(), priors(), peopleSigns(), actions(), steps()}
}

// Assess judges an incident without further knowledge of its subject.
func Assess(inc *incident.Incident) *incident.Assessment { return New(nil).Assess(inc) }

// Assess judges an incident, nil when it is of a category that has no rules.
func (a *Analyst) Assess(inc *incident.Incident) *incident.Assessment {
	f := facts{Incident: inc}
	if a.about != nil {
		if p, err := inc.Prefix(); err == nil && p.IsSingleIP() {
			f.about = a.about(p.Addr())
		}
	}
	for i := range a.families {
		if a.families[i].category == inc.Category {
			return a.judge(&f, &a.families[i])
		}
	}
	return nil
}

func (a *Analyst) judge(f *facts, by *family) *incident.Assessment {
	logit, reasons := weigh(f, a.prior(f.Kind), by.signs, a.people)
	p := 1 / (1 + math.Exp(-logit))
	out := &incident.Assessment{By: By, Likelihood: math.Round(100*p) / 100, AttackType: attackType(f)}
	switch {
	case out.Likelihood <= surelyThreat:
		out.Verdict, out.Severity, out.Confidence = incident.Threat, f.Severity, 1-out.Likelihood
	case out.Likelihood >= surelyLegitimate:
		out.Verdict, out.Severity, out.Confidence = incident.Legitimate, detect.Low, out.Likelihood
	default:
		out.Verdict, out.Severity, out.Confidence = incident.Unclear, lower(f.Severity), max(out.Likelihood, 1-out.Likelihood)
	}
	out.Reasons = tell(reasons, out.Verdict, by.side)
	out.Cause, out.Impact = cause(f, out.Verdict), impact(f, out.Verdict)
	if out.Verdict != incident.Threat {
		out.Legitimate = explanation(f)
	}
	if out.Verdict != incident.Legitimate {
		out.Techniques = techniques(f, out.Verdict)
	}
	switch f.Category {
	case detect.DDoSAttack:
		out.Botnet, out.AttackerBs = botnet(f), attackerBits(f.Incident)
	case detect.DataExfiltration:
		theft(f, out)
	case detect.CommandControl, detect.Reconnaissance, detect.BaselineAnomaly, detect.Operational:
	}
	out.Priority = priority(f, out)
	out.Actions, out.Steps = advise(a.actions, f, out.Verdict), advise(a.steps, f, out.Verdict)
	return out
}

func (a *Analyst) prior(kind string) float64 {
	for i := range a.priors {
		if a.priors[i].kind == kind {
			return a.priors[i].logit
		}
	}
	return 0 // of a kind that nobody thought of nothing is known
}

func attackType(f *facts) string {
	if f.Vector != "" {
		return f.Vector
	}
	return f.Kind
}

// lower is the next severity below.
func lower(s detect.Severity) detect.Severity {
	order := [...]detect.Severity{detect.Low, detect.Medium, detect.High, detect.Critical}
	return order[max(0, s.Rank()-1)]
}
