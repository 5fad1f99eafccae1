// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"slices"
	"testing"
)

// Minutes outlive a restart, one that is saved again is replaced, those that nobody
// wants any more are forgotten, and no number is too large.
func TestTraffic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openIn(t, dir)
	save := func(oldest int64, minutes ...Minute) {
		t.Helper()
		if err := s.SaveTraffic(t.Context(), minutes, oldest); err != nil {
			t.Fatal(err)
		}
	}
	save(0, Minute{At: 100, Seconds: 60, BytesIn: 1}, Minute{At: 101, Seconds: 20, BytesOut: 2, Flows: 3})
	save(101, Minute{At: 101, Seconds: 60, BytesOut: 5, Flows: 7}, Minute{At: 102, Seconds: 60, PacketsIn: math.MaxUint64})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openIn(t, dir)
	got, err := s.Traffic(t.Context(), 0, 200)
	want := []Minute{{At: 101, Seconds: 60, BytesOut: 5, Flows: 7}, {At: 102, Seconds: 60, PacketsIn: math.MaxInt64}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.Traffic(t.Context(), 0, 102); err != nil || len(got) != 1 {
		t.Errorf("before the last: %+v, %v", got, err)
	}
}
