// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"cmp"
	"net/netip"
	"slices"

	"tidewatch/flow"
)

// BusiestAsInternal is how many addresses count as devices when no flow of a
// recording touches an internal network (docs: "What counts as a device").
const BusiestAsInternal = 10_000

// busiestRoom is how many addresses Busiest follows per address asked for.
const busiestRoom = 16

// Busiest finds the addresses with most bytes, sent and received together, in
// bounded memory: it follows at most 16 addresses per one asked for, about 60
// bytes each. When there are more, the less busy half is forgotten, so an address
// that comes and goes all along can be credited too little; what an address ever
// lost is no more than what the middle address had by then.
type Busiest struct {
	limit  int
	bytes  map[flow.Addr]uint64
	halved uint64
}

// NewBusiest returns a counter for the top addresses; 0 means BusiestAsInternal.
func NewBusiest(top int) *Busiest {
	if top <= 0 {
		top = BusiestAsInternal
	}
	return &Busiest{limit: max(top*busiestRoom, 64), bytes: map[flow.Addr]uint64{}}
}

// Add counts a batch. Records marked flow.Duplicate are left out.
func (t *Busiest) Add(b *flow.Batch) {
	for i, m := range b.Mark {
		if m&flow.Duplicate == 0 {
			t.add(b.Src[i], b.Bytes[i])
			t.add(b.Dst[i], b.Bytes[i])
		}
	}
}

func (t *Busiest) add(a flow.Addr, bytes uint64) {
	if a.IsZero() {
		return
	}
	t.bytes[a] += bytes
	if len(t.bytes) > t.limit {
		t.halve()
	}
}

// halve forgets the less busy half.
func (t *Busiest) halve() {
	order := t.order()
	for _, a := range order[len(order)/2:] {
		delete(t.bytes, a)
		t.halved++
	}
}

// order lists the addresses, busiest first; equals by address, so that the same
// input gives the same answer.
func (t *Busiest) order() []flow.Addr {
	out := make([]flow.Addr, 0, len(t.bytes))
	for a := range t.bytes {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b flow.Addr) int {
		return cmp.Or(cmp.Compare(t.bytes[b], t.bytes[a]), slices.Compare(a[:], b[:]))
	})
	return out
}

// Forgotten is how often an address was forgotten for want of room.
func (t *Busiest) Forgotten() uint64 { return t.halved }

// Top returns up to n addresses, busiest first.
func (t *Busiest) Top(n int) []netip.Addr {
	order := t.order()
	out := make([]netip.Addr, 0, min(n, len(order)))
	for _, a := range order[:cap(out)] {
		out = append(out, a.Netip())
	}
	return out
}

// Hosts turns addresses into networks of one address each, for Config.Internal.
func Hosts(addrs []netip.Addr) []netip.Prefix {
	out := make([]netip.Prefix, len(addrs))
	for i, a := range addrs {
		out[i] = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
	}
	return out
}
