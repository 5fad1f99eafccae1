// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"encoding/binary"
	"fmt"

	"tidewatch/flow"
)

// Name is what Open was told.
func (f *File) Name() string { return f.name }

// Version is the version of the format that the file was written in.
func (f *File) Version() int { return f.version }

// Rows is how many flows the file has.
func (f *File) Rows() int64 { return f.rows }

// Groups are the row groups, in the order of time.
func (f *File) Groups() []Group { return f.groups }

// Times are the Received of the first and the last row, as far as the file tells
// them without being read: ok is false when it does not.
func (f *File) Times() (first, last int64, ok bool) {
	for i := range f.groups {
		lo, hi, known := f.groups[i].Wide(Received)
		if !known {
			return 0, 0, false
		}
		if i == 0 {
			first, last = lo, hi
		}
		first, last = min(first, lo), max(last, hi)
	}
	return first, last, len(f.groups) > 0
}

// Rows is how many flows the group has.
func (g *Group) Rows() int { return g.rows }

// Small are the smallest and the largest value of a column of small numbers. ok
// is false when they are not known: then the column must be read.
func (g *Group) Small(c Column) (lo, hi uint32, ok bool) {
	k := &g.chunks[c]
	if columns()[c].kind != small || k.lo == nil {
		return 0, 0, false
	}
	return binary.LittleEndian.Uint32(k.lo), binary.LittleEndian.Uint32(k.hi), true
}

// Wide are the bounds of a column of large numbers, likewise.
func (g *Group) Wide(c Column) (lo, hi int64, ok bool) {
	k := &g.chunks[c]
	if columns()[c].kind != wide || k.lo == nil {
		return 0, 0, false
	}
	return int64(binary.LittleEndian.Uint64(k.lo)), int64(binary.LittleEndian.Uint64(k.hi)), true
}

// Addrs are the bounds of a column of addresses, likewise.
func (g *Group) Addrs(c Column) (lo, hi flow.Addr, ok bool) {
	k := &g.chunks[c]
	if columns()[c].kind != address || k.lo == nil {
		return lo, hi, false
	}
	return flow.Addr(k.lo), flow.Addr(k.hi), true
}

// DamageError is a row group that cannot be read.
type DamageError struct {
	File  string
	Place string // inside the file
	Rows  int    // of the row group
	Err   error
}

func (e *DamageError) Error() string { return fmt.Sprintf("read %s: %s: %v", e.File, e.Place, e.Err) }

// Unwrap returns the reason.
func (e *DamageError) Unwrap() error { return e.Err }

func (g *Group) damage(place string, err error) error {
	return &DamageError{File: g.file.name, Place: fmt.Sprintf("row group %d%s", g.index+1, place), Rows: g.rows, Err: err}
}
