// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"fmt"
	"slices"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// family is one kind of route that a session may carry.
type family = bgp.Family

// families are those that are spoken here, with their names.
func families() []struct {
	name string
	of   family
} {
	return []struct {
		name string
		of   family
	}{
		{"ipv4_unicast", bgp.RF_IPv4_UC},
		{"ipv6_unicast", bgp.RF_IPv6_UC},
		{"ipv4_flowspec", bgp.RF_FS_IPv4_UC},
		{"ipv6_flowspec", bgp.RF_FS_IPv6_UC},
	}
}

// familyName is the name in configuration, metrics and API.
func familyName(f family) string {
	for _, k := range families() {
		if k.of == f {
			return k.name
		}
	}
	return f.String()
}

// families are those of one peer, in the order of the list of all.
func (p *PeerConfig) families() ([]family, error) {
	var out []family
	for _, k := range families() {
		if len(p.Families) == 0 || slices.Contains(p.Families, k.name) {
			out = append(out, k.of)
		}
	}
	for _, name := range p.Families {
		if !slices.ContainsFunc(out, func(f family) bool { return familyName(f) == name }) {
			return nil, fmt.Errorf("there is no family %q; there are ipv4_unicast, ipv6_unicast, ipv4_flowspec and ipv6_flowspec", name)
		}
	}
	return out, nil
}

// unicast and flowspec are the families of an address's version.
func unicast(is4 bool) family {
	if is4 {
		return bgp.RF_IPv4_UC
	}
	return bgp.RF_IPv6_UC
}

func flowspec(is4 bool) family {
	if is4 {
		return bgp.RF_FS_IPv4_UC
	}
	return bgp.RF_FS_IPv6_UC
}
