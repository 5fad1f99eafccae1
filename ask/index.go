// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"math/rand/v2"

	"tidewatch/flow"
)

// index finds the numbers of keys that stand in a list: open addressing, a third as much
// memory as a map and no pointer. A cell has the upper half of a key's hash and its
// number plus one, so that the list is looked at almost only where the key is.
type index struct {
	seed  flow.Seed // strangers choose what is counted; they must not choose where it lies
	cells []uint64  // a power of two, at most half of them used; 0: free
	used  int
}

const (
	leastCells = 64
	upperHalf  = 0xffffffff << 32
)

func newIndex() index {
	return index{seed: flow.Seed{rand.Uint64(), rand.Uint64()}} //nolint:gosec // nobody sees what follows from it
}

// find is the number of k in list, unknown when it has none.
func find[K comparable](x *index, list []K, k *K, hash uint64) uint32 {
	if len(x.cells) == 0 {
		return unknown
	}
	for at := x.home(hash); ; at = (at + 1) & (len(x.cells) - 1) {
		c := x.cells[at]
		if c == 0 {
			return unknown
		}
		if (c^hash)&upperHalf == 0 {
			if n := uint32(c) - 1; list[n] == *k {
				return n
			}
		}
	}
}

// ahead is how many values are looked up side by side.
const ahead = 32

// likely writes for up to ahead hashes the numbers of those that are probably there, and
// unknown for the others.
func (x *index) likely(hashes []uint64, at *[ahead]uint32) {
	var cells [ahead]uint64
	if len(x.cells) > 0 {
		for i, h := range hashes {
			cells[i] = x.cells[x.home(h)]
		}
	}
	for i, h := range hashes {
		at[i] = unknown
		if c := cells[i]; c != 0 && (c^h)&upperHalf == 0 {
			at[i] = uint32(c) - 1
		}
	}
}

// home is where a key is looked for first. It follows from the half of the hash that
// the cells have.
func (x *index) home(hash uint64) int {
	return int(hash >> 32 * uint64(len(x.cells)) >> 32)
}

// add gives a key that is not there its number.
func (x *index) add(hash uint64, n uint32) {
	if 2*x.used >= len(x.cells) {
		x.grow()
	}
	x.used++
	x.put(hash&upperHalf | uint64(n+1))
}

func (x *index) put(c uint64) {
	at := x.home(c)
	for x.cells[at] != 0 {
		at = (at + 1) & (len(x.cells) - 1)
	}
	x.cells[at] = c
}

func (x *index) grow() {
	old := x.cells
	x.cells = make([]uint64, max(leastCells, 2*len(old)))
	for _, c := range old {
		if c != 0 {
			x.put(c)
		}
	}
}

// clear forgets all keys and keeps the memory.
func (x *index) clear() {
	clear(x.cells)
	x.used = 0
}
