// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrEmpty says that a data directory holds no incidents to read.
var ErrEmpty = errors.New("nothing was saved there yet")

// OpenReadOnly opens the database to look at, beside the process that writes in it
// or without one; it takes no lock and changes nothing. The error wraps ErrEmpty
// when there is no database.
func (s *Store) OpenReadOnly(ctx context.Context) error {
	path := s.path()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", s.cfg.Dir, ErrEmpty)
	}
	err := s.openReadOnly(ctx, path)
	if err != nil {
		return errors.Join(explain(err, path), s.Close())
	}
	return nil
}

func (s *Store) openReadOnly(ctx context.Context, path string) error {
	var err error
	if s.read, err = sql.Open("sqlite", source(path, "ro", "deferred")); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(1)
	return known(ctx, s.read)
}
