// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"tidewatch/decision"
)

// The shortest prefixes that are ever announced, whatever the guard rails say: nobody's
// own network is larger than the blocks that registries give out.
const (
	shortest4 = 8
	shortest6 = 16
)

// Can says why routers cannot carry a decision out. It looks again at what the guard
// rails have looked at: what is announced is believed by others at once.
func (s *Speaker) Can(d *decision.Decision) error {
	_, err := s.plan(d)
	return err
}

// plan is Can with the route that comes of it.
func (s *Speaker) plan(d *decision.Decision) (*route, error) {
	if err := s.sane(d.Target); err != nil {
		return nil, err
	}
	switch d.Action {
	case decision.Blackhole:
	case decision.Divert:
		if hop := s.cfg.Divert; d.Target.Addr().Is4() && !hop.NextHop.IsValid() || d.Target.Addr().Is6() && !hop.NextHopIPv6.IsValid() {
			return nil, fmt.Errorf("%s cannot be diverted: no next hop of its version is configured", d.Target)
		}
	case decision.FlowSpecDrop, decision.FlowSpecRateLimit:
		if err := s.bound(d); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("routers cannot %s", d.Action)
	}
	r, err := s.cfg.route(d)
	if err != nil {
		return nil, err
	}
	if !s.sessions.configured(r.family) {
		return nil, fmt.Errorf("no peer has the family %s", familyName(r.family))
	}
	return r, nil
}

// bound reports a FlowSpec rule that reaches beyond its target.
func (s *Speaker) bound(d *decision.Decision) error {
	to := d.Match.Destination
	if !to.IsValid() {
		return errors.New("a rule for routers must name its destination: they check by it who may ask for the rule")
	}
	if to.Bits() < d.Target.Bits() || !d.Target.Contains(to.Addr()) {
		return fmt.Errorf("the destination %s lies outside of the target %s", to, d.Target)
	}
	if err := s.sane(to); err != nil {
		return err
	}
	if d.Match.Source.IsValid() && d.Match.Source.Addr().Is4In6() {
		return fmt.Errorf("write %s as a network of IPv4", d.Match.Source)
	}
	if d.Action == decision.FlowSpecRateLimit && d.Rate == 0 {
		return errors.New("a limit of 0 bytes/s is a drop: ask for one")
	}
	return nil
}

// reserved are networks that no host of anybody is in.
func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
		netip.MustParsePrefix("224.0.0.0/3"), // multicast, and what was never given out
		netip.MustParsePrefix("::/16"),       // loopback, IPv4 in disguise
		netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
	}
}

// sane reports a target that nothing must be announced for.
func (s *Speaker) sane(p netip.Prefix) error {
	if !p.IsValid() || p.Addr().Is4In6() || p.Addr().Zone() != "" || p != p.Masked() {
		return fmt.Errorf("%s is no network", p)
	}
	if least := map[bool]int{true: shortest4, false: shortest6}[p.Addr().Is4()]; p.Bits() < least {
		return fmt.Errorf("%s is too large: nothing shorter than /%d is announced", p, least)
	}
	if slices.ContainsFunc(reserved(), p.Overlaps) {
		return fmt.Errorf("%s is no network of hosts", p)
	}
	for _, a := range s.cfg.ownAddresses() {
		if p.Contains(a) {
			return fmt.Errorf("%s holds %s, an end of the sessions with routers", p, a)
		}
	}
	return nil
}

// ownAddresses are the ends of the sessions and the next hops: without them no rule can
// be taken back, or none works.
func (c *Config) ownAddresses() []netip.Addr {
	out := append([]netip.Addr{c.LocalAddress, c.RouterID, c.Blackhole.NextHop, c.Blackhole.NextHopIPv6, c.Divert.NextHop, c.Divert.NextHopIPv6}, c.Listen...)
	for i := range c.Peers {
		out = append(out, c.Peers[i].Address, c.Peers[i].LocalAddress)
	}
	return slices.DeleteFunc(out, func(a netip.Addr) bool { return !a.IsValid() })
}
