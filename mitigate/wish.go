// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"tidewatch/decision"
	"tidewatch/detect"
	"tidewatch/incident"
)

var (
	errNoFilter = errors.New("no combination of fields tells the attack from other traffic yet")
	errScope    = errors.New("the step is for another scope")
)

// wish makes the decision that a step of a rule would take about an incident, without
// end and state. The error says why the step cannot be taken (yet).
func wish(i *incident.Incident, r *Rule, step int, now time.Time, scene Scene) (*decision.Decision, error) {
	s := &r.Ladder[step]
	subject, err := i.Prefix()
	if err != nil {
		return nil, err
	}
	d := &decision.Decision{
		Incident: i.ID, Category: string(i.Category), Kind: i.Kind, Vector: i.Vector, Severity: string(i.CurrentSeverity),
		Action: s.Action, Scope: "host", Target: subject, Rate: s.Limit(), Via: s.Via,
		Policy: r.Name, Step: step + 1, Effect: decision.EffectUnknown, Created: now, Updated: now,
	}
	if !subject.IsSingleIP() {
		d.Scope = "prefix"
	}
	switch {
	case s.Action == decision.Blackhole || s.Action == decision.Divert:
		if cmp.Or(s.Scope, "host") != d.Scope {
			return nil, errScope
		}
		d.Match = decision.Match{Destination: subject}
	case s.Action == decision.Quarantine:
		d.Match = decision.Match{Source: subject}
	case s.Action == decision.Hook:
		d.Match = decision.Match{Source: subject}
		if i.Category == detect.DDoSAttack && i.Kind != "ddos_outbound" {
			d.Match = decision.Match{Destination: subject}
		}
	case i.Category == detect.DDoSAttack && i.Kind != "ddos_outbound":
		err = arriving(d, i.Filter, scene)
	default:
		err = leaving(d, i)
	}
	if err != nil {
		return nil, err
	}
	return d, d.Match.Validate()
}

// arriving has a rule hit what an attack on the target has in common. A rule for packets
// that must leave out what only whole flows have hits more than the filter says: then
// what it hits of usual traffic is asked of the traffic, and is else not known.
func arriving(d *decision.Decision, f *incident.TrafficFilter, scene Scene) error {
	if f == nil {
		return errNoFilter
	}
	rule, exact := f.Rule()
	d.Match = decision.Match{Source: rule.Source, Destination: d.Target, SrcPort: rule.SrcPort, DstPort: rule.DstPort, Fragment: rule.Fragment}
	if rule.HasProto {
		d.Match.Protocol = f.Protocol
	}
	if rule.HasFlags {
		d.Match.Flags = f.Flags
	}
	if r := rule.PacketBytes; r != (detect.Range{}) {
		d.Match.PacketBytes = &decision.Range{From: uint16(min(r.From, math.MaxUint16)), To: uint16(min(r.To, math.MaxUint16))}
	}
	known := Coverage{Covers: &f.Covers, CoversError: f.CoversError, Collateral: f.Collateral, CollateralError: f.CollateralError}
	if !exact {
		known.Collateral, known.CollateralError = nil, 0
		if got, ok := scene.Coverage(d.Target, &d.Match); ok {
			known.Collateral, known.CollateralError = got.Collateral, got.CollateralError
		}
	}
	d.Covers, d.CoversError = copied(known.Covers), known.CoversError
	d.Collateral, d.CollateralError = copied(known.Collateral), known.CollateralError
	return nil
}

func copied(v *float64) *float64 {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}

// leaving has a rule hit what a device of ours sends to the place it should not.
func leaving(d *decision.Decision, i *incident.Incident) error {
	if !d.Target.IsSingleIP() || len(i.Top.Destinations) == 0 {
		return errors.New("the incident names no device and destination")
	}
	top := &i.Top.Destinations[0]
	to, err := netip.ParseAddr(top.Key)
	if err != nil {
		return fmt.Errorf("the destination %q is no address", top.Key)
	}
	d.Match = decision.Match{Source: d.Target, Destination: netip.PrefixFrom(to, to.BitLen())}
	if top.Share > 0 {
		share := min(top.Share, 1)
		d.Covers = &share
	}
	return nil
}
