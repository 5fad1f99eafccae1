// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"testing"

	"tidewatch/pages"
)

func TestMake(t *testing.T) {
	for _, n := range []int{0, 1, 1 << 20} {
		s := pages.Make[uint64](n)
		if len(s) != n {
			t.Fatalf("got %d values, want %d", len(s), n)
		}
		for i, v := range s {
			if v != 0 {
				t.Fatalf("value %d of %d is %d, not zero", i, n, v)
			}
		}
	}
}

// TestPool fills a pool past several chunks: every value is one of its own, and
// stays where it is.
func TestPool(t *testing.T) {
	type wide struct {
		n    int
		name *string // the garbage collector must see what values point to
		_    [4096]byte
	}
	var p pages.Pool[wide]
	all := make([]*wide, 3000)
	for i := range all {
		all[i] = p.New()
		name := string(rune('a' + i%26))
		all[i].n, all[i].name = i, &name
	}
	for i, w := range all {
		if w.n != i || *w.name != string(rune('a'+i%26)) {
			t.Fatalf("value %d holds %d %q", i, w.n, *w.name)
		}
	}
	if n := testing.AllocsPerRun(100, func() { p.New() }); n >= 1 {
		t.Errorf("a value costs %v allocations", n)
	}
}
