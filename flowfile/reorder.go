// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"errors"
	"io"

	"tidewatch/flow"
)

// DefaultWindow is how many records Reorder holds back when it is not told:
// some minutes of a busy site, in about 20 MB.
const DefaultWindow = 131072

// chunk is how many records one Read hands out at most.
const chunk = 4096

// Reorder puts records in the order in which they would have been exported (by
// Received) as far as holding back window records can; 0 means DefaultWindow.
// Record files are sorted by start, by end of the collector's interval, or not
// at all, and the engine's clock is the latest Received it saw. A record leaves
// when the window is full or the input has ended. Equal times keep their order.
func Reorder(r Reader, window int) Reader {
	if window <= 0 {
		window = DefaultWindow
	}
	return &reorderer{Reader: r, window: window, in: flow.NewBatch(chunk)}
}

type reorderer struct {
	Reader
	window int
	in     *flow.Batch
	rows   []flow.Record // held records; heap entries point into it
	free   []uint32
	heap   []entry
	seq    uint64
	err    error // what ended the input
}

type entry struct {
	at  int64
	seq uint64
	row uint32
}

func (e entry) before(o entry) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

func (r *reorderer) Read(b *flow.Batch) (int, error) {
	n := 0
	for n < chunk {
		for r.err == nil && len(r.heap) < r.window {
			r.fill()
		}
		if len(r.heap) == 0 {
			break
		}
		n += r.drain(b, chunk-n)
	}
	if len(r.heap) == 0 && r.err != nil {
		return n, r.err
	}
	return n, nil
}

// fill reads once from the input into the heap.
func (r *reorderer) fill() {
	r.in.Reset()
	_, r.err = r.Reader.Read(r.in)
	for i := range r.in.Len() {
		r.push(r.in.Record(i))
	}
}

// drain hands out up to limit records: all when the input has ended, else as
// many as are above the window.
func (r *reorderer) drain(b *flow.Batch, limit int) int {
	n := len(r.heap)
	if r.err == nil {
		n = max(1, n-r.window+1)
	}
	n = min(n, limit)
	for range n {
		b.Append(r.pop())
	}
	return n
}

func (r *reorderer) push(rec flow.Record) {
	var row uint32
	if n := len(r.free); n > 0 {
		row = r.free[n-1]
		r.free = r.free[:n-1]
		r.rows[row] = rec
	} else {
		row = uint32(len(r.rows))
		r.rows = append(r.rows, rec)
	}
	r.heap = append(r.heap, entry{at: rec.Received, seq: r.seq, row: row})
	r.seq++
	h, i := r.heap, len(r.heap)-1
	for e := h[i]; i > 0; {
		up := (i - 1) / 2
		if !e.before(h[up]) {
			break
		}
		h[i], h[up] = h[up], e
		i = up
	}
}

// pop takes the earliest record; it is valid until the next push.
func (r *reorderer) pop() *flow.Record {
	h := r.heap
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	r.heap = h
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(h); c++ {
			if h[c].before(h[least]) {
				least = c
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	r.free = append(r.free, first.row)
	return &r.rows[first.row]
}

// Close closes the input and drops what is still held.
func (r *reorderer) Close() error {
	r.heap, r.rows, r.free = nil, nil, nil
	if err := r.Reader.Close(); err != nil && !errors.Is(err, io.EOF) {
		return err //nolint:wrapcheck // the reader names itself
	}
	return nil
}
