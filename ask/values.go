// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"encoding/binary"

	"tidewatch/flow"
)

// unknown is the number of a value that was never given one.
const unknown = ^uint32(0)

// values numbers the distinct values of one dimension. Numbers are packed into the
// shape of an address, so that there is one kind of table for all dimensions.
type values struct {
	index  index
	list   []flow.Addr
	frozen bool // new values get no number
	// small finds numbers below 2^22 without hashing them, a page of 256 KiB for each of
	// their upper halves: ports, protocols, and most AS numbers and interfaces.
	small [maxPages][]uint32

	touched uint64 // means nothing: what was read ahead must be used
}

func newValues() *values {
	return &values{index: newIndex()}
}

// id is the number of v.
func (v *values) id(a flow.Addr) uint32 {
	return v.hashed(&a, v.index.seed.Hash(&a))
}

// hashed is id of a value whose hash is known.
func (v *values) hashed(a *flow.Addr, hash uint64) uint32 {
	if id := find(&v.index, v.list, a, hash); id != unknown || v.frozen {
		return id
	}
	return v.add(a, hash)
}

// all gives those of keys that are wanted their numbers; the others keep what stands in
// ids. Looking them up is reading ahead, as countAll does.
func (v *values) all(keys []flow.Addr, wanted []bool, ids []uint32) {
	var at, hash [ahead]uint64
	var near [ahead]uint32
	n := 0
	look := func() {
		v.index.likely(hash[:n], &near)
		for _, k := range near[:n] {
			if k != unknown {
				v.touched += uint64(v.list[k][15])
			}
		}
		for k := range n {
			ids[at[k]] = v.hashed(&keys[at[k]], hash[k])
		}
		n = 0
	}
	for i := range keys {
		if !wanted[i] {
			continue
		}
		at[n], hash[n] = uint64(i), v.index.seed.Hash(&keys[i])
		if n++; n == ahead {
			look()
		}
	}
	look()
}

// add numbers a value that has no number.
func (v *values) add(a *flow.Addr, hash uint64) uint32 {
	id := uint32(len(v.list))
	v.index.add(hash, id)
	v.list = append(v.list, *a)
	return id
}

// keep forgets all values but those that are marked, and numbers them anew, in the same
// order. It returns the new numbers by the old ones.
func (v *values) keep(marked []bool) (numbers []uint32) {
	numbers = make([]uint32, len(v.list))
	kept := v.list[:0]
	v.index.clear()
	clear(v.small[:])
	for i, a := range v.list {
		if numbers[i] = unknown; marked[i] {
			numbers[i] = uint32(len(kept))
			v.index.add(v.index.seed.Hash(&a), numbers[i])
			kept = append(kept, a)
		}
	}
	v.list = kept
	return numbers
}

// maxPages bounds the memory of small.
const maxPages = 64

// number is id of a packed number.
func (v *values) number(n uint32) uint32 {
	if n>>16 >= maxPages {
		return v.id(packNumber(n))
	}
	table := v.small[n>>16]
	if table == nil {
		table = make([]uint32, 1<<16)
		for i := range table {
			table[i] = unknown
		}
		v.small[n>>16] = table
	}
	id := table[n&0xffff]
	if id == unknown {
		id = v.id(packNumber(n))
		table[n&0xffff] = id
	}
	return id
}

func packNumber(n uint32) (a flow.Addr) {
	binary.BigEndian.PutUint32(a[12:], n)
	return a
}

func unpackNumber(a *flow.Addr) uint32 { return binary.BigEndian.Uint32(a[12:]) }
