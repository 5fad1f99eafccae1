// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"

	"tidewatch/flow"
)

// Scanner reads columns. It keeps its memory, so each goroutine should have one
// and use it for all files. It is not safe for concurrent use.
type Scanner struct {
	zstd  *zstd.Decoder
	raw   []byte // a column as it lies in the file
	page  []byte // a page, unpacked
	dict  []byte // the dictionary of the column, unpacked
	index []uint32
	wide  []int64 // what Wide gathers
}

// NewScanner returns a scanner; Close gives back what it holds.
func NewScanner() (*Scanner, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPage))
	if err != nil {
		return nil, fmt.Errorf("make a zstd decoder: %w", err)
	}
	return &Scanner{zstd: d}, nil
}

// Close gives back the memory.
func (s *Scanner) Close() { s.zstd.Close() }

// Addrs is a column of addresses: row i has Dict[Index[i]]. An address may stand
// in Dict more than once.
type Addrs struct {
	Dict  []flow.Addr
	Index []uint32
}

// Addrs reads a column of addresses into a, whose memory it uses.
func (s *Scanner) Addrs(g *Group, c Column, a *Addrs) error {
	a.Dict, a.Index = a.Dict[:0], a.Index[:0]
	if g.chunks[c].size == 0 { // the file is older than the column
		a.Dict = append(a.Dict, flow.Addr{})
		a.Index = appendN(a.Index, 0, g.rows)
		return nil
	}
	base := -1 // where the column's dictionary begins in ours
	return s.column(g, c, address, func(dict, values []byte) {
		at := len(a.Dict)
		if dict != nil {
			if base < 0 {
				base = at
				a.Dict = appendAddrs(a.Dict, dict)
			}
			to := len(a.Index)
			a.Index = append(a.Index, s.index...)
			if base > 0 {
				for i := range a.Index[to:] {
					a.Index[to+i] += uint32(base)
				}
			}
			return
		}
		a.Dict = appendAddrs(a.Dict, values)
		for i := at; i < len(a.Dict); i++ {
			a.Index = append(a.Index, uint32(i))
		}
	})
}

// Small reads a column of small numbers into out, whose memory it uses.
func (s *Scanner) Small(g *Group, c Column, out []uint32) ([]uint32, error) {
	out = out[:0]
	if g.chunks[c].size == 0 {
		return appendN(out, 0, g.rows), nil
	}
	err := s.column(g, c, small, func(dict, values []byte) {
		if dict != nil {
			to := len(out)
			out = slices.Grow(out, len(s.index))[:to+len(s.index)]
			for k, i := range s.index {
				out[to+k] = binary.LittleEndian.Uint32(dict[4*i:])
			}
			return
		}
		for ; len(values) >= 4; values = values[4:] {
			out = append(out, binary.LittleEndian.Uint32(values))
		}
	})
	return out, err
}

// Wide reads a column of large numbers into out, whose memory it uses.
func (s *Scanner) Wide(g *Group, c Column, out []int64) ([]int64, error) {
	if g.chunks[c].size == 0 {
		return appendN(out[:0], 0, g.rows), nil
	}
	s.wide = slices.Grow(out[:0], g.rows)
	err := s.column(g, c, wide, func(dict, values []byte) {
		if dict != nil {
			for _, i := range s.index {
				s.wide = append(s.wide, int64(binary.LittleEndian.Uint64(dict[8*i:])))
			}
			return
		}
		for ; len(values) >= 8; values = values[8:] {
			s.wide = append(s.wide, int64(binary.LittleEndian.Uint64(values)))
		}
	})
	out, s.wide = s.wide, nil
	return out, err
}

func appendAddrs(to []flow.Addr, raw []byte) []flow.Addr {
	to = slices.Grow(to, len(raw)/16)
	for ; len(raw) >= 16; raw = raw[16:] {
		to = append(to, flow.Addr(raw))
	}
	return to
}

func appendN[T any](to []T, v T, n int) []T {
	to = slices.Grow(to, n)
	for range n {
		to = append(to, v)
	}
	return to
}
