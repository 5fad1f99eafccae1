// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"net/netip"

	"tidewatch/flow"
)

// The past of a network lies beside those of devices, under an address that no
// device has: in 100::/8, which the IETF reserves (RFC 4291), outside of 100::/64,
// where names are (RFC 6666). The seventh byte is 4 or 6, the eighth the length of
// the prefix, the last eight its first bits. So 10.1.0.0/16 is 100:0:0:410:a01::, and
// a program that knows no networks reads a snapshot with them in it all the same.
const (
	networkBlock = 1
	networkBits  = 64 // longest IPv6 prefix that has a key
)

// Site is the network of everything inside, whatever its addresses are: in the form
// in which addresses are kept, IPv4 lies in ::/0, too.
func Site() netip.Prefix { return netip.PrefixFrom(netip.IPv6Unspecified(), 0) }

// HasKey reports whether the past of a network can be kept: single addresses are
// devices, and the longest IPv6 network is a /64.
func HasKey(p netip.Prefix) bool {
	return p.IsValid() && !p.IsSingleIP() && (p.Addr().Is4() || p.Bits() <= networkBits)
}

// NetworkKey is the address under which the past of a network is kept.
func NetworkKey(p netip.Prefix) (a flow.Addr) {
	p = p.Masked()
	a[0], a[7] = networkBlock, byte(p.Bits())
	if p.Addr().Is4() {
		a[6] = 4
		four := p.Addr().As4()
		copy(a[8:], four[:])
		return a
	}
	a[6] = 6
	all := p.Addr().As16()
	copy(a[8:], all[:8])
	return a
}

// Network is the network whose past is kept under a key; ok is false for a device's.
func Network(a flow.Addr) (p netip.Prefix, ok bool) {
	if a[0] != networkBlock || [5]byte(a[1:6]) != [5]byte{} {
		return p, false
	}
	switch a[6] {
	case 4:
		p = netip.PrefixFrom(netip.AddrFrom4([4]byte(a[8:12])), int(a[7]))
	case 6:
		var all [16]byte
		copy(all[:], a[8:])
		p = netip.PrefixFrom(netip.AddrFrom16(all), int(a[7]))
	default:
		return p, false
	}
	return p, HasKey(p) && NetworkKey(p) == a
}

// Label names who a past belongs to: an address, a network, or "site".
func Label(a flow.Addr) string {
	p, ok := Network(a)
	switch {
	case !ok:
		return a.Netip().String()
	case p == Site():
		return SiteName
	}
	return p.String()
}

// SiteName is what people call the network of everything inside.
const SiteName = "site"
