// SPDX-License-Identifier: Apache-2.0

package window

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"tidewatch/flow"
)

// MaxNetworks bounds the networks whose devices are summed; every one costs a few
// hundred bytes here, and a past.
const MaxNetworks = 256

// Networks says which networks' devices are summed. Number 0 is the site: whatever
// is inside. A network has a higher number than those around it. It never changes,
// so shards share it.
type Networks struct {
	prefixes []netip.Prefix // of the site: ::/0
	parents  []uint16
	table    bart.Table[uint16]
}

// NewNetworks takes the first MaxNetworks of the prefixes, which may lie in each other.
func NewNetworks(prefixes []netip.Prefix) *Networks {
	all := slices.Clone(prefixes[:min(len(prefixes), MaxNetworks)])
	for i := range all {
		all[i] = all[i].Masked()
	}
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		return cmp.Or(cmp.Compare(a.Bits(), b.Bits()), a.Addr().Compare(b.Addr()))
	})
	n := &Networks{prefixes: []netip.Prefix{netip.PrefixFrom(netip.IPv6Unspecified(), 0)}, parents: []uint16{0}}
	for _, p := range slices.Compact(all) {
		parent, _ := n.table.Lookup(p.Addr()) // only wider ones are in it yet
		n.table.Insert(p, uint16(len(n.prefixes)))
		n.prefixes, n.parents = append(n.prefixes, p), append(n.parents, parent)
	}
	return n
}

// Len is the number of networks, the site included; that of no networks is 1.
func (n *Networks) Len() int {
	if n == nil {
		return 1
	}
	return len(n.prefixes)
}

// Prefix is network i; the site is ::/0.
func (n *Networks) Prefix(i int) netip.Prefix { return n.prefixes[i] }

// Parent is the smallest network around network i, the site for most; that of the
// site is the site.
func (n *Networks) Parent(i int) int { return int(n.parents[i]) }

// Within reports whether network i is network outer or lies in it.
func (n *Networks) Within(i, outer int) bool {
	for i > outer {
		i = n.Parent(i)
	}
	return i == outer
}

// of is the most specific network of an address.
func (n *Networks) of(a *flow.Addr) uint16 {
	if n == nil {
		return 0
	}
	i, _ := n.table.Lookup(a.Netip())
	return i
}

// stale is for how many seconds a device without traffic may still have some in its
// open hours.
const stale = 2 * 3600

// netSums is what the devices of a shard amount to that have a network as their
// most specific one.
type netSums struct{ five, hour Sums }

// Network is the number of the device's most specific network, see Networks.
func (d Device) Network() int { return int(d.dev.net) }

// ClosedHour sums the running hour up to the newest closed minute. With
// Window.Hour that is the hour which just closed.
func (d Device) ClosedHour() Sums { return d.dev.hours[(d.w.Now/60-lateness)/60&1].Sums }
