// SPDX-License-Identifier: Apache-2.0

// Package pages keeps large tables in large pages of memory. A flow touches a
// handful of places far apart in tables of a hundred megabytes: with pages of 4 KiB
// the processor has forgotten where nearly each of them lies, and looking it up
// costs as much as the data. It is for memory that lives as long as its owner:
// what Go gives back to the system in between would come back as a whole page.
package pages

import "unsafe"

const (
	first = 8       // elements of a pool's first chunk
	most  = 4 << 20 // bytes of its later chunks at most: two large pages
)

// Make returns n zero values side by side. It is make, where the system has no
// large pages or keeps none for us.
func Make[T any](n int) []T {
	s := make([]T, n)
	if size := uintptr(n) * unsafe.Sizeof(*new(T)); size > 0 {
		advise(unsafe.Pointer(unsafe.SliceData(s)), size) //nolint:gosec // only its address is used
	}
	return s
}

// Pool hands out values that lie side by side and are never given back. Each
// chunk is as large as all before it, so a small pool stays small.
type Pool[T any] struct {
	rest []T
	made int
}

// New returns a zero value that never moves.
func (p *Pool[T]) New() *T {
	if len(p.rest) == 0 {
		fit := max(1, most/int(unsafe.Sizeof(*new(T))))
		p.rest = Make[T](min(max(p.made, first), fit))
		p.made += len(p.rest)
	}
	v := &p.rest[0]
	p.rest = p.rest[1:]
	return v
}
