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
func wish(i *incident.Incident, r *Rule, step int, now time.Time) (*decision.Decision, error) {
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
		err = arriving(d, i.Filter)
	default:
		err = leaving(d, i)
	}
	if err != nil {
		return nil, err
	}
	return d, d.Match.Validate()
}

// arriving has a rule hit what an attack on the target has in common.
func arriving(d *decision.Decision, f *incident.TrafficFilter) error {
	if f == nil {
		return errNoFilter
	}
	m, err := ruleOf(&f.Filter, d.Target)
	if err != nil {
		return err
	}
	d.Match = *m
	covers := f.Covers
	d.Covers, d.CoversError = &covers, f.CoversError
	if f.Collateral != nil {
		hits := *f.Collateral
		d.Collateral, d.CollateralError = &hits, f.CollateralError
	}
	return nil
}

// ruleOf translates what flows have in common into what packets can be told by.
func ruleOf(f *detect.Filter, target netip.Prefix) (*decision.Match, error) {
	m := &decision.Match{Destination: target, Protocol: f.Protocol, SrcPort: f.SrcPort, DstPort: f.DstPort, Fragment: f.Fragment}
	if f.SourcePrefix != "" {
		p, err := netip.ParsePrefix(f.SourcePrefix)
		if err != nil {
			return nil, fmt.Errorf("read the filter: %w", err)
		}
		m.Source = p
	}
	if f.Flags != "" {
		if !onOnePacket(f.Flags) {
			return nil, fmt.Errorf("packets cannot be told by %s, the flags of whole connections", f.Flags)
		}
		m.Flags = f.Flags
	}
	if r := f.PacketBytes; r != nil {
		m.PacketBytes = &decision.Range{From: uint16(min(r.From, math.MaxUint16)), To: uint16(min(r.To, math.MaxUint16))}
	}
	return m, nil
}

// onOnePacket reports whether a combination of flags stands on single packets, real ones
// or those that only attackers send. The flags of a flow are those of all its packets
// together, and a combination that only whole connections have matches no packet.
func onOnePacket(flags string) bool {
	switch flags {
	case "SYN", "ACK", "RST", "FIN", "SYN+ACK", "RST+ACK", "FIN+ACK", "PSH+ACK", "none", "FIN+PSH+URG", "FIN+SYN":
		return true
	}
	return false
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
