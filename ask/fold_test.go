// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"tidewatch/flow"
	"tidewatch/query"
	"tidewatch/segment"
)

// looked is a scanner over the only row group of some flows, with all that it selects.
func looked(t *testing.T, all []flow.Record) *scanner {
	t.Helper()
	m := &memory{segments: [][]flow.Record{all}}
	data, err := m.file(0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := segment.Open("segment", bytes.NewReader(data), int64(len(data)))
	if err != nil || len(f.Groups()) != 1 {
		t.Fatal(err, len(f.Groups()))
	}
	s := &scanner{span: span{0, 1<<63 - 1}, matcher: (*query.Filter)(nil).Compile()}
	shut, err := open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(shut)
	s.view.reset(&f.Groups()[0])
	return s
}

// byValue lists what a table counted.
func byValue(t *table) map[flow.Addr]query.Volume {
	out := map[flow.Addr]query.Volume{}
	for i, v := range t.volume {
		if v.Flows > 0 {
			out[t.dims[0].list[t.keys[i][0]]] = v
		}
	}
	return out
}

// Counting by what stands in the row group gives what counting row by row gives.
func TestFoldIsWhatRowsGive(t *testing.T) {
	t.Parallel()
	s := looked(t, traffic(40_000, begin(), rand.New(rand.NewPCG(31, 1))))
	selected, err := s.selected()
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.view.columns(segment.Bytes, segment.Packets)
	if err != nil {
		t.Fatal(err)
	}
	some := slices.DeleteFunc(slices.Clone(selected), func(r uint32) bool { return r%64 != 0 })
	folded := 0
	for _, rows := range [][]uint32{selected, some} {
		sided, err := sides(&s.view, rows, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range query.Dimensions() {
			these := rows
			if twoSided([]query.Dimension{d}) {
				these = sided
			}
			s.group, s.table = []query.Dimension{d}, newTable(1, query.Bytes, 1<<20)
			done, err := s.fold(d, these)
			if err != nil {
				t.Fatal(err)
			}
			got := byValue(s.table)
			if !done {
				if len(got) > 0 || s.table.rest.Flows > 0 {
					t.Errorf("%s: not done, and %d values were counted", d, len(got))
				}
				continue
			}
			folded++
			s.table = newTable(1, query.Bytes, 1<<20)
			if err := s.place(these); err != nil {
				t.Fatal(err)
			}
			s.count(v[0], v[1], these)
			if want := byValue(s.table); !maps.Equal(got, want) {
				t.Errorf("%s: %d values, want %d", d, len(got), len(want))
			}
		}
	}
	// All but services, and AS numbers beyond the direct ones; of few rows no ports.
	if want := 2*(len(query.Dimensions())-2) - 2; folded != want {
		t.Errorf("%d were folded, want %d", folded, want)
	}
}

// A table that is pruned again and again counts as a map does what it did not prune, with
// a sieve and without.
func TestCountingBeyondTheLimit(t *testing.T) {
	t.Parallel()
	for _, sifted := range []bool{false, true} {
		countBeyondTheLimit(t, sifted)
	}
}

func countBeyondTheLimit(t *testing.T, sifted bool) {
	t.Helper()
	tab := newTable(1, query.Bytes, 1000)
	tab.sifted = sifted
	r := rand.New(rand.NewPCG(5, 5))
	want, total := map[flow.Addr]query.Volume{}, query.Volume{}
	for range 60 {
		keys, sums := make([]flow.Addr, 700), make([]query.Volume, 700)
		for i := range keys {
			keys[i], sums[i] = packNumber(r.Uint32N(1<<20)), query.Volume{Bytes: 1, Packets: 2, Flows: 1}
			if i%3 == 0 {
				keys[i], sums[i].Bytes = packNumber(r.Uint32N(20)), 1000
			}
			if i%7 == 0 {
				sums[i] = query.Volume{}
			}
			v := want[keys[i]]
			v.Add(sums[i])
			want[keys[i]] = v
			total.Add(sums[i])
		}
		tab.countAll(keys, sums)
		tab.prune()
		if len(tab.keys) > 1000 || len(tab.dims[0].list) > 1000 || len(tab.volume) > 1000 {
			t.Fatalf("%d groups, %d values", len(tab.keys), len(tab.dims[0].list))
		}
	}
	if sifted != (tab.sieve != nil) {
		t.Error("a sieve is set when the table is full, and only then")
	}
	tab.settle()
	sum, heavy := tab.rest, 0
	for a, v := range byValue(tab) {
		sum.Add(v)
		full := want[a]
		if v.Bytes > full.Bytes || v.Bytes+tab.lost.Bytes < full.Bytes {
			t.Errorf("%v: %+v, really %+v, at most %+v lost", a, v, full, tab.lost)
		}
		if full.Bytes > 100_000 {
			heavy++
			if v != full {
				t.Errorf("%v: %+v, want %+v", a, v, full)
			}
		}
	}
	if sum != total || heavy != 20 {
		t.Errorf("%d heavy ones; all are %+v, want %+v", heavy, sum, total)
	}
}

func TestNthLargest(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 6))
	for range 300 {
		all := make([]uint64, 1+r.IntN(50))
		for i := range all {
			all[i] = r.Uint64N(20)
		}
		sorted := slices.Sorted(slices.Values(all))
		n := 1 + r.IntN(len(all))
		if got := nthLargest(slices.Clone(all), n); got != sorted[len(all)-n] {
			t.Fatalf("%d of %v is %d", n, sorted, got)
		}
	}
}
