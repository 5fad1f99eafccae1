// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// survey is what lies in the directory of a history.
type survey struct {
	segments []*Segment // by number
	broken   []*Segment // cannot be read
	errs     []error    // why
	covered  []*Segment // were joined into one of segments
	leftover []string   // files that were not finished
	last     uint64     // the largest number
}

// look reads the directory dir of a history and changes nothing.
func look(dir string) (*survey, error) {
	hours, err := filepath.Glob(filepath.Join(quoteGlob(dir), "day=*", "hour=*"))
	if err != nil {
		return nil, fmt.Errorf("list its directory: %w", err)
	}
	v := &survey{}
	for _, hour := range hours {
		if at, ok := hourOf(hour); ok {
			v.hour(hour, at)
		}
	}
	slices.SortFunc(v.segments, byNumber)
	return v, nil
}

// quoteGlob makes a name stand for itself in a pattern.
func quoteGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

func (v *survey) hour(dir string, at time.Time) {
	entries, err := os.ReadDir(dir)
	if err != nil { // the others are no worse for that
		v.broken = append(v.broken, &Segment{From: at, To: at.Add(time.Hour), path: dir})
		v.errs = append(v.errs, fmt.Errorf("list a directory of the history: %w", err))
	}
	var found []*Segment
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		first, last, ok := parseName(strings.TrimPrefix(e.Name(), "."))
		switch {
		case !ok:
			continue // not ours
		case strings.HasPrefix(e.Name(), "."):
			v.leftover = append(v.leftover, path)
			continue
		}
		s, err := describe(path, first, last)
		if err != nil {
			s.From, s.To = at, at.Add(time.Hour)
			v.broken, v.errs = append(v.broken, s), append(v.errs, err)
		} else {
			found = append(found, s)
		}
		v.last = max(v.last, last)
	}
	for _, s := range found {
		if slices.ContainsFunc(found, func(o *Segment) bool { return o.holds(s) }) {
			v.covered = append(v.covered, s)
		} else {
			v.segments = append(v.segments, s)
		}
	}
}

// Files are the segments in the directory dir of a history, in order, each flow once,
// and what is wrong with those that cannot be read; none when it is no such directory.
func Files(dir string) (paths []string, damaged []error, err error) {
	v, err := look(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("history: %w", err)
	}
	for _, s := range v.segments {
		paths = append(paths, s.path)
	}
	return paths, v.errs, nil
}

// load reads the directory. It ends what a crash interrupted: unfinished files are
// removed, and so are segments whose joined one is there.
func (c *catalogue) load() error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("make its directory: %w", err)
	}
	v, err := look(c.dir)
	if err != nil {
		return err
	}
	for _, err := range v.errs {
		c.log.Error("segment of the history cannot be read; its flows are missing", "error", err)
	}
	c.erase(v.covered)
	for _, path := range v.leftover {
		if err := os.Remove(path); err != nil {
			c.log.Error("unfinished segment of the history not removed", "error", err)
			continue
		}
		removeEmpty(path)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.segments, c.broken, c.next = v.segments, v.broken, v.last
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
