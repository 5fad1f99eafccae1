// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"testing"

	"tidewatch/test/habittest"
)

// A quiet minute, with a past to judge by, allocates nothing and finds nothing.
func TestQuietAllocatesNothing(t *testing.T) {
	w, past := habittest.Quiet(t, 100)
	d, err := New(DefaultConfig(), past)
	if err != nil {
		t.Fatal(err)
	}
	if out := d.Detect(w, nil); len(out) != 0 {
		t.Errorf("found %+v", out[0])
	}
	if n := testing.AllocsPerRun(10, func() { d.Detect(w, nil) }); n != 0 {
		t.Errorf("%v allocations a minute", n)
	}
}

// BenchmarkDetect judges a minute in which all of 10 000 devices are busy.
func BenchmarkDetect(b *testing.B) {
	w, past := habittest.Quiet(b, 10_000)
	d, err := New(DefaultConfig(), past)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		d.Detect(w, nil)
	}
}
