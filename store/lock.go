// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lockName is the file in the data directory that carries the lock.
const lockName = "lock"

// Lock is the right to write in a data directory, which one process has at a
// time. It is an advisory lock on a file there (flock), so the kernel takes it
// back when the process dies, however it dies. What the file says is for people
// and for other commands: the process and where its API listens.
type Lock struct{ f *os.File }

// InUseError says that another process has the lock.
type InUseError struct {
	Dir     string
	Process int    // its number, 0 when the file does not say
	API     string // base URL of its API, empty when the file does not say
}

// Error is one line that says who and what to do.
func (e *InUseError) Error() string {
	var who []string
	if e.Process != 0 {
		who = append(who, "process "+strconv.Itoa(e.Process))
	}
	if e.API != "" {
		who = append(who, "API at "+e.API)
	}
	text := "data directory " + e.Dir + " is in use by another tidewatch"
	if len(who) > 0 {
		text += " (" + strings.Join(who, ", ") + ")"
	}
	return text + "; stop that one, or set data_dir to another folder"
}

// TakeLock makes the directory if it is missing and takes its lock. The error
// is an *InUseError when another process has it.
func TakeLock(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the data directory is the operator's choice
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	l := &Lock{f}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		text, _ := io.ReadAll(io.LimitReader(f, 1024)) // only to name the holder
		_ = f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock data directory: %s: %w", path, err)
		}
		return nil, inUse(dir, string(text))
	}
	if err := l.Tell(""); err != nil {
		return nil, errors.Join(err, l.Release())
	}
	return l, nil
}

// Holder tells who has the lock of a directory, nil when nobody has. It makes nothing.
func Holder(dir string) (*InUseError, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.Open(path) //nolint:gosec // the data directory is the operator's choice
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look who uses the data directory: %w", err)
	}
	defer func() { _ = f.Close() }() // gives back what was taken
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); {
	case err == nil:
		return nil, nil
	case !errors.Is(err, unix.EWOULDBLOCK):
		return nil, fmt.Errorf("look who uses the data directory: %s: %w", path, err)
	}
	text, _ := io.ReadAll(io.LimitReader(f, 1024)) // only to name the holder
	return inUse(dir, string(text)), nil
}

// inUse reads what Tell wrote.
func inUse(dir, text string) *InUseError {
	e := &InUseError{Dir: dir}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "pid":
			e.Process, _ = strconv.Atoi(value) // 0 is "not known"
		case "api":
			e.API = value
		}
	}
	return e
}

// Tell writes this process, and the base URL of its API when it has one, into
// the lock file.
func (l *Lock) Tell(api string) error {
	text := "pid " + strconv.Itoa(os.Getpid()) + "\n"
	if api != "" {
		text += "api " + api + "\n"
	}
	if _, err := l.f.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	if err := l.f.Truncate(int64(len(text))); err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	return nil
}

// Release gives the lock back; the empty file stays. A nil Lock was never taken.
func (l *Lock) Release() error {
	if l == nil {
		return nil
	}
	err := errors.Join(l.f.Truncate(0), l.f.Close())
	if err != nil {
		return fmt.Errorf("release data directory: %w", err)
	}
	return nil
}
