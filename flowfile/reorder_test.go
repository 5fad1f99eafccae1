// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"errors"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tidewatch/flow"
)

// list hands out records with the given times, some at a time; SrcAS numbers them.
type list struct {
	times []int64
	at    int
	step  int
	err   error
}

func (l *list) Read(b *flow.Batch) (int, error) {
	n := min(l.step, len(l.times)-l.at)
	for range n {
		b.Append(&flow.Record{Received: l.times[l.at], SrcAS: uint32(l.at)})
		l.at++
	}
	if l.at == len(l.times) {
		return n, l.err
	}
	return n, nil
}

func (l *list) Stats() Stats { return Stats{} }

func (l *list) Close() error { return nil }

func readAll(r Reader) (*flow.Batch, error) {
	b := flow.NewBatch(0)
	for {
		if _, err := r.Read(b); err != nil {
			return b, err
		}
	}
}

func TestReorderSortsWithinItsWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		window := rapid.IntRange(1, 50).Draw(t, "window")
		n := rapid.IntRange(0, 300).Draw(t, "n")
		times := make([]int64, n)
		for i := range times { // displaced by less than half the window
			times[i] = int64(i + rapid.IntRange(0, (window-1)/2).Draw(t, "late"))
		}
		in := &list{times: times, step: rapid.IntRange(1, 40).Draw(t, "step"), err: io.EOF}
		b, err := readAll(Reorder(in, window))
		if !errors.Is(err, io.EOF) || b.Len() != n {
			t.Fatalf("%d of %d records, %v", b.Len(), n, err)
		}
		if !slices.IsSorted(b.Received) {
			t.Fatalf("not sorted: %v", b.Received)
		}
		seen := map[uint32]bool{}
		for i := range b.Len() {
			seen[b.SrcAS[i]] = true
			if i > 0 && b.Received[i] == b.Received[i-1] && b.SrcAS[i] < b.SrcAS[i-1] {
				t.Fatalf("equal times changed places at %d", i)
			}
		}
		if len(seen) != n {
			t.Fatalf("%d different records of %d", len(seen), n)
		}
	})
}

func TestReorderHoldsNoMoreThanItsWindow(t *testing.T) {
	in := &list{times: make([]int64, 100_000), step: 100, err: io.EOF}
	r, ok := Reorder(in, 1000).(*reorderer)
	if !ok {
		t.Fatal("not a reorderer")
	}
	b := flow.NewBatch(0)
	for {
		b.Reset()
		_, err := r.Read(b)
		if len(r.rows) > 1100 {
			t.Fatalf("%d records are held", len(r.rows))
		}
		if err != nil {
			break
		}
	}
}

func TestReorderHandsOutWhatCameBeforeAnError(t *testing.T) {
	broken := errors.New("disk on fire")
	b, err := readAll(Reorder(&list{times: []int64{3, 1, 2}, step: 10, err: broken}, 0))
	if !errors.Is(err, broken) || !slices.Equal(b.Received, []int64{1, 2, 3}) {
		t.Errorf("%v, %v", b.Received, err)
	}
}

func BenchmarkReorder(b *testing.B) {
	b.ReportAllocs()
	times := make([]int64, 200_000)
	for i := range times {
		times[i] = int64(i ^ 0x3ff)
	}
	out := flow.NewBatch(chunk)
	n := 0
	for b.Loop() {
		r := Reorder(&list{times: times, step: chunk, err: io.EOF}, 65536)
		for {
			out.Reset()
			k, err := r.Read(out)
			n += k
			if err != nil {
				break
			}
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "flows/s")
}
