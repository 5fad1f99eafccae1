// SPDX-License-Identifier: Apache-2.0

// Package decision is the vocabulary of acting against traffic: what is decided about
// an incident, which traffic it hits, for how long, and the states that it goes through.
// A decision is data. It is proposed by a policy (package mitigate), judged by guard
// rails (package guard), written to a ledger, and carried out by actuators
// (mitigate/bgp, mitigate/nftables, mitigate/hook), in that order.
//
// The package is pure: it reads no clock and no network.
package decision

import (
	"crypto/sha256"
	"encoding/base32"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Action is what is done to traffic. The first four are done by routers, the rest by
// firewalls and by programs of somebody's own.
type Action string

// The actions. What each hits is said by the decision's Match.
const (
	Blackhole         Action = "blackhole"           // routers drop all traffic to the target (RTBH, RFC 5635 and 7999); it is unreachable, too
	FlowSpecDrop      Action = "flowspec_drop"       // routers drop what matches (RFC 8955, 8956)
	FlowSpecRateLimit Action = "flowspec_rate_limit" // routers let Rate bytes/s of what matches through
	Divert            Action = "divert"              // traffic to the target goes to a scrubbing centre
	Block             Action = "block"               // a firewall drops what matches
	RateLimit         Action = "rate_limit"          // a firewall lets Rate bytes/s of what matches through
	Quarantine        Action = "quarantine"          // all traffic from and to the target, a device of ours, is cut off
	Hook              Action = "hook"                // a program or a web service is told, and does what it does
)

// Actions lists all, from the mildest.
func Actions() []Action {
	return []Action{Hook, FlowSpecRateLimit, RateLimit, FlowSpecDrop, Block, Divert, Quarantine, Blackhole}
}

// Known reports whether there is such an action.
func (a Action) Known() bool { return slices.Contains(Actions(), a) }

// Limits reports whether the action lets a rate through.
func (a Action) Limits() bool { return a == FlowSpecRateLimit || a == RateLimit }

// Whole reports whether the action takes all traffic of its target, so that nothing is
// said by the share of what it matches.
func (a Action) Whole() bool { return a == Blackhole || a == Quarantine || a == Divert || a == Hook }

// State is where a decision stands in its life.
type State string

// The states. A decision begins proposed; rejected, failed and withdrawn are ends.
const (
	Proposed  State = "proposed"  // waits for a person, or for the answer of the guard rails in this moment
	Approved  State = "approved"  // is to be in force, and is not yet
	Active    State = "active"    // is in force until Until, as far as the actuator can tell
	Expiring  State = "expiring"  // is being taken back
	Withdrawn State = "withdrawn" // was taken back, or was never needed
	Failed    State = "failed"    // could not be carried out; nothing of it is in force
	Rejected  State = "rejected"  // by a person or by a guard rail
)

// Over reports whether nothing can happen to the decision any more.
func (s State) Over() bool { return s == Withdrawn || s == Failed || s == Rejected }

// Wanted reports whether the rule is to be in force.
func (s State) Wanted() bool { return s == Approved || s == Active }

// next are the states that may follow each.
func (s State) next() []State {
	switch s {
	case Proposed:
		return []State{Proposed, Approved, Rejected, Withdrawn}
	case Approved:
		return []State{Approved, Active, Expiring, Failed}
	case Active:
		return []State{Active, Expiring}
	case Expiring:
		return []State{Expiring, Withdrawn, Failed}
	case Withdrawn, Failed, Rejected:
	}
	return nil
}

// May reports whether a decision in state s may become n.
func (s State) May(n State) bool { return slices.Contains(s.next(), n) }

// The reasons why a decision is in its state, in the field of that name.
const (
	ByPolicy     = "policy"        // the policy lets it be done without asking
	ByPerson     = "person"        // somebody approved, rejected or withdrew it
	ByGuard      = "guard"         // a guard rail forbids it, now or since a change of the configuration
	ByLease      = "expired"       // its time is over; if the attack comes back it is done again, for longer
	ByTotal      = "total"         // the longest time that the policy allows is over
	ByEnd        = "incident_over" // the incident has ended
	ByNoHelp     = "no_help"       // it matches too little of the attack as it is now
	ByHarm       = "harm"          // it matches too much of what is usual
	ByEscalation = "escalated"     // a stronger step took its place
	ByPanic      = "panic"         // somebody withdrew everything
	ByStop       = "stopped"       // the program stopped
	ByMode       = "mode"          // mitigation was switched off, or to a dry run
	BySuccessor  = "superseded"    // another proposal took its place
	ByActuator   = "actuator"      // it could not be carried out
	ByVerdict    = "verdict"       // a person said that the incident is none
)

// Effect is what a decision was seen to do.
type Effect string

// The effects. Unknown is the answer wherever the exporters do not see the traffic
// before the filter: then silence says nothing.
const (
	EffectUnknown Effect = "unknown"
	EffectHelps   Effect = "helps"   // it matches most of the attack
	EffectNoHelp  Effect = "no_help" // it matches too little of it
	EffectHarms   Effect = "harms"   // it matches too much of what is usual
)

// Decision is one rule against one incident. Bytes and rates are those on the wire,
// above the link layer.
type Decision struct {
	ID       string `json:"id" doc:"stable text id"`
	Incident string `json:"incident" doc:"id of the incident that it is about"`
	Category string `json:"category"`
	Kind     string `json:"kind"`
	Vector   string `json:"vector,omitempty"`
	Severity string `json:"severity"`

	Action Action       `json:"action" enum:"blackhole,flowspec_drop,flowspec_rate_limit,divert,block,rate_limit,quarantine,hook"`
	Scope  string       `json:"scope" enum:"host,prefix"`
	Target netip.Prefix `json:"target" doc:"own address or prefix that is protected, or cut off"`
	Match  Match        `json:"match" doc:"traffic that the rule hits"`
	Rate   uint64       `json:"rate_bytes_per_second,omitempty" doc:"what limits let through"`
	Via    string       `json:"via,omitempty" doc:"actuator: bgp, nftables, or the name of a hook"`

	State  State    `json:"state" enum:"proposed,approved,active,expiring,withdrawn,failed,rejected"`
	Reason string   `json:"reason,omitempty" doc:"why it is in this state"`
	Detail string   `json:"detail,omitempty" doc:"the reason in a sentence"`
	Held   []string `json:"held,omitempty" doc:"why a person must approve it"`
	DryRun bool     `json:"dry_run,omitempty" doc:"everything is decided and nothing is done"`

	Policy string `json:"policy,omitempty" doc:"rule of the policy that wanted it; empty: a person did"`
	Step   int    `json:"step,omitempty" doc:"of the ladder, from 1"`
	Origin string `json:"origin" enum:"automatic,approval,person" doc:"done by itself, after approval, or asked for by a person"`
	By     string `json:"by,omitempty" doc:"who approved, rejected, asked or withdrew last"`

	Covers          *float64 `json:"covers,omitempty" minimum:"0" maximum:"1" doc:"share of the attack's bytes that it hits; absent: not known"`
	CoversError     float64  `json:"covers_error,omitempty" doc:"half width of the 95 % interval"`
	Collateral      *float64 `json:"collateral,omitempty" minimum:"0" maximum:"1" doc:"share of usual traffic's bytes that it hits; absent: not known"`
	CollateralError float64  `json:"collateral_error,omitempty"`
	Effect          Effect   `json:"effect" enum:"unknown,helps,no_help,harms"`

	Created   time.Time `json:"created"`
	Approved  time.Time `json:"approved,omitzero" doc:"when it was approved, by the policy or a person"`
	Activated time.Time `json:"activated,omitzero" doc:"first time in force"`
	Until     time.Time `json:"until,omitzero" doc:"when it ends by itself; every wanted rule has it"`
	Ended     time.Time `json:"ended,omitzero"`
	Updated   time.Time `json:"updated"`
	Error     string    `json:"error,omitempty" doc:"what the actuator said last"`
}

// Key says which rule a decision is, whatever its id: two decisions with the same key
// would be the same rule in a router.
func (d *Decision) Key() string {
	return string(d.Action) + " " + d.Target.String() + " " + d.Match.Key() + " " + d.Via
}

// Clone returns a copy that shares no memory that either side may change.
func (d *Decision) Clone() Decision {
	c := *d
	c.Held = append([]string(nil), d.Held...)
	if d.Match.PacketBytes != nil {
		r := *d.Match.PacketBytes
		c.Match.PacketBytes = &r
	}
	return c
}

// NewID derives an id from what is decided and when. n tells decisions of one moment
// apart.
func (d *Decision) NewID(n int) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		d.Incident, d.Key(), d.Policy, strconv.Itoa(d.Step), strconv.FormatInt(d.Created.UnixNano(), 10), strconv.Itoa(n),
	}, "|")))
	return "mit-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}
