// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"tidewatch/decision"
)

// route is what a decision is for routers: which traffic (the NLRI), and what is to be
// done to it (the attributes).
type route struct {
	key    string // of the NLRI; one route has one
	family family
	action decision.Action
	rate   uint64
	path   *apiutil.Path
}

// route writes a decision that Can has found possible.
func (c *Config) route(d *decision.Decision) (*route, error) {
	r := &route{action: d.Action, rate: d.Rate}
	var attrs []bgp.PathAttributeInterface
	var nlri bgp.NLRI
	var err error
	switch d.Action {
	case decision.Blackhole, decision.Divert:
		r.family = unicast(d.Target.Addr().Is4())
		if nlri, err = bgp.NewIPAddrPrefix(d.Target); err != nil {
			return nil, fmt.Errorf("write %s: %w", d.Target, err)
		}
		attrs, err = c.unicastAttributes(d, nlri, r.family)
	case decision.FlowSpecDrop, decision.FlowSpecRateLimit:
		r.family = flowspec(d.Match.Destination.Addr().Is4())
		if nlri, err = flowSpec(&d.Match); err != nil {
			return nil, err
		}
		if d.Action == decision.FlowSpecDrop {
			r.rate = 0
		}
		attrs, err = c.flowSpecAttributes(r.rate, nlri, r.family)
	default:
		return nil, fmt.Errorf("routers cannot %s", d.Action)
	}
	if err != nil {
		return nil, err
	}
	raw, err := nlri.Serialize()
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", nlri, err)
	}
	r.key = familyName(r.family) + " " + hex.EncodeToString(raw)
	attrs = append([]bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(bgp.BGP_ORIGIN_ATTR_TYPE_INCOMPLETE)}, attrs...)
	r.path = &apiutil.Path{Family: r.family, Nlri: nlri, Attrs: attrs}
	return r, nil
}

func (c *Config) unicastAttributes(d *decision.Decision, nlri bgp.NLRI, f family) ([]bgp.PathAttributeInterface, error) {
	hop, hop6, list, stay := c.Divert.NextHop, c.Divert.NextHopIPv6, c.Divert.Communities, c.Divert.NoExport
	if d.Action == decision.Blackhole {
		b := &c.Blackhole
		hop, hop6, list, stay = b.NextHop, b.NextHopIPv6, b.of(d.Target.IsSingleIP()), b.NoExport
	}
	marks, err := parseCommunities(list)
	if err != nil {
		return nil, err
	}
	attrs := marks.attributes(stay)
	if f == bgp.RF_IPv4_UC {
		next, err := bgp.NewPathAttributeNextHop(hop)
		if err != nil {
			return nil, fmt.Errorf("write next hop: %w", err)
		}
		return append(attrs, next), nil
	}
	reach, err := bgp.NewPathAttributeMpReachNLRI(f, []bgp.PathNLRI{{NLRI: nlri}}, hop6)
	if err != nil {
		return nil, fmt.Errorf("write next hop: %w", err)
	}
	return append(attrs, reach), nil
}

// flowSpecAttributes have no next hop (RFC 8955, 4).
func (c *Config) flowSpecAttributes(bytes uint64, nlri bgp.NLRI, f family) ([]bgp.PathAttributeInterface, error) {
	reach, err := bgp.NewPathAttributeMpReachNLRI(f, []bgp.PathNLRI{{NLRI: nlri}})
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", nlri, err)
	}
	return []bgp.PathAttributeInterface{reach, rate(c.ASN, bytes)}, nil
}

// stronger reports whether a does more against traffic than b: of two decisions about
// the same packets that one is announced.
func (r *route) stronger(b *route) bool {
	ranks := decision.Actions()
	if ra, rb := slices.Index(ranks, r.action), slices.Index(ranks, b.action); ra != rb {
		return ra > rb
	}
	return r.rate < b.rate
}
