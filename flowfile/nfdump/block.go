// SPDX-License-Identifier: Apache-2.0

package nfdump

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/anchore/go-lzo"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// codec is how blocks are compressed; the numbers are those of layout 2.
type codec uint8

const (
	codecNone codec = iota
	codecLZO
	codecBZ2
	codecLZ4
	codecZstd
)

// maxBlock bounds a block, packed and unpacked. nfdump's own bound is 5 MiB.
const maxBlock = 16 << 20

// header is what the file header tells.
type header struct {
	layout int
	size   int // bytes up to the first block
	codec  codec
	blocks uint32 // data blocks; 0 while the file is being written
}

// The sizes of the file headers: layout 1 has a name and statistics in it.
const (
	sizeHeader1 = 140 + 136
	sizeHeader2 = 40
	sizeBlock   = 12
)

func readHeader(r *bufio.Reader) (header, error) {
	head, _ := r.Peek(4)
	if len(head) < 4 {
		return header{}, fmt.Errorf("an nfdump file cut in its header (%d bytes)", len(head))
	}
	if isBigEndian(head) {
		return header{}, errors.New("an nfdump file of a big-endian machine; convert it there, for example with nfdump -r FILE -o csv")
	}
	le := binary.LittleEndian
	h := header{layout: int(le.Uint16(head[2:]))}
	switch h.layout {
	case 1:
		h.size = sizeHeader1
	case 2:
		h.size = sizeHeader2
	default:
		return header{}, fmt.Errorf("an nfdump file of layout %d; layouts 1 and 2 (nfdump 1.6 and 1.7) are read", h.layout)
	}
	raw := make([]byte, h.size)
	if n, err := io.ReadFull(r, raw); err != nil {
		return header{}, fmt.Errorf("an nfdump file cut in its header: %d of %d bytes", n, h.size)
	}
	if h.layout == 1 {
		flags := le.Uint32(raw[4:])
		h.blocks = le.Uint32(raw[8:])
		switch {
		case flags&0x01 != 0:
			h.codec = codecLZO
		case flags&0x08 != 0:
			h.codec = codecBZ2
		case flags&0x10 != 0:
			h.codec = codecLZ4
		}
		return h, nil
	}
	h.codec = codec(raw[16])
	if raw[17] != 0 {
		return header{}, errors.New("an encrypted nfdump file; decrypt it first")
	}
	h.blocks = le.Uint32(raw[36:])
	if h.codec > codecZstd {
		return header{}, fmt.Errorf("an nfdump file with compression %d, which is not known; convert it with nfdump -r FILE -w NEW -y", h.codec)
	}
	return h, nil
}

// blocks reads block after block.
type blocks struct {
	r       *bufio.Reader
	codec   codec
	at      int64 // bytes of the file read so far
	start   int64 // where the current block begins
	count   uint64
	in, out []byte
	zstd    *zstd.Decoder
}

// cutError tells that the file ends inside a block.
type cutError struct {
	at      int64
	missing int
	what    string
}

func (e *cutError) Error() string {
	return fmt.Sprintf("%d bytes of a %s are missing", e.missing, e.what)
}

// blockError tells that a block is damaged; fatal means that the next one
// cannot be found.
type blockError struct {
	what  string
	fatal bool
}

func (e *blockError) Error() string { return e.what }

// next returns the content of the next block, unpacked, valid until the next
// call; io.EOF at the end.
func (s *blocks) next() ([]byte, error) {
	var head [sizeBlock]byte
	s.start = s.at
	if n, err := io.ReadFull(s.r, head[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, s.short(n, sizeBlock, "block header", err)
	}
	s.at += sizeBlock
	s.count++
	size := binary.LittleEndian.Uint32(head[4:])
	flags := binary.LittleEndian.Uint16(head[10:])
	if size == 0 || size > maxBlock {
		return nil, &blockError{what: fmt.Sprintf("a block of %d bytes; the rest of the file is lost", size), fatal: true}
	}
	if err := s.fill(int(size)); err != nil {
		return nil, err
	}
	if s.codec == codecNone {
		return s.in, nil
	}
	if kind := binary.LittleEndian.Uint16(head[8:]); kind >= 3 && flags&1 != 0 { // layout 2: this block is not packed
		return s.in, nil
	}
	out, err := s.unpack()
	if err != nil {
		return nil, &blockError{what: fmt.Sprintf("its compression is damaged (%v)", err)}
	}
	return out, nil
}

// fill reads size bytes. Memory grows with what arrives, so a header that lies
// about the size costs nothing.
func (s *blocks) fill(size int) error {
	s.in = s.in[:0]
	for len(s.in) < size {
		part := min(size-len(s.in), 1<<20)
		at := len(s.in)
		s.in = append(s.in, make([]byte, part)...)
		n, err := io.ReadFull(s.r, s.in[at:])
		s.at += int64(n)
		if err != nil {
			return s.short(at+n, size, "block", err)
		}
	}
	return nil
}

func (s *blocks) short(have, want int, what string, err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if what == "block header" {
		s.at += int64(have)
	}
	return &cutError{at: s.at, missing: want - have, what: what}
}

// unpack tries with room for the blocks that nfdump writes, and only if these
// do not fit with the most that is allowed.
func (s *blocks) unpack() ([]byte, error) {
	const usual = 2 << 20
	if s.out == nil {
		s.out = make([]byte, usual)
	}
	out, err := s.unpackInto()
	if err != nil && len(s.out) < maxBlock {
		s.out = make([]byte, maxBlock)
		out, err = s.unpackInto()
	}
	return out, err
}

func (s *blocks) unpackInto() ([]byte, error) {
	switch s.codec {
	case codecLZ4:
		n, err := lz4.UncompressBlock(s.in, s.out)
		if err != nil {
			return nil, fmt.Errorf("lz4: %w", err)
		}
		return s.out[:n], nil
	case codecLZO:
		n, err := lzo.Decompress(s.in, s.out)
		if err != nil {
			return nil, fmt.Errorf("lzo: %w", err)
		}
		return s.out[:n], nil
	case codecBZ2:
		return s.bzip2()
	case codecNone:
	case codecZstd:
		if s.zstd == nil {
			var err error
			s.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock))
			if err != nil {
				return nil, fmt.Errorf("zstd: %w", err)
			}
		}
		out, err := s.zstd.DecodeAll(s.in, s.out[:0])
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		return out, nil
	}
	return s.in, nil
}

func (s *blocks) bzip2() ([]byte, error) {
	r := bzip2.NewReader(bytes.NewReader(s.in))
	n, err := io.ReadFull(r, s.out)
	if err == nil {
		return nil, errors.New("bzip2: unpacks to more than 16 MiB")
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("bzip2: %w", err)
	}
	if n == 0 {
		return nil, errors.New("bzip2: nothing in it")
	}
	return s.out[:n], nil
}

func (s *blocks) close() {
	if s.zstd != nil {
		s.zstd.Close()
	}
}
