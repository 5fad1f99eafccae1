// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// noExport is NO_EXPORT (RFC 1997): the route stays in the neighbour's AS.
const noExport = 65535<<16 | 65281

// maxCommunities is far beyond what routes carry, and keeps an UPDATE in one message.
const maxCommunities = 32

// communities are the standard (RFC 1997) and the large ones (RFC 8092) of a route.
type communities struct {
	standard []uint32
	large    []*bgp.LargeCommunity
}

// parseCommunities reads "65535:666" and "4200000000:666:1".
func parseCommunities(list []string) (communities, error) {
	var out communities
	if len(list) > maxCommunities {
		return out, fmt.Errorf("a route may have %d communities, not %d", maxCommunities, len(list))
	}
	for _, text := range list {
		bits := 16
		parts := strings.Split(text, ":")
		if len(parts) == 3 {
			bits = 32
		}
		var n [3]uint32
		for i, part := range parts {
			v, err := strconv.ParseUint(part, 10, bits)
			if err != nil || len(parts) < 2 || len(parts) > 3 {
				return out, fmt.Errorf("%q is no community; write 65535:666, or 4200000000:666:1 for a large one", text)
			}
			n[i] = uint32(v)
		}
		if len(parts) == 3 {
			out.large = append(out.large, bgp.NewLargeCommunity(n[0], n[1], n[2]))
		} else {
			out.standard = append(out.standard, n[0]<<16|n[1])
		}
	}
	return out, nil
}

// attributes are those of a route that have anything to say.
func (c communities) attributes(withNoExport bool) []bgp.PathAttributeInterface {
	var out []bgp.PathAttributeInterface
	standard := c.standard
	if withNoExport {
		standard = append(slices.Clip(standard), noExport)
	}
	if len(standard) > 0 {
		out = append(out, bgp.NewPathAttributeCommunities(standard))
	}
	if len(c.large) > 0 {
		out = append(out, bgp.NewPathAttributeLargeCommunities(c.large))
	}
	return out
}

// nextHop reports an address that no route may point to.
func nextHop(a netip.Addr, is4 bool, key string) error {
	if a.Is4() != is4 || a.Is4In6() || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.Zone() != "" {
		return fmt.Errorf("%s: %s is no next hop of that version", key, a)
	}
	return nil
}

func (c *BlackholeConfig) validate() error {
	if err := errors.Join(nextHop(c.NextHop, true, "next_hop"), nextHop(c.NextHopIPv6, false, "next_hop_ipv6")); err != nil {
		return err
	}
	for _, list := range [][]string{c.Communities, c.HostCommunities, c.PrefixCommunities} {
		if _, err := parseCommunities(list); err != nil {
			return err
		}
	}
	for _, host := range []bool{true, false} {
		if len(c.of(host)) == 0 {
			return errors.New("a blackhole without a community is a route that takes the traffic")
		}
	}
	return nil
}

// of are the communities of a single address, or of a network.
func (c *BlackholeConfig) of(host bool) []string {
	switch {
	case host && len(c.HostCommunities) > 0:
		return c.HostCommunities
	case !host && len(c.PrefixCommunities) > 0:
		return c.PrefixCommunities
	}
	return c.Communities
}

func (c *DivertConfig) validate() error {
	if c.NextHop.IsValid() {
		if err := nextHop(c.NextHop, true, "next_hop"); err != nil {
			return err
		}
	}
	if c.NextHopIPv6.IsValid() {
		if err := nextHop(c.NextHopIPv6, false, "next_hop_ipv6"); err != nil {
			return err
		}
	}
	_, err := parseCommunities(c.Communities)
	return err
}
