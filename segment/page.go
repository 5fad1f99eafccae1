// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go/format"
)

// maxPage bounds a page once unpacked: 16 bytes a row.
const maxPage = 16 * maxGroupRows

// reading is a column of a row group that is being read.
type reading struct {
	*Scanner
	kind    kind
	hasDict bool
	left    int // rows
	take    func(dict, values []byte)
}

// column reads the pages of a column and hands each to take: with the dictionary,
// s.index has the page's entries of it, all inside; without one, values are as
// they stand. Differences need no more: they are in s.wide already. All pages
// together have exactly the group's rows.
func (s *Scanner) column(g *Group, c Column, k kind, take func(dict, values []byte)) error {
	if def := columns()[c]; def.kind != k {
		return fmt.Errorf("column %s holds values of another kind", def.name)
	}
	r := reading{Scanner: s, kind: k, left: g.rows, take: take}
	if at, err := r.pages(g.file.r, &g.chunks[c]); err != nil {
		return g.damage(fmt.Sprintf(", column %s, byte %d", c, at), err)
	}
	return nil
}

func (r *reading) pages(from io.ReaderAt, c *chunk) (at int64, err error) {
	r.raw = slices.Grow(r.raw[:0], int(c.size))[:c.size]
	if err := readAt(from, r.raw, c.at); err != nil {
		return c.at, err
	}
	for rest := r.raw; r.left > 0; {
		at = c.at + int64(len(r.raw)-len(rest))
		var h format.PageHeader
		n, err := unpack(rest, &h)
		if err != nil {
			return at, err
		}
		rest = rest[n:]
		size := int(h.CompressedPageSize)
		if size < 0 || size > len(rest) || h.UncompressedPageSize < 0 || h.UncompressedPageSize > maxPage {
			return at, fmt.Errorf("a page claims %d bytes, %d unpacked", size, h.UncompressedPageSize)
		}
		body := rest[:size]
		rest = rest[size:]
		if crc32.ChecksumIEEE(body) != uint32(h.CRC) {
			return at, errors.New("a page differs from its checksum")
		}
		if h.Type == format.DictionaryPage {
			err = r.dictionary(&h, body)
		} else {
			err = r.data(&h, body)
		}
		if err != nil {
			return at, err
		}
	}
	return 0, nil
}

func (r *reading) dictionary(h *format.PageHeader, body []byte) error {
	d := &h.DictionaryPageHeader
	if r.hasDict || !d.Valid || d.V.Encoding != format.Plain {
		return errors.New("a dictionary that is out of place")
	}
	var err error
	if r.dict, err = r.unzip(r.dict, body, int(h.UncompressedPageSize)); err != nil {
		return err
	}
	if int64(d.V.NumValues)*int64(r.kind.bytes()) != int64(len(r.dict)) {
		return fmt.Errorf("a dictionary of %d bytes claims %d values", len(r.dict), d.V.NumValues)
	}
	r.hasDict = true
	return nil
}

// data takes one page of values.
func (r *reading) data(h *format.PageHeader, body []byte) error {
	p, err := dataHeader(h)
	if err != nil {
		return err
	}
	if p.rows < 1 || p.rows > r.left {
		return fmt.Errorf("a page claims %d rows where %d are left", p.rows, r.left)
	}
	values := body
	if p.packed {
		if r.page, err = r.unzip(r.page, body, int(h.UncompressedPageSize)); err != nil {
			return err
		}
		values = r.page
	}
	switch p.encoding {
	case format.Plain:
		if len(values) != p.rows*r.kind.bytes() {
			return fmt.Errorf("a page of %d rows has %d bytes", p.rows, len(values))
		}
		r.take(nil, values)
	case format.RLEDictionary:
		if !r.hasDict {
			return errors.New("a page without its dictionary")
		}
		if r.index, err = unpackIndex(r.index[:0], values, p.rows, len(r.dict)/r.kind.bytes()); err != nil {
			return err
		}
		r.take(r.dict, nil)
	case format.DeltaBinaryPacked:
		if r.kind != wide {
			return errors.New("differences of what is no large number")
		}
		if r.wide, err = unpackDeltas(r.wide, values, p.rows); err != nil {
			return err
		}
	default:
		return fmt.Errorf("encoding %d is not one of ours", p.encoding)
	}
	r.left -= p.rows
	return nil
}

type dataPage struct {
	rows     int
	encoding format.Encoding
	packed   bool // compressed
}

// dataHeader reads a page header of either version of Parquet's data pages.
func dataHeader(h *format.PageHeader) (dataPage, error) {
	switch v1, v2 := &h.DataPageHeader, &h.DataPageHeaderV2; {
	case h.Type == format.DataPageV2 && v2.Valid:
		if v2.V.NumNulls != 0 || v2.V.DefinitionLevelsByteLength != 0 || v2.V.RepetitionLevelsByteLength != 0 {
			return dataPage{}, errors.New("a page with values left out")
		}
		return dataPage{int(v2.V.NumValues), v2.V.Encoding, !v2.V.IsCompressed.Valid || v2.V.IsCompressed.V}, nil
	case h.Type == format.DataPage && v1.Valid:
		return dataPage{int(v1.V.NumValues), v1.V.Encoding, true}, nil
	}
	return dataPage{}, fmt.Errorf("a page of type %d is out of place", h.Type)
}

func (s *Scanner) unzip(to, body []byte, size int) ([]byte, error) {
	out, err := s.zstd.DecodeAll(body, slices.Grow(to[:0], size))
	if err != nil {
		return out, fmt.Errorf("unpack a page: %w", err)
	}
	if len(out) != size {
		return out, fmt.Errorf("a page claims %d bytes and has %d", size, len(out))
	}
	return out, nil
}
