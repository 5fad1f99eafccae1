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
	// small finds numbers below 1<<16 without hashing; services use it per protocol.
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

// number is id of a packed number.
func (v *values) number(n uint64) uint32 {
	page := uint32(n >> 16)
	if n>>24 != 0 {
		return v.id(packNumber(n))
	}
	table := v.small[page]
	if table == nil {
		table = make([]uint32, 1<<16)
		for i := range table {
			table[i] = unknown
		}
		v.small[page] = table
	}
	id := table[n&0xffff]
	if id == unknown {
		id = v.id(packNumber(n))
		table[n&0xffff] = id
	}
	return id
}

func packNumber(n uint64) (a flow.Addr) {
	binary.BigEndian.PutUint64(a[8:], n)
	return a
}

func unpackNumber(a *flow.Addr) uint64 { return binary.BigEndian.Uint64(a[8:]) }
