// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"cmp"
	"net/netip"
	"slices"

	"tidewatch/flow"
)

// BusiestDevices is how many addresses are judged as if they were internal when
// no flow of a recording touches an internal network.
const BusiestDevices = 10_000

const busiestPlaces = 1 << 20

// Busiest counts packets by address, to find out who matters in a recording
// whose networks nobody named. Beyond a million addresses new ones are ignored.
type Busiest struct {
	packets map[flow.Addr]uint64
	Ignored uint64 // records with an address that found no place
}

// NewBusiest returns an empty count.
func NewBusiest() *Busiest { return &Busiest{packets: map[flow.Addr]uint64{}} }

// Add counts both ends of every record.
func (c *Busiest) Add(b *flow.Batch) {
	for i := range b.Src {
		for _, a := range [2]*flow.Addr{&b.Src[i], &b.Dst[i]} {
			if a.IsZero() {
				continue
			}
			if _, ok := c.packets[*a]; !ok && len(c.packets) >= busiestPlaces {
				c.Ignored++
				continue
			}
			c.packets[*a] += b.Packets[i] * uint64(max(1, b.Sampling[i]))
		}
	}
}

// Top returns the n busiest addresses as host prefixes, busiest first.
func (c *Busiest) Top(n int) []netip.Prefix {
	all := make([]flow.Addr, 0, len(c.packets))
	for a := range c.packets {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b flow.Addr) int {
		return cmp.Or(cmp.Compare(c.packets[b], c.packets[a]), slices.Compare(a[:], b[:]))
	})
	out := make([]netip.Prefix, 0, min(n, len(all)))
	for _, a := range all[:min(n, len(all))] {
		ip := a.Netip()
		out = append(out, netip.PrefixFrom(ip, ip.BitLen()))
	}
	return out
}
