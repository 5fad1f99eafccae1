// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tidewatch/flow"
	"tidewatch/query"
)

// Segment is a closed file of flows.
type Segment interface {
	// Name tells it from all others, for as long as it is kept.
	Name() string
	Blocks() []Block
	Close() error
}

// Segments opens segments one after the other, newest first; nil is the end.
type Segments interface {
	Next() (Segment, error)
}

// work is a block of an open segment.
type work struct {
	block Block
	at    place
	done  func()
}

// place is where a block lies.
type place struct {
	segment string
	block   int
}

// each hands the blocks of segments to workers, and closes a segment when all of its
// blocks were looked at.
func each(ctx context.Context, from Segments, workers int, see func(worker int, b Block, at place) error) error {
	group, ctx := errgroup.WithContext(ctx)
	todo := make(chan work, workers)
	group.Go(func() error {
		defer close(todo)
		return feed(ctx, from, todo)
	})
	for i := range workers {
		group.Go(func() error {
			for w := range todo {
				if ctx.Err() == nil {
					if err := see(i, w.block, w.at); err != nil {
						w.done()
						return err
					}
				}
				w.done()
			}
			return nil
		})
	}
	err := group.Wait()
	for w := range todo { // left by workers that gave up
		w.done()
	}
	return err
}

func feed(ctx context.Context, from Segments, todo chan<- work) error {
	for {
		s, err := from.Next()
		if s == nil || err != nil {
			return err
		}
		blocks := s.Blocks()
		left := new(atomic.Int64)
		left.Store(int64(len(blocks)) + 1)
		done := func() {
			if left.Add(-1) == 0 {
				_ = s.Close() // it was only read
			}
		}
		for i, b := range blocks {
			select {
			case todo <- work{b, place{s.Name(), i}, done}:
			case <-ctx.Done():
				left.Add(int64(i - len(blocks)))
				done()
				return ctx.Err()
			}
		}
		done()
	}
}

// span is [from, to) in nanoseconds.
type span struct{ from, to int64 }

// scanner is one worker's look at blocks: what matches is counted in its table.
type scanner struct {
	span    span
	group   []query.Dimension
	matcher *query.Matcher
	table   *table
	series  *series // nil: none

	view        view
	bits        []uint64
	free        query.Scratch
	rows, sided []uint32
	code        [query.MaxGroup][]uint32
	slots       []uint32

	total   query.Volume
	scanned uint64
}

// see counts what matches in one block.
func (s *scanner) see(b Block) error {
	s.view.reset(b)
	rows, err := s.selected()
	if err != nil || len(rows) == 0 {
		return err
	}
	var vectors [2]*Vector
	for i, c := range [2]Column{Bytes, Packets} {
		if vectors[i], err = s.view.column(c); err != nil {
			return err
		}
	}
	s.total.Add(sum(vectors[0], vectors[1], rows))
	if twoSided(s.group) {
		marks, err := s.view.column(Mark)
		if err != nil {
			return err
		}
		s.sided = sides(marks, rows, s.sided[:0])
		rows = s.sided
	}
	if err := s.place(rows); err != nil {
		return err
	}
	s.count(vectors[0], vectors[1], rows)
	if s.series != nil {
		if err := s.series.count(s, vectors[0], vectors[1], rows); err != nil {
			return err
		}
	}
	s.table.prune()
	return nil
}

// selected lists the rows that lie in the span, match, and count.
func (s *scanner) selected() ([]uint32, error) {
	n := s.view.block.Rows()
	s.rows = s.rows[:0]
	verdict := s.matcher.Judge(&s.view)
	low, high, ok := s.view.block.Bounds(Received)
	if n == 0 || verdict == query.None || ok && (int64(high) < s.span.from || int64(low) >= s.span.to) {
		return nil, nil
	}
	s.scanned += uint64(n)
	marks, err := s.view.column(Mark)
	if err != nil {
		return nil, err
	}
	s.bits = sized(s.bits, query.Words(n))
	if verdict != query.All {
		if err := s.matcher.Match(&s.view, n, s.bits, &s.free); err != nil {
			return nil, err
		}
	}
	everything := verdict == query.All
	if within := ok && int64(low) >= s.span.from && int64(high) < s.span.to; !within {
		return s.within(marks, everything)
	}
	for i := range uint32(n) {
		if (everything || s.bits[i/64]>>(i%64)&1 != 0) && flow.Mark(marks.Number(i))&flow.Duplicate == 0 {
			s.rows = append(s.rows, i)
		}
	}
	return s.rows, nil
}

