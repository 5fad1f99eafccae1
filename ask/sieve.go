// SPDX-License-Identifier: Apache-2.0

package ask

import "math/bits"

// sieve holds groups back that are too light for a table that was full once. A group is
// let in when all that its cell has seen, of this group and of others, is as much as an
// even share of the table: no group is then held back with more than that, and few light
// ones come in (Cormode and Muthukrishnan, An improved data stream summary: the count-min
// sketch, with one row).
type sieve struct {
	cells []uint64 // a power of two
	least uint64
}

// cellsPerGroup makes the usual cell a quarter as heavy as an even share.
const cellsPerGroup = 4

func newSieve(limit int) *sieve {
	return &sieve{cells: make([]uint64, 1<<bits.Len(uint(cellsPerGroup*limit-1)))}
}

func (s *sieve) cell(hash uint64) *uint64 {
	return &s.cells[hash&uint64(len(s.cells)-1)] // the other half of the hash than that of index
}

// lets reports whether a group that now has n more may come in.
func (s *sieve) lets(hash, n uint64) bool {
	c := s.cell(hash)
	if *c+n < s.least {
		*c += n
		return false
	}
	return true
}
