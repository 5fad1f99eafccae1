// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Retain removes what is older than before, and the oldest files until all together
// are no larger than size. until is the end of the last unit that was removed. It also
// removes what a killed writer left.
func (s *Shelf) Retain(before time.Time, size int64) (until time.Time, err error) {
	s.sweep()
	files, err := s.files()
	if err != nil {
		return until, err
	}
	sizes, total := make([]int64, len(files)), int64(0)
	for i, f := range files {
		info, err := os.Stat(f.name)
		if err == nil {
			sizes[i] = info.Size()
			total += sizes[i]
		}
	}
	for i, f := range files {
		if !f.from.Add(s.grain.Unit).Before(before) && total <= size {
			break
		}
		if err := os.Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return until, fmt.Errorf("remove an old roll-up: %w", err)
		}
		total -= sizes[i]
		until = f.from.Add(s.grain.Unit)
	}
	return until, nil
}

// sweep removes unfinished files; there is one writer, and it is not writing now.
func (s *Shelf) sweep() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix+unfinished) {
			_ = os.Remove(filepath.Join(s.dir, e.Name())) // tried again next time
		}
	}
}
