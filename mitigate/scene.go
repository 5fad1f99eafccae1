// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"net/netip"

	"tidewatch/decision"
	"tidewatch/guard"
	"tidewatch/incident"
)

// Scene is what is known of the traffic and of the house at the moment.
type Scene interface {
	// Incident returns an incident that goes on, or ended lately.
	Incident(id string) (incident.Incident, bool)
	// Coverage tells what a rule for a target would hit of what passes now; false when
	// nothing is known.
	Coverage(target netip.Prefix, m *decision.Match) (Coverage, bool)
	// Prevalence is with how many own devices an outer address usually talks; false
	// when nobody knows.
	Prevalence(a netip.Addr) (int, bool)
	// Protected lists what nothing may be done to, beside what is configured:
	// exporters, BGP peers, resolvers, ourselves.
	Protected() []guard.Protected
}

// Coverage is what a rule hits, as shares of bytes. An error is half the width of the
// interval that holds the truth with 95 %.
type Coverage struct {
	Covers          *float64 // of the attack as it is now; nil: not known
	CoversError     float64
	Collateral      *float64 // of what is usual; nil: not known
	CollateralError float64
}

// ground is what a decision stands on.
func ground(s Scene, d *decision.Decision, i *incident.Incident) *guard.Ground {
	g := &guard.Ground{Category: d.Category, Vector: d.Vector, Severity: d.Severity, Person: d.Origin == originPerson}
	if i != nil {
		verdict, confidence := incident.RulesVerdict(i)
		g.Verdict, g.Confidence = string(verdict), confidence
		g.Severity = string(i.CurrentSeverity)
		g.Spoofed, g.Sampled = incident.Spoofed(i), incident.Sampled(i)
	}
	if a := outerEnd(d); a.IsValid() {
		if n, known := s.Prevalence(a); known {
			g.Prevalence = &n
		}
	}
	return g
}

// outerEnd is the address of the other side that a rule names, invalid when it names none.
func outerEnd(d *decision.Decision) netip.Addr {
	for _, p := range []netip.Prefix{d.Match.Source, d.Match.Destination} {
		if p.IsValid() && p.IsSingleIP() && !d.Target.Contains(p.Addr()) {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// The origins of decisions.
const (
	originAutomatic = "automatic"
	originApproval  = "approval"
	originPerson    = "person"
)
