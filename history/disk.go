// SPDX-License-Identifier: Apache-2.0

package history

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// disk is the file system that holds the history.
type disk struct {
	dir    string
	statfs func(dir string) (size, free int64, err error)
}

func statfs(dir string) (size, free int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	block := int64(st.Bsize) //nolint:unconvert // other systems have other widths
	return int64(st.Blocks) * block, int64(st.Bavail) * block, nil
}

// room is an error when less than reserve bytes are free.
func (d *disk) room(reserve int64) error {
	_, free, err := d.statfs(d.dir)
	if err != nil {
		return err
	}
	if free < reserve {
		return fmt.Errorf("%w: %d MB are free, and %d MB are left to others (history.keep_free)", errNoRoom, free/1e6, reserve/1e6)
	}
	return nil
}

// isFull reports whether an error of writing says that the disk has no room.
func isFull(err error) bool {
	return errors.Is(err, errNoRoom) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
