// SPDX-License-Identifier: Apache-2.0

package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// load reads the directory. It ends what a crash interrupted: unfinished files are
// removed, and so are segments whose joined one is there.
func (c *catalogue) load() error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("make its directory: %w", err)
	}
	hours, err := filepath.Glob(filepath.Join(c.dir, "day=*", "hour=*"))
	if err != nil {
		return fmt.Errorf("list its directory: %w", err)
	}
	for _, hour := range hours {
		if at, ok := hourOf(hour); ok {
			if err := c.loadHour(hour, at); err != nil {
				return err
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortFunc(c.segments, byNumber)
	return nil
}

func (c *catalogue) loadHour(dir string, at time.Time) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list a directory of it: %w", err)
	}
	var found []*Segment
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove an unfinished segment: %w", err)
			}
			continue
		}
		first, last, ok := parseName(e.Name())
		if !ok {
			continue // not ours
		}
		s, err := describe(path, first, last)
		if err != nil {
			c.log.Error("segment of the history cannot be read; its flows are missing", "error", err)
			s.From, s.To = at, at.Add(time.Hour)
			c.broken = append(c.broken, s)
		} else {
			found = append(found, s)
		}
		c.next = max(c.next, last)
	}
	for _, s := range found {
		if joined := slices.ContainsFunc(found, func(o *Segment) bool { return o.holds(s) }); joined {
			c.erase([]*Segment{s})
			continue
		}
		c.segments = append(c.segments, s)
	}
	removeEmpty(filepath.Join(dir, "any"))
	return nil
}

// holds reports whether s was joined from o and others.
func (s *Segment) holds(o *Segment) bool {
	return s != o && s.First <= o.First && o.Last <= s.Last && s.Last-s.First > o.Last-o.First
}

// describe reads what a file tells of itself. The segment is never nil.
func describe(path string, first, last uint64) (*Segment, error) {
	s := &Segment{First: first, Last: last, path: path}
	if st, err := os.Stat(path); err == nil {
		s.Bytes = st.Size()
	}
	file, f, err := open(path)
	if err != nil {
		return s, err
	}
	defer func() { _ = f.Close() }()
	from, to, ok := file.Times()
	if !ok {
		return s, fmt.Errorf("read %s: it does not tell of which time it is", path)
	}
	s.From, s.To, s.Rows = time.Unix(0, from), time.Unix(0, to), file.Rows()
	return s, nil
}

// removeEmpty removes the directories of the hour and the day of a file when nothing
// else is in them.
func removeEmpty(path string) {
	hour := filepath.Dir(path)
	if os.Remove(hour) == nil {
		_ = os.Remove(filepath.Dir(hour))
	}
}
