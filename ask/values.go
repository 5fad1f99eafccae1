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
	ids    map[flow.Addr]uint32
	list   []flow.Addr
	frozen bool // new values get no number
	// small finds numbers without hashing them, a page for each of their upper halves.
	small map[uint32][]uint32
}

func newValues() *values {
	return &values{ids: map[flow.Addr]uint32{}, small: map[uint32][]uint32{}}
}

// id is the number of v.
func (v *values) id(a flow.Addr) uint32 {
	if id, known := v.ids[a]; known {
		return id
	}
	if v.frozen {
		return unknown
	}
	id := uint32(len(v.list))
	v.ids[a] = id
	v.list = append(v.list, a)
	return id
}

// maxPages bounds the memory of small: 256 KiB a page.
const maxPages = 64

// number is id of a packed number.
func (v *values) number(n uint32) uint32 {
	table := v.small[n>>16]
	if table == nil {
		if len(v.small) == maxPages {
			return v.id(packNumber(n))
		}
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
