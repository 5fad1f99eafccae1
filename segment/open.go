// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go/format"

	"tidewatch/flow"
)

const (
	magic = "PAR1"
	// maxFooter bounds the description of a file: a row group has 3 KiB of it.
	maxFooter = 8 << 20
	// maxGroupRows bounds a row group, also of later versions.
	maxGroupRows = 1 << 20
	// maxChunk bounds a column of a row group in the file: 16 bytes a row twice over.
	maxChunk = 2 * 16 * maxGroupRows
)

// Magic is how a file begins and ends.
func Magic() []byte { return []byte(magic) }

// NewerError says that a file was written by a later program.
type NewerError struct{ Version int }

func (e *NewerError) Error() string {
	return fmt.Sprintf("it has version %d of the format, and this program knows versions up to %d", e.Version, Version)
}

// File is an open file. It may be used by several goroutines, each with a Scanner
// of its own.
type File struct {
	name    string
	r       io.ReaderAt
	version int
	rows    int64
	groups  []Group
}

// Group is a row group.
type Group struct {
	file   *File
	index  int
	rows   int
	chunks [NumColumns]chunk
}

// chunk is where a column of a group lies, and its bounds.
type chunk struct {
	at, size int64
	lo, hi   []byte // nil: not known
}

// Open reads the description of a file of size bytes and checks it. name stands
// for it in errors, which are one line each.
func Open(name string, r io.ReaderAt, size int64) (*File, error) {
	f := &File{name: name, r: r}
	if err := f.open(size); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return f, nil
}

func (f *File) open(size int64) error {
	meta, end, err := footer(f.r, size)
	if err != nil {
		return err
	}
	if f.version, err = version(meta); err != nil {
		return err
	}
	if err := checkSchema(meta, f.version); err != nil {
		return err
	}
	f.groups = make([]Group, 0, len(meta.RowGroups))
	var total int64
	for i := range meta.RowGroups {
		g := Group{file: f, index: i}
		if err := g.take(&meta.RowGroups[i], end, f.version); err != nil {
			return fmt.Errorf("row group %d: %w", i+1, err)
		}
		f.rows += int64(g.rows)
		f.groups = append(f.groups, g)
		for c := range g.chunks {
			total += g.chunks[c].size
		}
	}
	if total > end { // the same bytes over and over would make a small file an endless one
		return fmt.Errorf("its row groups claim %d bytes of %d", total, end)
	}
	if f.rows != meta.NumRows {
		return fmt.Errorf("it tells of %d rows and has %d", meta.NumRows, f.rows)
	}
	return nil
}

