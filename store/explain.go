// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// explain turns a database error into one line that says what is wrong with
// which file and what can be done about it.
func explain(err error, path string) error {
	var e *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNewer):
		return fmt.Errorf("open %s: %w; upgrade tidewatch or use another data directory", path, err)
	case errors.Is(err, errOlder):
		return fmt.Errorf("open %s: %w; tidewatch serve brings it up to date", path, err)
	case errors.Is(err, errDamaged):
		return fmt.Errorf("open %s: %w; move the file away to begin anew, or restore a copy", path, err)
	case !errors.As(err, &e):
		return fmt.Errorf("use %s: %w", path, err)
	}
	switch e.Code() & 0xff { // the low byte is the primary code
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("write %s: the disk is full: %w", path, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return fmt.Errorf("write %s: the file or its directory is read-only: %w", path, err)
	case sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("open %s: cannot be opened or made there: %w", path, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("open %s: %w; move the file away to begin anew, or restore a copy: %w", path, errDamaged, err)
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("use %s: the disk failed or is full: %w", path, err)
	}
	return fmt.Errorf("use %s: %w", path, err)
}
