// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ReasonCutCompression is the reason counted once for a gzip or zstd stream
// that ends early or is damaged; what came before the damage is read.
const ReasonCutCompression = "cut_compression"

// maxLayers bounds how many compressions are undone, one inside the other: a
// crafted file of endless layers must end in an error.
const maxLayers = 3

// maxWindow is the memory a zstd stream may ask for: what zstd --long=27 uses.
const maxWindow = 128 << 20

// source is an input with its compressions undone.
type source struct {
	r      *bufio.Reader
	undone []*undo
	cut    string // how a compressed stream ended early, as a sentence
}

// newSource looks for compression and undoes it. Its errors name the input.
func newSource(name string, in io.Reader) (*source, error) {
	s := &source{r: bufio.NewReaderSize(in, headSize)}
	for range maxLayers {
		head, err := s.r.Peek(4)
		if len(head) == 0 {
			s.close()
			return nil, s.nothing(name, err)
		}
		u, err := s.layer(head)
		if err != nil {
			s.close()
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if u == nil {
			return s, nil
		}
		s.undone = append(s.undone, u)
		s.r = bufio.NewReaderSize(u, headSize)
	}
	s.close()
	return nil, fmt.Errorf("read %s: compressed more than %d times over; unpack it first", name, maxLayers-1)
}

// layer returns the reader that undoes the compression head tells of, or nil.
func (s *source) layer(head []byte) (*undo, error) {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(s.r)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return &undo{s: s, name: "gzip", r: z, close: func() { _ = z.Close() }}, nil
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(s.r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		return &undo{s: s, name: "zstd", r: z, close: z.Close}, nil
	}
	return nil, nil //nolint:nilnil // no compression is no error
}

// nothing explains an input without a first byte.
func (s *source) nothing(name string, err error) error {
	switch {
	case s.cut != "":
		return fmt.Errorf("read %s: %s", name, s.cut)
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("read %s: %w", name, err)
	case len(s.undone) > 0:
		return fmt.Errorf("read %s: the file is empty once unpacked", name)
	}
	return fmt.Errorf("read %s: the file is empty", name)
}

func (s *source) close() {
	for _, u := range s.undone {
		u.close()
	}
}

// undo reads one compressed stream. Damage ends the stream and is kept as a
// sentence, so that a format reads on up to it as up to the end of a file.
type undo struct {
	s     *source
	name  string
	r     io.Reader
	close func()
	n     int64
	ended bool
}

func (u *undo) Read(p []byte) (int, error) {
	if u.ended {
		return 0, io.EOF
	}
	n, err := u.r.Read(p)
	u.n += int64(n)
	if err == nil {
		return n, nil
	}
	u.ended = true
	if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		why := "is damaged (" + err.Error() + ")"
		if errors.Is(err, io.ErrUnexpectedEOF) {
			why = "ends early"
		}
		u.s.cut = fmt.Sprintf("the %s stream %s after %d unpacked bytes", u.name, why, u.n)
	}
	return n, io.EOF
}

// foreign names containers that hold no flows by themselves and tells what to do.
func foreign(head []byte) string {
	for _, f := range []struct{ magic, what string }{
		{"PK\x03\x04", "a zip archive; unpack it first"},
		{"PK\x05\x06", "an empty zip archive"},
		{"\xfd7zXZ\x00", "compressed with xz; unpack it first (unxz)"},
		{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"},
		{"\x04\x22\x4d\x18", "compressed with lz4; unpack it first (unlz4)"},
		{"\x89LZO\x00", "compressed with lzop; unpack it first (lzop -d)"},
		{"SQLite format 3\x00", "an SQLite database, not a record of flows"},
		{"%PDF-", "a PDF document"},
	} {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f.what
		}
	}
	switch {
	case len(head) > 10 && bytes.HasPrefix(head, []byte("BZh")) && bytes.Equal(head[4:10], []byte("1AY&SY")):
		return "compressed with bzip2; unpack it first (bunzip2)"
	case len(head) > 262 && bytes.Equal(head[257:262], []byte("ustar")):
		return "a tar archive; unpack it first"
	}
	return ""
}