// within is the rest of selected for a block at the edge of the span.
func (s *scanner) within(marks *Vector, everything bool) ([]uint32, error) {
	times, err := s.view.column(Received)
	if err != nil {
		return nil, err
	}
	for i := range uint32(s.view.block.Rows()) {
		if !everything && s.bits[i/64]>>(i%64)&1 == 0 || flow.Mark(marks.Number(i))&flow.Duplicate != 0 {
			continue
		}
		if at := int64(times.Number(i)); at >= s.span.from && at < s.span.to {
			s.rows = append(s.rows, i)
		}
	}
	return s.rows, nil
}

// place finds the slot of each row.
func (s *scanner) place(rows []uint32) (err error) {
	for i, d := range s.group {
		if s.code[i], err = codes(&s.view, d, s.table.dims[i], rows, s.code[i]); err != nil {
			return err
		}
	}
	s.slots = s.slots[:0]
	switch len(s.group) {
	case 0:
		s.slots = append(s.slots, make([]uint32, len(rows))...)
	case 1:
		// The slot is the number of the value: the largest makes room for all.
		s.slots = append(s.slots, s.code[0]...)
		for n := len(s.table.dims[0].list); len(s.table.keys) < n; {
			s.table.slot(key{uint32(len(s.table.keys))})
		}
	default:
		var k, last key
		at := unknown
		for i := range rows {
			known := true
			for d := range s.group {
				k[d] = s.code[d][i]
				known = known && k[d] != unknown
			}
			if !known {
				s.slots = append(s.slots, unknown)
				continue
			}
			if at == unknown || k != last {
				at, last = s.table.slot(k), k
			}
			s.slots = append(s.slots, at)
		}
	}
	return nil
}

func (s *scanner) count(bytes, packets *Vector, rows []uint32) {
	volume := s.table.volume
	for i, slot := range s.slots {
		r := rows[i] &^ flip
		v := query.Volume{Bytes: bytes.Number(r), Packets: packets.Number(r), Flows: 1}
		if slot == unknown {
			s.table.rest.Add(v)
			continue
		}
		volume[slot].Add(v)
	}
}

func sum(bytes, packets *Vector, rows []uint32) (v query.Volume) {
	for _, r := range rows {
		v.Bytes += bytes.Number(r)
		v.Packets += packets.Number(r)
	}
	v.Flows = uint64(len(rows))
	return v
}

func sized(b []uint64, n int) []uint64 {
	if cap(b) < n {
		return make([]uint64, n)
	}
	return b[:n]
}

// series are the points of the groups of a frozen table, and of everything.
type series struct {
	by       query.Measure
	from     int64
	step     int64
	points   int
	groups   []uint64 // slot times points
	everyone []uint64 // all sides of all rows
}

func newSeries(q *query.Question, groups int, from time.Time, step time.Duration, points int) *series {
	return &series{
		by: q.By, from: from.UnixNano(), step: int64(step), points: points,
		groups: make([]uint64, groups*points), everyone: make([]uint64, points),
	}
}

func (t *series) count(s *scanner, bytes, packets *Vector, rows []uint32) error {
	times, err := s.view.column(Received)
	if err != nil {
		return err
	}
	for i, r := range rows {
		r &^= flip
		at := int(int64(times.Number(r))-t.from) / int(t.step)
		if at < 0 || at >= t.points {
			continue
		}
		n := uint64(1)
		switch t.by {
		case query.Bytes:
			n = bytes.Number(r)
		case query.Packets:
			n = packets.Number(r)
		case query.Flows:
		}
		t.everyone[at] += n
		if slot := s.slots[i]; slot != unknown {
			t.groups[int(slot)*t.points+at] += n
		}
	}
	return nil
}

// given tells whether an error says that the time was up or the asker went away.
func given(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func describe(err error) error { return fmt.Errorf("read the history: %w", err) }
