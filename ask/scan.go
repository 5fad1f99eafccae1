// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"tidewatch/flow"
	"tidewatch/query"
	"tidewatch/segment"
)

// Segment is a closed file of flows.
type Segment interface {
	// Name tells it from all others, for as long as it is kept.
	Name() string
	Groups() []segment.Group
	Close() error
}

// Segments opens segments one after the other, newest first; nil is the end.
type Segments interface {
	// Next may fail with ErrUnreadable and go on behind that segment.
	Next() (Segment, error)
	Close()
}

// ErrUnreadable is the error of one segment that cannot be opened.
var ErrUnreadable = errors.New("a segment cannot be read")

// work is a row group of an open segment.
type work struct {
	group *segment.Group
	at    place
	done  func()
}

// place is where a row group lies.
type place struct {
	segment string
	group   int
}

// each hands the row groups of segments to workers, and closes a segment when all of its
// groups were looked at. It tells how many segments could not be opened.
func each(ctx context.Context, from Segments, workers int, see func(worker int, g *segment.Group, at place) error) (unreadable int, err error) {
	group, ctx := errgroup.WithContext(ctx)
	todo := make(chan work, workers)
	group.Go(func() error {
		defer close(todo)
		var err error
		unreadable, err = feed(ctx, from, todo)
		return err
	})
	for i := range workers {
		group.Go(func() error {
			for w := range todo {
				if ctx.Err() == nil {
					if err := see(i, w.group, w.at); err != nil {
						w.done()
						return err
					}
				}
				w.done()
			}
			return nil
		})
	}
	err = group.Wait()
	for w := range todo { // left by workers that gave up
		w.done()
	}
	return unreadable, err
}

func feed(ctx context.Context, from Segments, todo chan<- work) (unreadable int, err error) {
	defer from.Close()
	for {
		s, err := from.Next()
		if errors.Is(err, ErrUnreadable) {
			unreadable++
			continue
		}
		if s == nil || err != nil {
			return unreadable, err
		}
		groups := s.Groups()
		left := new(atomic.Int64)
		left.Store(int64(len(groups)) + 1)
		done := func() {
			if left.Add(-1) == 0 {
				_ = s.Close() // it was only read
			}
		}
		for i := range groups {
			select {
			case todo <- work{&groups[i], place{s.Name(), i}, done}:
			case <-ctx.Done():
				left.Add(int64(i - len(groups)))
				done()
				return unreadable, ctx.Err()
			}
		}
		done()
	}
}

// span is [from, to) in nanoseconds.
type span struct{ from, to int64 }

// scanner is one worker's look at row groups: what matches is counted in its table.
type scanner struct {
	span    span
	group   []query.Dimension
	matcher *query.Matcher
	table   *table
	series  *series // nil: none, or too many

	view        view
	bits        []uint64
	free        query.Scratch
	rows, sided []uint32
	every       []uint32 // 0, 1, 2 and so on
	code        [query.MaxGroup][]uint32
	slots       []uint32
	sums        [2][]query.Volume // of fold
	keys        []flow.Addr

	total   query.Volume
	scanned uint64
	damaged uint64
}

// open gives workers what they read with; shut takes it back.
func open(scanners ...*scanner) (shut func(), err error) {
	var opened []*segment.Scanner
	shut = func() {
		for _, o := range opened {
			o.Close()
		}
	}
	for _, s := range scanners {
		if s.view.scan, err = segment.NewScanner(); err != nil {
			shut()
			return nil, describe(err)
		}
		opened = append(opened, s.view.scan)
	}
	return shut, nil
}

// see counts what matches in one row group. A damaged one is left out and told of.
func (s *scanner) see(g *segment.Group) {
	if err := s.look(g); err != nil {
		s.damaged += uint64(g.Rows())
	}
}

