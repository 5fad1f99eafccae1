// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"errors"
	"fmt"
	"math"
	"net/netip"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"tidewatch/decision"
)

// The bits of an operator in front of a number (RFC 8955, 4.2.1.1) and of a bit mask
// (4.2.1.2). The length of the value and the end of the list are set by gobgp.
const (
	and     = 0x40 // with the item before; else the items are alternatives
	greater = 0x02
	equal   = 0x01
	less    = 0x04
	not     = 0x02
	all     = 0x01 // of the bits are set; else any of them
)

// tcpFlags are the bits that a rule looks at: FIN, SYN, RST, PSH, ACK, URG. ECE and CWR
// come and go with congestion control (RFC 3168), and say nothing of an attack.
const tcpFlags = 0x3f

// fragmentBits are IsF, FF and LF (RFC 8955, 4.2.2.12): any of them is a fragment. DF is
// no part of it, and must be 0 with IPv6 (RFC 8956, 3.6).
const fragmentBits = 0x02 | 0x04 | 0x08

// flowSpec writes a match as the components of RFC 8955 (IPv4) and RFC 8956 (IPv6), in
// the order of their types.
func flowSpec(m *decision.Match) (*bgp.FlowSpecNLRI, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	if !m.Destination.IsValid() {
		return nil, errors.New("a rule for routers must name its destination: they check by it who may ask for the rule")
	}
	is4 := m.Destination.Addr().Is4()
	dst, err := prefixOf(m.Destination, is4, false)
	if err != nil {
		return nil, err
	}
	out := []bgp.FlowSpecComponentInterface{dst}
	if m.Source.IsValid() && m.Source.Bits() > 0 {
		src, err := prefixOf(m.Source, is4, true)
		if err != nil {
			return nil, err
		}
		out = append(out, src)
	}
	add := func(kind bgp.BGPFlowSpecType, items ...*bgp.FlowSpecComponentItem) {
		if len(items) > 0 {
			out = append(out, bgp.NewFlowSpecComponent(kind, items))
		}
	}
	if proto, ok := m.Proto(); ok {
		add(bgp.FLOW_SPEC_TYPE_IP_PROTO, item(equal, uint64(proto)))
	}
	if m.DstPort != 0 {
		add(bgp.FLOW_SPEC_TYPE_DST_PORT, item(equal, uint64(m.DstPort)))
	}
	if m.SrcPort != 0 {
		add(bgp.FLOW_SPEC_TYPE_SRC_PORT, item(equal, uint64(m.SrcPort)))
	}
	if flags, ok := m.FlagBits(); ok {
		add(bgp.FLOW_SPEC_TYPE_TCP_FLAG, exactly(flags)...)
	}
	if m.PacketBytes != nil {
		add(bgp.FLOW_SPEC_TYPE_PKT_LEN, between(m.PacketBytes)...)
	}
	if m.Fragment {
		add(bgp.FLOW_SPEC_TYPE_FRAGMENT, item(0, fragmentBits))
	}
	return bgp.NewFlowSpecUnicast(flowspec(is4), out)
}

// item is one operator and its value.
func item(op uint8, value uint64) *bgp.FlowSpecComponentItem {
	return bgp.NewFlowSpecComponentItem(op, value)
}

// exactly matches these flags and none of the others that are looked at. One bit mask
// cannot say that: all of the wanted, and not any of the rest.
func exactly(flags uint8) []*bgp.FlowSpecComponentItem {
	var out []*bgp.FlowSpecComponentItem
	if flags != 0 {
		out = append(out, item(all, uint64(flags)))
	}
	if rest := tcpFlags &^ flags; rest != 0 {
		op := uint8(not)
		if len(out) > 0 {
			op |= and
		}
		out = append(out, item(op, uint64(rest)))
	}
	return out
}

// between matches a range with both its ends; an end that excludes nothing is left out.
func between(r *decision.Range) []*bgp.FlowSpecComponentItem {
	if r.From == r.To {
		return []*bgp.FlowSpecComponentItem{item(equal, uint64(r.From))}
	}
	var out []*bgp.FlowSpecComponentItem
	if r.From > 0 {
		out = append(out, item(greater|equal, uint64(r.From)))
	}
	if r.To < math.MaxUint16 {
		op := uint8(less | equal)
		if len(out) > 0 {
			op |= and
		}
		out = append(out, item(op, uint64(r.To)))
	}
	return out
}

func prefixOf(p netip.Prefix, is4, source bool) (bgp.FlowSpecComponentInterface, error) {
	n, err := bgp.NewIPAddrPrefix(p)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", p, err)
	}
	switch {
	case is4 && source:
		return bgp.NewFlowSpecSourcePrefix(n), nil
	case is4:
		return bgp.NewFlowSpecDestinationPrefix(n), nil
	case source:
		return bgp.NewFlowSpecSourcePrefix6(n, 0), nil
	}
	return bgp.NewFlowSpecDestinationPrefix6(n, 0), nil
}

// rate is the extended community that lets bytes a second through (RFC 8955, 7.1); 0
// drops. It has two bytes for an AS number, which only informs: of a longer one the
// lower two are used.
func rate(asn uint32, bytes uint64) bgp.PathAttributeInterface {
	return bgp.NewPathAttributeExtendedCommunities([]bgp.ExtendedCommunityInterface{bgp.NewTrafficRateExtended(uint16(asn), float32(bytes))})
}
