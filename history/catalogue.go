// SPDX-License-Identifier: Apache-2.0

package history

import (
	"cmp"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// catalogue is the list of segments, in the order of their numbers.
type catalogue struct {
	dir string
	log *slog.Logger

	mu       sync.Mutex // guards what follows, and refs and gone of segments
	segments []*Segment
	broken   []*Segment // cannot be read; their times are those of their hour
	next     uint64     // number of the next segment
}

func (c *catalogue) init(dir string, log *slog.Logger) { c.dir, c.log = dir, log }

// Segments are those that hold flows that came between from and to, both included,
// in the order in which they were written. Their files stay until release is called.
func (r *Recorder) Segments(from, to time.Time) (list []*Segment, release func()) {
	c := &r.catalogue
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.segments {
		if !s.To.Before(from) && !s.From.After(to) {
			s.refs++
			list = append(list, s)
		}
	}
	held := slices.Clone(list) // the caller may change its list
	return list, sync.OnceFunc(func() { c.release(held) })
}

// Broken counts segments that cannot be read, of hours between from and to. What they
// held is missing.
func (r *Recorder) Broken(from, to time.Time) (n int) {
	c := &r.catalogue
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.broken {
		if !s.To.Before(from) && !s.From.After(to) {
			n++
		}
	}
	return n
}

func (c *catalogue) release(list []*Segment) {
	var gone []*Segment
	c.mu.Lock()
	for _, s := range list {
		if s.refs--; s.refs == 0 && s.gone {
			gone = append(gone, s)
		}
	}
	c.mu.Unlock()
	c.erase(gone)
}

// add puts a closed segment into the list.
func (c *catalogue) add(s *Segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.segments = append(c.segments, s)
}

// number is that of the next segment.
func (c *catalogue) number() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	return c.next
}

// replace takes segments off the list, and puts one in their place when by is not
// nil. Files that nobody reads are erased at once.
func (c *catalogue) replace(old []*Segment, by *Segment) {
	var gone []*Segment
	c.mu.Lock()
	keep := func(list []*Segment) []*Segment {
		return slices.DeleteFunc(list, func(s *Segment) bool { return slices.Contains(old, s) })
	}
	c.segments, c.broken = keep(c.segments), keep(c.broken)
	if by != nil {
		at, _ := slices.BinarySearchFunc(c.segments, by, byNumber)
		c.segments = slices.Insert(c.segments, at, by)
	}
	for _, s := range old {
		if s.gone = true; s.refs == 0 {
			gone = append(gone, s)
		}
	}
	c.mu.Unlock()
	c.erase(gone)
}

func byNumber(a, b *Segment) int { return cmp.Compare(a.First, b.First) }

// erase removes files. One that stays is found again at the next start.
func (c *catalogue) erase(list []*Segment) {
	for _, s := range list {
		if err := os.Remove(s.path); err != nil && !os.IsNotExist(err) {
			c.log.Error("segment of the history not removed", "error", err)
			continue
		}
		removeEmpty(s.path)
	}
}

// all is a copy of the list, with or without what cannot be read.
func (c *catalogue) all(broken bool) []*Segment {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.Clone(c.segments)
	if broken {
		list = append(list, c.broken...)
	}
	return list
}

func (c *catalogue) damaged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.broken)
}

// Totals sums the history.
type Totals struct {
	Oldest, Newest time.Time // zero when there is nothing
	Flows, Bytes   int64
	Segments       int
}

// Totals sums what is on disk.
func (r *Recorder) Totals() Totals {
	var t Totals
	for _, s := range r.catalogue.all(false) {
		if t.Oldest.IsZero() || s.From.Before(t.Oldest) {
			t.Oldest = s.From
		}
		if s.To.After(t.Newest) {
			t.Newest = s.To
		}
		t.Segments++
		t.Flows += s.Rows
		t.Bytes += s.Bytes
	}
	return t
}