func (s *scanner) look(g *segment.Group) error {
	s.view.reset(g)
	rows, err := s.selected()
	if err != nil || len(rows) == 0 {
		return err
	}
	vectors, err := s.view.columns(segment.Bytes, segment.Packets)
	if err != nil {
		return err
	}
	if s.series != nil {
		if _, err := s.view.column(segment.Received); err != nil {
			return err
		}
	}
	all := rows
	if twoSided(s.group) {
		if s.sided, err = sides(&s.view, rows, s.sided[:0]); err != nil {
			return err
		}
		rows = s.sided
	}
	folded := false
	if len(s.group) == 1 && s.series == nil {
		if folded, err = s.fold(s.group[0], rows); err != nil {
			return err
		}
	}
	if !folded {
		if err := s.place(rows); err != nil {
			return err
		}
		s.count(vectors[0], vectors[1], rows) // from here on nothing fails
	}
	s.total.Add(sum(vectors[0], vectors[1], all))
	if s.series != nil && !s.series.fit(len(s.table.keys), s.table.limit) {
		s.series = nil
	}
	if s.series != nil {
		s.series.count(s, vectors[0], vectors[1], rows)
	}
	s.table.prune()
	return nil
}

// selected lists the rows that lie in the span, match, and count.
func (s *scanner) selected() ([]uint32, error) {
	n := s.view.group.Rows()
	verdict := s.matcher.Judge(&s.view)
	low, high, ok := s.view.group.Wide(segment.Received)
	if n == 0 || verdict == query.None || ok && (high < s.span.from || low >= s.span.to) {
		return nil, nil
	}
	s.scanned += uint64(n)
	var marks, times *vector // nil: all rows count, all lie within
	var err error
	if _, most, known := s.view.group.Small(segment.Mark); !known || most >= uint32(flow.Duplicate) {
		if marks, err = s.view.column(segment.Mark); err != nil {
			return nil, err
		}
	}
	if !ok || low < s.span.from || high >= s.span.to {
		if times, err = s.view.column(segment.Received); err != nil {
			return nil, err
		}
	}
	if verdict == query.All && marks == nil && times == nil {
		for i := len(s.every); i < n; i++ {
			s.every = append(s.every, uint32(i))
		}
		return s.every[:n], nil
	}
	s.bits = sized(s.bits, query.Words(n))
	if verdict != query.All {
		if err := s.matcher.Match(&s.view, n, s.bits, &s.free); err != nil {
			return nil, err
		}
	}
	return s.sift(n, verdict == query.All, marks, times), nil
}

// sift looks at each of n rows.
func (s *scanner) sift(n int, everything bool, marks, times *vector) []uint32 {
	s.rows = s.rows[:0]
	for i := range uint32(n) {
		if !everything && s.bits[i/64]>>(i%64)&1 == 0 || marks != nil && flow.Mark(marks.small[i])&flow.Duplicate != 0 {
			continue
		}
		if times != nil && (times.wide[i] < s.span.from || times.wide[i] >= s.span.to) {
			continue
		}
		s.rows = append(s.rows, i)
	}
	return s.rows
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
		s.placeKeys(rows)
	}
	return nil
}

// placeKeys finds the slots of groups of several dimensions, some side by side (countAll
// tells why).
func (s *scanner) placeKeys(rows []uint32) {
	var keys [ahead]key
	var hashes [ahead]uint64
	for from := 0; from < len(rows); from += ahead {
		n := min(ahead, len(rows)-from)
		for i := range n {
			for d := range s.group {
				keys[i][d] = s.code[d][from+i]
			}
			hashes[i] = s.table.hash(&keys[i])
		}
		s.table.touchKeys(hashes[:n])
		for i := range n {
			if slices.Contains(keys[i][:len(s.group)], unknown) {
				s.slots = append(s.slots, unknown)
				continue
			}
			s.slots = append(s.slots, s.table.hashed(&keys[i], hashes[i]))
		}
	}
}

func (s *scanner) count(bytes, packets *vector, rows []uint32) {
	volume := s.table.volume
	for i, slot := range s.slots {
		r := rows[i] &^ flip
		v := query.Volume{Bytes: uint64(bytes.wide[r]), Packets: uint64(packets.wide[r]), Flows: 1}
		if slot == unknown {
			s.table.rest.Add(v)
			continue
		}
		volume[slot].Add(v)
	}
}

func sum(bytes, packets *vector, rows []uint32) (v query.Volume) {
	for _, r := range rows {
		v.Bytes += uint64(bytes.wide[r])
		v.Packets += uint64(packets.wide[r])
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

// given tells whether an error says that the time was up or the asker went away.
func given(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func describe(err error) error { return fmt.Errorf("read the history: %w", err) }
