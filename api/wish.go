// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net/netip"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

// Wish is a rule in the words of people: an address stands for itself alone.
type Wish struct {
	Incident string     `json:"incident,omitempty" maxLength:"64" doc:"id of the incident that it is about; or say a target"`
	Target   string     `json:"target,omitempty" maxLength:"64" doc:"own address or prefix; the incident's when absent"`
	Action   string     `json:"action" enum:"blackhole,flowspec_drop,flowspec_rate_limit,divert,block,rate_limit,quarantine,hook" doc:"what to do"`
	Match    *WishMatch `json:"match,omitempty" doc:"which traffic; all of the target's when absent"`
	Rate     uint64     `json:"rate_bytes_per_second,omitempty" doc:"of limits: what they let through"`
	Via      string     `json:"via,omitempty" maxLength:"64" doc:"actuator; the first that can when absent"`
	Minutes  int        `json:"minutes,omitempty" minimum:"1" maximum:"10080" doc:"for how long; guard rails may allow less; when absent, as long as a first try of the policy"`
}

// WishMatch says which packets: those that fit every field that is there.
type WishMatch struct {
	Source      string          `json:"source,omitempty" maxLength:"64" doc:"address or prefix"`
	Destination string          `json:"destination,omitempty" maxLength:"64" doc:"address or prefix"`
	Protocol    string          `json:"protocol,omitempty" maxLength:"16" doc:"name, or number"`
	SrcPort     uint16          `json:"source_port,omitempty"`
	DstPort     uint16          `json:"destination_port,omitempty"`
	Flags       string          `json:"tcp_flags,omitempty" maxLength:"32" doc:"exactly these, such as SYN or SYN+ACK, or none"`
	PacketBytes *decision.Range `json:"packet_bytes,omitempty" doc:"length of the packet with its IP header"`
	Fragment    bool            `json:"fragment,omitempty" doc:"fragments alone"`
}

// request reads the addresses. The error wraps mitigate.ErrRequest.
func (w *Wish) request() (*mitigate.Request, error) {
	r := &mitigate.Request{Incident: w.Incident, Action: decision.Action(w.Action), Rate: w.Rate, Via: w.Via, Minutes: w.Minutes}
	var err error
	if r.Target, err = prefix("target", w.Target); err != nil {
		return nil, err
	}
	if m := w.Match; m != nil {
		r.Match = decision.Match{
			Protocol: m.Protocol, SrcPort: m.SrcPort, DstPort: m.DstPort, Flags: m.Flags, PacketBytes: m.PacketBytes, Fragment: m.Fragment,
		}
		if r.Match.Source, err = prefix("match.source", m.Source); err != nil {
			return nil, err
		}
		if r.Match.Destination, err = prefix("match.destination", m.Destination); err != nil {
			return nil, err
		}
	}
	err = r.Validate()
	return r, err
}

// prefix reads an address or a prefix, as it was written: bits beyond its length are a
// slip of the hand, and what it should have been nobody guesses.
func prefix(field, s string) (netip.Prefix, error) {
	if s == "" {
		return netip.Prefix{}, nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return p, fmt.Errorf("%w: %s: %q is neither an address nor a prefix", mitigate.ErrRequest, field, s)
	}
	return p, nil
}
