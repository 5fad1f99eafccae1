// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tidewatch/segment"
)

// Segment is one closed file of the history. It never changes; a larger one may
// take its place.
type Segment struct {
	From, To    time.Time // when its first and its last flow came
	Rows, Bytes int64     // flows, and bytes on disk
	First, Last uint64    // the numbers of the segments it holds: one, or those it was joined from

	path  string
	refs  int  // guarded by the catalogue
	gone  bool // likewise: to be removed with the last reference
	alone bool // it could not be joined; of the goroutine that joins
}

// Path is the file. It is there as long as a reference to the segment is held.
func (s *Segment) Path() string { return s.path }

// Open opens the file for reading; the closer is to be closed.
func (s *Segment) Open() (*segment.File, io.Closer, error) { return open(s.path) }

func open(path string) (*segment.File, *os.File, error) {
	f, err := os.Open(path) //nolint:gosec // a file of the history
	if err != nil {
		return nil, nil, fmt.Errorf("open a segment: %w", err)
	}
	st, err := f.Stat()
	if err == nil {
		var file *segment.File
		if file, err = segment.Open(path, f, st.Size()); err == nil {
			return file, f, nil
		}
	}
	_ = f.Close()
	return nil, nil, err
}

const (
	extension = ".parquet"
	digits    = 10
)

// name is the file's name inside the directory of its hour.
func name(first, last uint64) string {
	if first == last {
		return fmt.Sprintf("%0*d%s", digits, first, extension)
	}
	return fmt.Sprintf("%0*d-%0*d%s", digits, first, digits, last, extension)
}

// parseName is the inverse of name.
func parseName(base string) (first, last uint64, ok bool) {
	text, ok := strings.CutSuffix(base, extension)
	if !ok {
		return 0, 0, false
	}
	from, to, joined := strings.Cut(text, "-")
	if !joined {
		to = from
	}
	first, err1 := strconv.ParseUint(from, 10, 63)
	last, err2 := strconv.ParseUint(to, 10, 63)
	return first, last, err1 == nil && err2 == nil && first <= last && base == name(first, last)
}

// hourDir is where segments lie whose first flow came at this time.
func hourDir(dir string, at time.Time) string {
	return filepath.Join(dir, at.UTC().Format("day=2006-01-02"), at.UTC().Format("hour=15"))
}

// hourOf is the inverse of hourDir.
func hourOf(dir string) (time.Time, bool) {
	at, err := time.Parse("day=2006-01-02/hour=15", filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(dir))
	return at, err == nil
}
