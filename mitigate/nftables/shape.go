// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"tidewatch/decision"
)

// A shape is what decisions have in common that one lookup can serve: which fields
// they ask for, and how many bits of the addresses. Each shape has a set of its own, in
// which a decision is one element, so the cost of a packet grows with the shapes and
// not with the decisions (tuple space search; Srinivasan, Suri and Varghese, 1999). No
// set holds intervals, so prefixes may lie within each other.
type shape struct {
	action   decision.Action
	six      bool
	src, dst int // bits of the address that must fit; 0: any address
	sport    bool
	dport    bool
	proto    int // -1: any
	flags    int // -1: any
	fragment bool
	packets  decision.Range
	sized    bool
}

// place is where a decision stands in the kernel: the set of its shape, and its key.
type place struct{ set, key string }

// placeOf returns the shape of a decision and its key. The decision was checked.
func placeOf(d *decision.Decision) (shape, []byte) {
	if d.Action == decision.Quarantine {
		s := shape{action: d.Action, six: d.Target.Addr().Is6(), dst: d.Target.Bits(), proto: -1, flags: -1}
		return s, d.Target.Addr().AsSlice()
	}
	m := &d.Match
	s := shape{action: d.Action, six: m.Is6(), sport: m.SrcPort != 0, dport: m.DstPort != 0, proto: -1, flags: -1, fragment: m.Fragment}
	var key []byte
	if m.Source.IsValid() {
		s.src, key = m.Source.Bits(), append(key, m.Source.Addr().AsSlice()...)
	}
	if m.Destination.IsValid() {
		s.dst, key = m.Destination.Bits(), append(key, m.Destination.Addr().AsSlice()...)
	}
	for _, port := range [...]uint16{m.SrcPort, m.DstPort} {
		if port != 0 {
			key = append(binary.BigEndian.AppendUint16(key, port), 0, 0) // registers hold four bytes
		}
	}
	if p, ok := m.Proto(); ok {
		s.proto = int(p)
	}
	if f, ok := m.FlagBits(); ok {
		s.flags = int(f)
	}
	if m.PacketBytes != nil {
		s.sized, s.packets = true, *m.PacketBytes
	}
	return s, key
}

// name is that of the shape's set, unambiguous and readable in `nft list`:
// block4_src24_dst32_proto17_sport.
func (s *shape) name() string {
	family := 4
	if s.six {
		family = 6
	}
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%s%d", s.action, family)
	part := func(wanted bool, format string, args ...any) {
		if wanted {
			_, _ = fmt.Fprintf(&b, "_"+format, args...)
		}
	}
	part(s.src > 0, "src%d", s.src)
	part(s.dst > 0, "dst%d", s.dst)
	part(s.proto >= 0, "proto%d", s.proto)
	part(s.sport, "sport")
	part(s.dport, "dport")
	part(s.flags >= 0, "flags%02x", s.flags)
	part(s.sized, "len%d_%d", s.packets.From, s.packets.To)
	part(s.fragment, "fragment")
	return b.String()
}

// untouchable are addresses on which machines rely to talk to themselves and to their
// neighbours.
func untouchable() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"), // loopback
		netip.MustParsePrefix("0.0.0.0/32"), netip.MustParsePrefix("::/128"), // a machine without an address, asking for one
		netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10"), // the link: neighbour discovery, router advertisements
		netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("ff00::/8"), // multicast
		netip.MustParsePrefix("255.255.255.255/32"), // broadcast, DHCP
	}
}

// checkPrefix says why nothing may be done to a prefix.
func checkPrefix(p netip.Prefix) error {
	switch {
	case !p.IsValid() || p != p.Masked() || p.Addr().Is4In6():
		return fmt.Errorf("%s is no prefix that a packet can have", p)
	case p.Bits() == 0:
		return fmt.Errorf("%s is everybody", p)
	}
	for _, u := range untouchable() {
		if u.Overlaps(p) {
			return fmt.Errorf("%s is never touched, and %s lies in it or holds it", u, decision.PrefixText(p))
		}
	}
	return nil
}

// checkMatch says why a match cannot be carried out here.
func checkMatch(m *decision.Match) error {
	if err := m.Validate(); err != nil {
		return err
	}
	if !m.Source.IsValid() && !m.Destination.IsValid() {
		return fmt.Errorf("%s: a rule needs a source or a destination", m)
	}
	for _, p := range [...]netip.Prefix{m.Source, m.Destination} {
		if p.IsValid() {
			if err := checkPrefix(p); err != nil {
				return err
			}
		}
	}
	return nil
}
