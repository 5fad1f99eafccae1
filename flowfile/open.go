// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// headSize is how much of an input is looked at to find out its format.
const headSize = 64 << 10

// Open opens the file at path ("-" is standard input), undoes gzip and zstd,
// and hands it to the format that force names, or else to the first that knows
// the content. Every error is one line that names the file.
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
	r, err := open(name, f, formats, force, o)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &file{Reader: r, f: f}, nil
}

type file struct {
	Reader
	f *os.File
}

func (f *file) Close() error { return errors.Join(f.Reader.Close(), f.f.Close()) }

func open(name string, in io.Reader, formats []Format, force string, o Options) (Reader, error) {
	r := bufio.NewReaderSize(in, headSize)
	head, err := r.Peek(4)
	if len(head) == 0 {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		return nil, fmt.Errorf("read %s: the file is empty", name)
	}
	switch {
	case head[0] == 0x1f && len(head) > 1 && head[1] == 0x8b:
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("read %s: gzip: %w", name, err)
		}
		return open(name, z, formats, force, o)
	case string(head) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("read %s: zstd: %w", name, err)
		}
		return open(name, z, formats, force, o)
	case string(head) == "PK\x03\x04":
		return nil, fmt.Errorf("read %s: it is a zip archive; unpack it first", name)
	}
	head, _ = r.Peek(headSize)
	names := make([]string, 0, len(formats))
	for _, f := range formats {
		if force == f.Name || force == "" && f.Detect(head) {
			return f.Open(name, r, o)
		}
		names = append(names, f.Name)
	}
	if force != "" {
		return nil, fmt.Errorf("input format %q is not known; known are %s", force, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("read %s: none of the known formats (%s)", name, strings.Join(names, ", "))
}
