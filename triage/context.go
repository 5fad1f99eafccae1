// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"net/netip"
	"time"

	"tidewatch/incident"
)

// Surroundings tells what is known around an incident. app implements it over what is
// learned, planned and stored. Each answer is bounded by whoever gives it.
type Surroundings interface {
	// Subject is the past of the device that an incident is about.
	Subject(ctx context.Context, inc *incident.Incident) (*Subject, error)
	// Planned are events on at the time of an incident, or near it.
	Planned(ctx context.Context, inc *incident.Incident) ([]Planned, error)
	// Similar are past incidents of the same kind, the most alike first.
	Similar(ctx context.Context, inc *incident.Incident) ([]Similar, error)
	// Internal reports whether an address is one of the own.
	Internal(a netip.Addr) bool
}

// Archive answers the tools. What it does not know it says with an empty answer.
type Archive interface {
	// Destination is what the device that an incident is about gave to an address outside
	// and to the network around it, over months, and what is known of that address.
	Destination(ctx context.Context, inc *incident.Incident, a netip.Addr) (*Destination, error)
	// Peers are the usual peers and services of an own device.
	Peers(ctx context.Context, device netip.Addr) (*Peers, error)
	// Incidents are those about an address or network since a moment, newest first.
	Incidents(ctx context.Context, subject string, since time.Time) ([]Similar, error)
}

// Subject is what is usual for a device. Zero values are not known.
type Subject struct {
	Name     Quoted   `json:"name,omitzero"`
	Role     string   `json:"role,omitempty"`
	DaysSeen int      `json:"known_for_days,omitempty"`
	Usual    *Hour    `json:"usual_at_that_hour,omitempty"`
	Services []string `json:"usual_services,omitempty"`
	Active   *float64 `json:"active_in_share_of_weeks_at_that_hour,omitempty"`
}

// Hour is the usual volume of an hour.
type Hour struct {
	BytesIn  float64 `json:"bytes_in"`
	BytesOut float64 `json:"bytes_out"`
}

// Planned is an event that people planned.
type Planned struct {
	Name     Quoted    `json:"name,omitzero"`
	On       bool      `json:"on_during_incident"`
	Here     bool      `json:"covers_subject"`
	Start    time.Time `json:"-"`
	Hours    float64   `json:"lasts_hours"`
	Distance float64   `json:"hours_before_incident,omitempty"` // of one that is not on; negative: it comes later
	Expect   float64   `json:"expected_volume_factor,omitempty"`
}

// Similar is another incident.
type Similar struct {
	ID       string             `json:"-"`
	Subject  string             `json:"subject,omitempty"`
	Same     bool               `json:"same_subject"`
	Kind     string             `json:"kind"`
	Vector   string             `json:"vector,omitempty"`
	Severity string             `json:"severity"`
	DaysAgo  float64            `json:"days_ago"`
	Lasted   float64            `json:"lasted_seconds"`
	Bytes    uint64             `json:"bytes,omitempty"`
	State    incident.State     `json:"state"`
	Said     incident.Verdict   `json:"people_said,omitempty"`
	Rules    incident.Judgement `json:"rules_said,omitempty"`
	Note     Quoted             `json:"note,omitzero"`
}

// Destination is the history of an address outside.
type Destination struct {
	Given   []Given  `json:"given_by_the_subject"`
	Lists   []Quoted `json:"threat_lists,omitempty"`
	AS      string   `json:"autonomous_system,omitempty"`
	Country string   `json:"country,omitempty"`
}

// Given is what a device gave to an address or network within half a year.
type Given struct {
	To    string  `json:"to"`
	Bytes float64 `json:"bytes_sent"`
	Days  int     `json:"days_with_256_kilobytes_or_more"`
	First string  `json:"first_day"`
	Last  string  `json:"last_day"`
}

// Peers is whom and what a device usually talks to.
type Peers struct {
	Role     string   `json:"role,omitempty"`
	Peers    []Peer   `json:"peers"`
	Services []string `json:"services"`
}

// Peer is a usual peer.
type Peer struct {
	Address string  `json:"address,omitempty"`
	Bytes   float64 `json:"bytes"`
	First   string  `json:"first_day"`
	Last    string  `json:"last_day"`
}

// Around is what the surroundings say of one incident.
type Around struct {
	Subject *Subject
	Planned []Planned
	Similar []Similar
	Zone    *time.Location // of the site; nil: UTC
}

// around asks for all of it. Its error is a *FailedError.
func around(ctx context.Context, s Surroundings, inc *incident.Incident) (*Around, error) {
	var a Around
	var err error
	if a.Subject, err = s.Subject(ctx, inc); err != nil {
		return nil, Fail(Lookup, "")
	}
	if a.Planned, err = s.Planned(ctx, inc); err != nil {
		return nil, Fail(Lookup, "")
	}
	if a.Similar, err = s.Similar(ctx, inc); err != nil {
		return nil, Fail(Lookup, "")
	}
	return &a, nil
}
