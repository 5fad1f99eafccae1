// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/delta"
)

// deltas is what another program writes for some numbers.
func deltas(tb testing.TB, values []int64) []byte {
	tb.Helper()
	var e delta.BinaryPackedEncoding
	out, err := e.EncodeInt64(nil, values)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// Numbers of every width, also those whose differences wrap around, come back as they were.
func TestDifferences(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	lists := map[string][]int64{
		"one":         {7},
		"the same":    slices.Repeat([]int64{-3}, 300),
		"the extreme": {math.MinInt64, math.MaxInt64, 0, math.MinInt64, -1, math.MaxInt64},
	}
	for width := range 64 {
		list := make([]int64, 1+r.IntN(1000))
		for i := range list {
			list[i] = int64(r.Uint64() >> width)
		}
		lists[fmt.Sprintf("of up to %d bits", 64-width)] = list
	}
	for name, want := range lists {
		packed := deltas(t, want)
		before := []int64{42}
		got, err := unpackDeltas(before, packed, len(want))
		if err != nil || got[0] != 42 || !slices.Equal(got[1:], want) {
			t.Errorf("%s: %d numbers differ (%v)", name, len(want), err)
		}
		for cut := range len(packed) {
			if got, err := unpackDeltas(nil, packed[:cut], len(want)); err == nil && !slices.Equal(got, want) {
				t.Errorf("%s, cut off at %d of %d: other numbers and no error", name, cut, len(packed))
			}
		}
		if _, err := unpackDeltas(nil, packed, len(want)+1); err == nil {
			t.Errorf("%s: one number too few is no error", name)
		}
	}
}

// Whatever the bytes are, there is an end, a bound, and no panic.
func FuzzDifferences(f *testing.F) {
	f.Add(deltas(f, []int64{1, 2, 3, 1 << 40}), 4)
	f.Add(deltas(f, make([]int64, 1000)), 1000)
	f.Add([]byte{0x80, 0x01, 0x04, 0x02, 0x00, 0x00, 0x41, 0, 0, 0}, 2)
	f.Fuzz(func(t *testing.T, b []byte, rows int) {
		if rows < 0 || rows > maxGroupRows {
			return
		}
		got, err := unpackDeltas(nil, b, rows)
		if len(got) > rows || err == nil && len(got) != rows {
			t.Errorf("%d numbers of %d (%v)", len(got), rows, err)
		}
	})
}
