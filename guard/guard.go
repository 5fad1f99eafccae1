// SPDX-License-Identifier: Apache-2.0

// Package guard says what must never be done to traffic, whoever asks for it: every
// decision passes it before it is carried out, and again whenever the configuration
// changes, the program starts, or the rule is renewed.
//
// Each guard is one entry of the list in rails.go. What it cannot know it takes for the
// worse: an unknown share of usual traffic is held for a person, a missing end refused.
//
// The package is pure: time and all that is known come with the call.
package guard

import (
	"net/netip"
	"time"

	"tidewatch/decision"
)

// Ground is what is known of the incident that a decision stands on.
type Ground struct {
	Category   string   // of the incident
	Vector     string   // of an attack
	Verdict    string   // of the rules, never of a model: threat, legitimate, uncertain; empty: none
	Confidence float64  // of that verdict
	Severity   string   // of the incident as it is now
	Spoofed    *float64 // share of sources that are likely made up; nil: not known
	Prevalence *int     // own devices that usually talk with the rule's source or outer end; nil: not known
	Sampled    bool     // the exporters tell of some packets only
	Person     bool     // a person asked for it, or approved it
}

// Protected is a network that nothing may be done to; an invalid one is none.
type Protected struct {
	Prefix netip.Prefix
	Why    string // "exporter", "BGP peer", "resolver", "tidewatch itself", "configured"
}

// Standing is what else holds at the moment.
type Standing struct {
	Active []decision.Decision // wanted or being taken back, this one left out
	// Begun is when rules were brought in force lately, of the last hour, those that
	// ended since included. When a rule came in force first it is the very time of its
	// Activated, so that nothing is counted twice. What is approved and was never in
	// force is not here: the guards count it in Active.
	Begun     []time.Time
	Protected []Protected // beside the configured ones
}

// Ruling is the answer. Nothing is done when Refused holds anything; when Held does, a
// person must approve it first. Both are sentences for people.
type Ruling struct {
	Refused []string
	Held    []string
	Lease   time.Duration // longest time from now that the rule may have; 0 when it is refused
}
