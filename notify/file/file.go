// SPDX-License-Identifier: Apache-2.0

// Package file appends messages to a file, a line of JSON each, for a log shipper or a
// script. The file may be renamed or removed at any time: the next message begins a
// new one.
package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"tidewatch/notify"
)

// Config says which file.
type Config struct {
	Path string `yaml:"path,omitempty"` // absolute; made with mode 0600 when it is missing, in a folder that exists
}

// Validate reports a path that makes no sense.
func (c *Config) Validate() error {
	if !filepath.IsAbs(c.Path) {
		return fmt.Errorf("path must be absolute, not %q", c.Path)
	}
	return nil
}

// Sink appends to one file. A line is on the disk before its message counts as
// delivered (fsync): that costs milliseconds, and messages are few.
type Sink struct {
	path string
	f    *os.File // nil: to be opened
}

var _ notify.Sink = (*Sink)(nil)

// New opens nothing.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Sink{path: cfg.Path}, nil
}

// Send appends one line.
func (s *Sink) Send(_ context.Context, m *notify.Message, before notify.Receipt) (notify.Receipt, error) {
	var line bytes.Buffer
	e := json.NewEncoder(&line) // ends with the end of the line
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return before, notify.Permanent(fmt.Errorf("write the message as JSON: %w", err))
	}
	if err := s.append(line.Bytes()); err != nil {
		return before, errors.Join(err, s.Close()) // and opened anew
	}
	return before, nil
}

func (s *Sink) append(line []byte) error {
	if err := s.open(); err != nil {
		return err
	}
	if _, err := s.f.Write(line); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	return nil
}

// open opens the file unless it is open and still the one at the path.
func (s *Sink) open() error {
	if s.f != nil {
		have, err := s.f.Stat()
		if err != nil {
			return fmt.Errorf("look at the file: %w", err)
		}
		there, err := os.Stat(s.path)
		if err == nil && os.SameFile(have, there) {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look at the file: %w", err)
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	// A pipe that nobody reads must not hold us up.
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("open the file: %w", err)
	}
	s.f = f
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at the file: %w", err)
	}
	if !st.Mode().IsRegular() {
		return notify.Permanent(fmt.Errorf("%s is no file", s.path))
	}
	return s.mend(st.Size())
}

// mend ends a line that was cut off, by a full disk or a crash, so that only this line
// is lost.
func (s *Sink) mend(size int64) error {
	if size == 0 {
		return nil
	}
	last := make([]byte, 1)
	if _, err := s.f.ReadAt(last, size-1); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the file: %w", err)
	}
	if last[0] == '\n' {
		return nil
	}
	if _, err := s.f.WriteString("\n"); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	return nil
}

// Close closes the file.
func (s *Sink) Close() error {
	if s.f == nil {
		return nil
	}
	f := s.f
	s.f = nil
	if err := f.Close(); err != nil {
		return fmt.Errorf("close the file: %w", err)
	}
	return nil
}