// footer reads the description at the end of a file; end is where the data ends.
func footer(r io.ReaderAt, size int64) (meta *format.FileMetaData, end int64, err error) {
	const least = int64(len(magic) + 4 + len(magic))
	if size < least {
		return nil, 0, fmt.Errorf("it ends early: %d bytes are no Parquet file", size)
	}
	var head [4]byte
	var tail [8]byte
	if err := readAt(r, head[:], 0); err != nil {
		return nil, 0, err
	}
	if err := readAt(r, tail[:], size-8); err != nil {
		return nil, 0, err
	}
	switch {
	case string(head[:]) != magic:
		return nil, 0, errors.New("it is no Parquet file")
	case string(tail[4:]) != magic:
		return nil, 0, errors.New("it is cut off: a Parquet file ends in " + magic)
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > maxFooter || n > size-least {
		return nil, 0, fmt.Errorf("its description claims %d bytes", n)
	}
	raw := make([]byte, n)
	if err := readAt(r, raw, size-8-n); err != nil {
		return nil, 0, err
	}
	meta = &format.FileMetaData{}
	if used, err := unpack(raw, meta); err != nil || used != len(raw) {
		return nil, 0, fmt.Errorf("its description at byte %d is damaged", size-8-n)
	}
	return meta, size - 8 - n, nil
}

func readAt(r io.ReaderAt, p []byte, at int64) error {
	if n, err := r.ReadAt(p, at); n < len(p) {
		return fmt.Errorf("byte %d: %w", at+int64(n), err)
	}
	return nil
}

func version(meta *format.FileMetaData) (int, error) {
	var text, what string
	for _, kv := range meta.KeyValueMetadata {
		switch kv.Key {
		case versionKey:
			text = kv.Value
		case contentKey:
			what = kv.Value
		}
	}
	v, err := strconv.Atoi(text)
	switch {
	case err != nil || v < 1 || what != content:
		return 0, errors.New("it is a Parquet file of another program; only the flow history of tidewatch is read")
	case v > Version:
		return 0, &NewerError{v}
	}
	return v, nil
}

// checkSchema makes sure that the columns of the version are there as they are to be.
func checkSchema(meta *format.FileMetaData, version int) error {
	if len(meta.Schema) == 0 {
		return errors.New("it has no columns")
	}
	byName := map[string]*format.SchemaElement{}
	for i := range meta.Schema[1:] {
		e := &meta.Schema[1+i]
		if e.NumChildren.V != 0 || !e.RepetitionType.Valid || e.RepetitionType.V != format.Required {
			return fmt.Errorf("column %q is not flat", clip(e.Name))
		}
		byName[e.Name] = e
	}
	for _, c := range columns() {
		e := byName[c.name]
		if c.since > version {
			continue
		}
		if e == nil {
			return fmt.Errorf("column %q is missing", c.name)
		}
		if e.Type.V != physical(c.kind) || c.kind == address && e.TypeLength.V != int32(len(flow.Addr{})) {
			return fmt.Errorf("column %q has a strange type", c.name)
		}
	}
	return nil
}

func physical(k kind) format.Type {
	return [...]format.Type{small: format.Int32, wide: format.Int64, address: format.FixedLenByteArray}[k]
}

// clip makes a name from a file fit for a message.
func clip(s string) string { return s[:min(len(s), 40)] }

// take checks what a file says of a row group.
func (g *Group) take(m *format.RowGroup, end int64, version int) error {
	if m.NumRows < 1 || m.NumRows > maxGroupRows {
		return fmt.Errorf("it claims %d rows", m.NumRows)
	}
	g.rows = int(m.NumRows)
	byName := map[string]*format.ColumnMetaData{}
	for i := range m.Columns {
		if md := &m.Columns[i].MetaData; len(md.PathInSchema) == 1 {
			byName[md.PathInSchema[0]] = md
		}
	}
	for c, def := range columns() {
		md := byName[def.name]
		if def.since > version {
			continue
		}
		if md == nil {
			return fmt.Errorf("column %s is missing", def.name)
		}
		if err := g.chunks[c].take(md, g.rows, end, def.kind); err != nil {
			return fmt.Errorf("column %s: %w", def.name, err)
		}
	}
	return nil
}

func (c *chunk) take(m *format.ColumnMetaData, rows int, end int64, k kind) error {
	c.at, c.size = m.DataPageOffset, m.TotalCompressedSize
	if m.DictionaryPageOffset > 0 {
		c.at = min(c.at, m.DictionaryPageOffset)
	}
	switch {
	case m.NumValues != int64(rows):
		return fmt.Errorf("it has %d values for %d rows", m.NumValues, rows)
	case m.Codec != format.Zstd:
		return errors.New("it is not compressed with zstd")
	case c.size < 1 || c.size > maxChunk || c.at < int64(len(magic)) || c.at > end-c.size:
		return fmt.Errorf("it claims %d bytes at byte %d", c.size, c.at)
	}
	if n := k.bytes(); len(m.Statistics.MinValue) == n && len(m.Statistics.MaxValue) == n {
		c.lo, c.hi = m.Statistics.MinValue, m.Statistics.MaxValue
	}
	return nil
}

// bytes is the size of a value.
func (k kind) bytes() int { return [...]int{small: 4, wide: 8, address: 16}[k] }
