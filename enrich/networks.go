// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"encoding/binary"
	"net/netip"

	"github.com/gaissmai/bart"

	"tidewatch/flow"
)

// What is known of all addresses that begin with the same 16 bits.
const (
	allOutside = iota
	allInside
	mixed // the prefix table knows
)

// networks is a set of prefixes. Most networks are no longer than 16 bits, so
// two small maps of the first 16 bits (16 KiB each, they stay in the first cache)
// answer nearly all questions; the rest goes to the prefix table.
type networks struct {
	v4, v6 sixteen
	table  bart.Lite
}

// sixteen holds two bits for each value of an address's first 16 bits.
type sixteen [1 << 16 / 32]uint64

func (s *sixteen) at(i uint16) uint64      { return s[i>>5] >> (i & 31 * 2) & 3 }
func (s *sixteen) set(i uint16, to uint64) { s[i>>5] = s[i>>5]&^(3<<(i&31*2)) | to<<(i&31*2) }

func newNetworks(prefixes []netip.Prefix) *networks {
	n := &networks{}
	for _, p := range prefixes {
		n.table.Insert(p.Masked())
	}
	for _, p := range prefixes {
		half := &n.v6
		if p.Addr().Is4() {
			half = &n.v4
		}
		first := binary.BigEndian.Uint16(p.Addr().AsSlice())
		if p.Bits() > 16 {
			if half.at(first) == allOutside {
				half.set(first, mixed)
			}
			continue
		}
		for i := range 1 << (16 - p.Bits()) {
			half.set(first&^uint16(1<<(16-p.Bits())-1)+uint16(i), allInside)
		}
	}
	return n
}

// contains reports whether a lies in one of the prefixes.
func (n *networks) contains(a *flow.Addr) bool {
	var known uint64
	if is4(a) {
		known = n.v4.at(binary.BigEndian.Uint16(a[12:]))
	} else {
		known = n.v6.at(binary.BigEndian.Uint16(a[:]))
	}
	if known != mixed {
		return known == allInside
	}
	return n.table.Contains(a.Netip())
}
