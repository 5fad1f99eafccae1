// SPDX-License-Identifier: Apache-2.0

package decode

// scratch is memory that one set needs beside the batch's columns. It grows to
// the largest set seen, 65 535 records at most.
type scratch struct {
	sampler  []uint64 // which sampler took the record
	num      []uint64 // first half of a rate in two elements
	duration []int64  // ns
	boot     []int64  // Unix ns
	spans    []span
	due      []pendingSet
}

// reset makes the columns that p uses n long and zero.
func (s *scratch) reset(p *plan, n int) {
	if p.sampler {
		s.sampler = zeroed(s.sampler, n)
	}
	if p.ownRate {
		s.num = zeroed(s.num, n)
	}
	if p.duration {
		s.duration = zeroed(s.duration, n)
	}
	if p.boot {
		s.boot = zeroed(s.boot, n)
	}
}

func zeroed[T any](s []T, n int) []T {
	if n > cap(s) {
		return make([]T, n, max(n, 2*cap(s)))
	}
	s = s[:n]
	clear(s)
	return s
}
