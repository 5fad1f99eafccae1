// SPDX-License-Identifier: Apache-2.0

package window

import (
	"tidewatch/flow"
	"tidewatch/pages"
)

// table maps an address to a slot number: open addressing with linear probing,
// half full at most, doubled as it grows. An entry is the hash's high half
// beside slot+1, so a probe touches the device itself only on a likely hit.
type table struct {
	entries []uint64
	n       int
	seed    flow.Seed
}

func newTable(seed flow.Seed) table {
	return table{entries: make([]uint64, 1024), seed: seed}
}

const tagMask = 0xffffffff00000000

// find returns the slot of the address with this hash, or -1. is tells whether
// a candidate slot really holds it.
func (t *table) find(h uint64, addr *flow.Addr, at func(int32) *flow.Addr) int32 {
	mask := uint64(len(t.entries) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		e := t.entries[i]
		if e == 0 {
			return -1
		}
		if (e^h)&tagMask == 0 {
			if slot := int32(uint32(e) - 1); *at(slot) == *addr {
				return slot
			}
		}
	}
}

// put adds a slot under a hash that find did not have.
func (t *table) put(h uint64, slot int32, hashOf func(int32) uint64) {
	if 2*(t.n+1) > len(t.entries) {
		t.double(hashOf)
	}
	t.place(h, slot)
	t.n++
}

func (t *table) place(h uint64, slot int32) {
	mask := uint64(len(t.entries) - 1)
	i := h & mask
	for t.entries[i] != 0 {
		i = (i + 1) & mask
	}
	t.entries[i] = h&tagMask | uint64(uint32(slot)+1)
}

func (t *table) double(hashOf func(int32) uint64) {
	old := t.entries
	t.entries = pages.Make[uint64](2 * len(old))
	for _, e := range old {
		if e != 0 {
			slot := int32(uint32(e) - 1)
			t.place(hashOf(slot), slot)
		}
	}
}

// drop removes a slot and closes the gap behind it (backward shift), so that
// later probes need no tombstones.
func (t *table) drop(h uint64, slot int32, hashOf func(int32) uint64) {
	mask := uint64(len(t.entries) - 1)
	i := h & mask
	for uint32(t.entries[i])-1 != uint32(slot) {
		if t.entries[i] == 0 {
			return
		}
		i = (i + 1) & mask
	}
	t.n--
	for j := (i + 1) & mask; t.entries[j] != 0; j = (j + 1) & mask {
		home := hashOf(int32(uint32(t.entries[j])-1)) & mask
		if (j-home)&mask >= (j-i)&mask { // its home is not between the gap and it
			t.entries[i] = t.entries[j]
			i = j
		}
	}
	t.entries[i] = 0
}
