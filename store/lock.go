// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// takeLock makes this process the owner of the data directory until Close or
// its death; the kernel releases the lock of a killed process.
func (s *Store) takeLock() error {
	path := filepath.Join(s.cfg.Dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the data directory is the operator's choice
	if err != nil {
		return fmt.Errorf("lock data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		owner, _ := io.ReadAll(io.LimitReader(f, 32)) // only to name it
		_ = f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("lock data directory: %s: %w", path, err)
		}
		return fmt.Errorf("data directory %s is in use by another tidewatch (process %s)",
			s.cfg.Dir, strings.TrimSpace(string(owner)))
	}
	s.lock = f
	if err := f.Truncate(0); err != nil {
		return errors.Join(fmt.Errorf("lock data directory: %w", err), s.Close())
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return errors.Join(fmt.Errorf("lock data directory: %w", err), s.Close())
	}
	return nil
}
