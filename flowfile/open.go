// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// headSize is how much of an input is looked at to find out its format. A
// header line of CSV or Zeek and the first events of a JSON log fit many times.
const headSize = 64 << 10

// Open opens the file at path ("-" is standard input), undoes gzip and zstd,
// and hands it to the format that force names, or else to the first that knows
// the content; the extension of the name is never looked at. Every error is one
// line that names the file.
func Open(path string, formats []Format, force string, o Options) (Reader, error) {
	f, name := os.Stdin, "standard input"
	if path != "-" {
		var err error
		if f, err = os.Open(path); err != nil { //nolint:gosec // the operator names the file
			return nil, fmt.Errorf("open: %w", err)
		}
		name = path
		if st, err := f.Stat(); err == nil && st.IsDir() {
			_ = f.Close()
			return nil, fmt.Errorf("open %s: it is a folder; name the files in it", path)
		}
	}
	r, err := OpenStream(name, f, formats, force, o)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &file{Reader: r, f: f}, nil
}

type file struct {
	Reader
	f io.Closer
}

func (f *file) Close() error { return errors.Join(f.Reader.Close(), f.f.Close()) }

// OpenStream does what Open does for an input that is open already. name stands
// for it in messages.
func OpenStream(name string, in io.Reader, formats []Format, force string, o Options) (Reader, error) {
	s, err := newSource(name, in)
	if err != nil {
		return nil, err
	}
	f, err := choose(name, s, formats, force)
	if err != nil {
		s.close()
		return nil, err
	}
	r, err := s.open(f, name, in, o)
	if err != nil {
		s.close()
		return nil, err
	}
	return &stream{Reader: r, s: s}, nil
}

// open opens what is left of in once its compressions are undone.
func (s *source) open(f *Format, name string, in io.Reader, o Options) (Reader, error) {
	if f.OpenAt == nil {
		return f.Open(name, s.r, o)
	}
	if whole, ok := in.(interface {
		io.ReaderAt
		io.Seeker
	}); ok && len(s.undone) == 0 {
		if size, err := whole.Seek(0, io.SeekEnd); err == nil { // a pipe cannot
			return f.OpenAt(name, whole, size, o)
		}
	}
	return nil, fmt.Errorf("read %s: %s files are read from their end; unpack it to a file and name that", name, f.Name)
}

func choose(name string, s *source, formats []Format, force string) (*Format, error) {
	names := make([]string, len(formats))
	for i := range formats {
		names[i] = formats[i].Name
		if force == names[i] {
			return &formats[i], nil
		}
	}
	known := strings.Join(names, ", ")
	if force != "" {
		return nil, fmt.Errorf("input format %q is not known; known are %s", force, known)
	}
	head, err := s.r.Peek(headSize)
	if len(head) == 0 {
		return nil, s.nothing(name, err)
	}
	if what := foreign(head); what != "" {
		return nil, fmt.Errorf("read %s: it is %s", name, what)
	}
	for i := range formats {
		if formats[i].Detect(head) {
			return &formats[i], nil
		}
	}
	return nil, fmt.Errorf("read %s: none of the known formats (%s)", name, known)
}

// stream adds to a format's reader what happened below it.
type stream struct {
	Reader
	s *source
}

// Stats adds the end of a cut compressed stream to what the format tells.
func (t *stream) Stats() Stats {
	st := t.Reader.Stats()
	if t.s.cut == "" {
		return st
	}
	reasons := map[string]uint64{ReasonCutCompression: 1}
	for k, v := range st.Reasons {
		reasons[k] += v
	}
	st.Reasons = reasons
	st.Skipped++
	st.Notes = append([]string{t.s.cut}, st.Notes...)
	return st
}

func (t *stream) Close() error {
	err := t.Reader.Close()
	t.s.close()
	return err
}
