// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"tidewatch/decision"
)

// ErrRequest says that a request makes no sense by itself, whatever the guard rails say.
var ErrRequest = errors.New("no such request")

// MaxMinutes is the longest time that a person can ask for at once: a week. Guard rails
// may allow less.
const MaxMinutes = 7 * 24 * 60

// Person is who decides, and why. Both are one line of characters that print.
type Person struct{ By, Note string }

// Request is a rule that a person asks for. Policies have no say in it; guard rails do.
type Request struct {
	Incident string          // id of the incident that it is about; empty: of none, and then Target is needed
	Target   netip.Prefix    // own address or prefix; invalid: the incident's
	Action   decision.Action // what to do
	Match    decision.Match  // which traffic; zero: all of the target's
	Rate     uint64          // of limits: bytes per second that they let through
	Via      string          // actuator; empty: the first that can
	Minutes  int             // for how long; 0: as long as a first try of the policy
}

// Validate reports, wrapping ErrRequest, what makes no sense whatever else holds.
func (r *Request) Validate() error {
	fail := func(text string, args ...any) error {
		return fmt.Errorf("%w: "+text, append([]any{ErrRequest}, args...)...)
	}
	switch {
	case r.Incident == "" && !r.Target.IsValid():
		return fail("an incident or a target is needed")
	case r.Target.IsValid() && r.Target != r.Target.Masked():
		return fail("%s has bits beyond its length", r.Target)
	case !r.Action.Known():
		return fail("there is no action %q", r.Action)
	case r.Action.Limits() && r.Rate == 0:
		return fail("%s needs a rate", r.Action)
	case !r.Action.Limits() && r.Rate != 0:
		return fail("%s takes no rate", r.Action)
	case r.Minutes < 0 || r.Minutes > MaxMinutes:
		return fail("minutes lie between 1 and %d", MaxMinutes)
	}
	if err := r.Match.Validate(); err != nil {
		return fail("%w", err)
	}
	return nil
}

// Status is how acting stands.
type Status struct {
	Mode      string           `json:"mode" enum:"dry_run,act,off" doc:"dry_run: everything is decided and nothing is done"`
	Halted    *Halt            `json:"halted,omitempty" doc:"somebody pressed the panic button, so nothing is done by itself; absent: nobody did"`
	Active    int              `json:"active" doc:"rules that are to be in force, or are being taken back"`
	Proposed  int              `json:"proposed" doc:"decisions that wait for a person"`
	Actuators []ActuatorStatus `json:"actuators" nullable:"false"`
}

// ActuatorStatus is how one actuator does.
type ActuatorStatus struct {
	Name     string         `json:"name" doc:"bgp, nftables, or the name of a hook"`
	Health   string         `json:"health,omitempty" doc:"what is wrong with it; absent: nothing"`
	Sessions []RouterStatus `json:"sessions,omitempty" doc:"of bgp: one a router"`
}

// RouterStatus is the session with one router.
type RouterStatus struct {
	Peer  string    `json:"peer" doc:"address of the router"`
	State string    `json:"state" doc:"as BGP calls it, such as established"`
	Since time.Time `json:"since,omitzero"`
}
