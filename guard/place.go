// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"net/netip"
	"slices"

	"tidewatch/decision"
)

// special are addresses that are nobody's host (RFC 6890, 4291): a rule that holds one
// is a mistake.
func special() []Protected {
	return []Protected{
		{netip.MustParsePrefix("0.0.0.0/8"), "this network"},
		{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
		{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
		{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
		{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
		{netip.MustParsePrefix("::/8"), "reserved"}, // unspecified, loopback, IPv4 in IPv6 form, NAT64
		{netip.MustParsePrefix("fe80::/10"), "link-local"},
		{netip.MustParsePrefix("fec0::/10"), "site-local"},
		{netip.MustParsePrefix("ff00::/8"), "multicast"},
	}
}

// addresses asks whether each network of the rule is one.
func (q *question) addresses() {
	if !q.d.Action.Known() {
		q.refuse("there is no action %q", q.d.Action)
	}
	if !q.d.Target.IsValid() {
		q.refuse("a rule needs an own address or prefix as its target")
	}
	for _, p := range q.networks() {
		switch {
		case !p.IsValid():
			q.refuse("%v is no network", p)
		case p.Addr().Is4In6():
			q.refuse("%v is IPv4 in IPv6 form", p)
		case p.Bits() == 0:
			q.refuse("%v is the default route, which no rule ever names", p)
		case p != p.Masked():
			q.refuse("%v has bits beyond its length", p)
		default:
			for _, s := range q.r.special {
				if s.Prefix.Overlaps(p) {
					q.refuse("%s holds %s addresses (%v), which no rule names", decision.PrefixText(p), s.Why, s.Prefix)
				}
			}
		}
	}
}

// networks are those that the rule names.
func (q *question) networks() []netip.Prefix {
	named := make([]netip.Prefix, 0, 3)
	for _, p := range []netip.Prefix{q.d.Target, q.d.Match.Source, q.d.Match.Destination} {
		if p != (netip.Prefix{}) && !slices.Contains(named, p) {
			named = append(named, p)
		}
	}
	return named
}

// announced reports whether routers are told.
func announced(a decision.Action) bool {
	switch a {
	case decision.Blackhole, decision.FlowSpecDrop, decision.FlowSpecRateLimit, decision.Divert:
		return true
	default:
		return false
	}
}

// own asks whether the target is ours. What a rule hits lies in its target, or goes from
// it, as the match guard sees to.
func (q *question) own() {
	target := decision.PrefixText(q.d.Target)
	switch {
	case !announced(q.d.Action):
		if !q.d.Target.IsValid() || covering(q.r.inside, q.d.Target) < 0 {
			q.refuse("%s is not within the own networks: neither in own nor in networks.internal", target)
		}
	case len(q.r.own) == 0:
		q.refuse("no own prefixes are configured, so nothing may be announced: set own, among the guards, to the prefixes that are yours")
	case covering(q.r.own, q.d.Target) < 0:
		q.refuse("%s is not within the own prefixes (own), and only those may be announced", target)
	}
}

// length asks whether a network of the rule is too large.
func (q *question) length() {
	for _, p := range q.networks() {
		key, least := "min_prefix_v6", max(q.r.cfg.MinPrefixV6, floorV6)
		if p.Addr().Is4() {
			key, least = "min_prefix_v4", max(q.r.cfg.MinPrefixV4, floorV4)
		}
		if p.Bits() < least {
			q.refuse("%v is larger than a /%d, the largest network that a rule may name (%s)", p, least, key)
		}
	}
}

// never asks whether the rule touches what nothing may be done to, in any direction: a
// rule against a source that holds a resolver takes that resolver's answers.
func (q *question) never() {
	for _, p := range q.networks() {
		for _, list := range [][]Protected{q.r.never, q.s.Protected} {
			for _, n := range list {
				if protected := unmapped(n.Prefix); protected.Overlaps(p) {
					q.refuse("%s is never touched (%s), and the rule names %s", decision.PrefixText(protected), n.Why, decision.PrefixText(p))
				}
			}
		}
	}
}

// unmapped turns IPv4 in IPv6 form, as sockets tell it, into IPv4. Half of that form is
// all of IPv4: rather too much is protected.
func unmapped(p netip.Prefix) netip.Prefix {
	if !p.IsValid() || !p.Addr().Is4In6() {
		return p
	}
	return netip.PrefixFrom(p.Addr().Unmap(), max(p.Bits()-96, 0)).Masked()
}

// covering returns which of some networks holds another whole, -1 when none does.
func covering(networks []netip.Prefix, p netip.Prefix) int {
	return slices.IndexFunc(networks, func(n netip.Prefix) bool { return holds(n, p) })
}

// holds reports whether outer holds the whole of inner.
func holds(outer, inner netip.Prefix) bool {
	return inner.IsValid() && outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// outermost leaves out networks that lie in others.
func outermost(networks []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range networks {
		if covering(out, p) < 0 {
			out = append(slices.DeleteFunc(out, func(o netip.Prefix) bool { return holds(p, o) }), p)
		}
	}
	return out
}

// routed leaves out what stands for everything: a recording without configuration may
// call the whole internet its own.
func routed(networks []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(networks), func(p netip.Prefix) bool { return !p.IsValid() || p.Bits() == 0 || p.Addr().Is4In6() })
}

// network reads an address or a prefix.
func network(text string) (netip.Prefix, error) {
	a, err := netip.ParseAddr(text)
	p := netip.Prefix{}
	switch {
	case err != nil:
		if p, err = netip.ParsePrefix(text); err != nil {
			return p, fmt.Errorf("%q is neither an address nor a network", text)
		}
	case a.Zone() != "":
		return p, fmt.Errorf("%s has a zone, which means nothing outside of this machine", text)
	default:
		p = netip.PrefixFrom(a, a.BitLen())
	}
	switch {
	case p.Addr().Is4In6():
		return p, fmt.Errorf("%s is IPv4 in IPv6 form, write it as IPv4", text)
	case p != p.Masked():
		return p, fmt.Errorf("%s has bits set behind its length, write %v", text, p.Masked())
	}
	return p, nil
}

// validOwn refuses what nobody owns. The largest that one organisation holds are a /8
// and a /16.
func validOwn(p netip.Prefix) error {
	if !p.IsValid() {
		return fmt.Errorf("%v is no network", p)
	}
	if _, err := network(p.String()); err != nil {
		return err
	}
	shortest := 16
	if p.Addr().Is4() {
		shortest = 8
	}
	if p.Bits() < shortest {
		return fmt.Errorf("%v is more than one organisation has, the shortest is a /%d", p, shortest)
	}
	for _, s := range special() {
		if s.Prefix.Overlaps(p) {
			return fmt.Errorf("%v holds %s addresses, %v", p, s.Why, s.Prefix)
		}
	}
	return nil
}
