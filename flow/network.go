// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"fmt"
	"net/netip"
)

// ParseNetwork reads an address or a network, as people write them. An address is
// the network of itself.
func ParseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network such as 192.0.2.0/24 or 2001:db8::/32", text)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits set behind its length; write %s", text, p.Masked())
	}
	return p, nil
}

// NetworkOf is the first address of the network that one holder of addresses usually
// has: a /24, a /48 in IPv6.
func NetworkOf(a Addr) Addr {
	if a.Is4() {
		a[15] = 0
		return a
	}
	clear(a[6:])
	return a
}

// NetworkPrefix is that network.
func NetworkPrefix(a Addr) netip.Prefix {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	return netip.PrefixFrom(NetworkOf(a).Netip(), bits)
}
