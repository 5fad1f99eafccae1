// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"encoding/binary"
	"errors"
	"slices"
)

var errDelta = errors.New("a damaged list of differences")

// miniRows is what each miniblock that parquet-go and most others write has. More is
// allowed, and bounded here.
const (
	miniRows    = 32
	maxMiniRows = 1 << 16
)

// unpackDeltas appends rows numbers that stand as differences: Parquet's
// DELTA_BINARY_PACKED. Sums wrap around, as the format says.
func unpackDeltas(to []int64, b []byte, rows int) ([]int64, error) {
	h := varints{b: b}
	block, minis, count := h.unsigned(), h.unsigned(), h.unsigned()
	value := h.signed()
	if h.bad || minis == 0 || block%minis != 0 || count != uint64(rows) {
		return to, errDelta
	}
	size := block / minis // values of a miniblock
	if size == 0 || size > maxMiniRows || size%miniRows != 0 || minis > maxGroupRows/miniRows {
		return to, errDelta
	}
	to = slices.Grow(to, rows)
	end := len(to) + rows
	if rows > 0 {
		to = append(to, value)
	}
	for len(to) < end {
		least := h.signed()
		widths := h.take(minis)
		if h.bad {
			return to, errDelta
		}
		for _, width := range widths {
			if len(to) == end {
				break // what is behind the last value is not written
			}
			packed := h.take(size / 8 * uint64(width))
			if h.bad || width > 64 {
				return to, errDelta
			}
			n := min(int(size), end-len(to))
			to = to[:len(to)+n]
			value = addDeltas(to[len(to)-n:], packed, uint(width), value, least)
		}
	}
	return to, nil
}

// addDeltas sums up one miniblock of differences of width bits above least, beginning
// behind value, and returns the last sum.
func addDeltas(out []int64, packed []byte, width uint, value, least int64) int64 {
	if width == 0 {
		for i := range out {
			value += least
			out[i] = value
		}
		return value
	}
	mask := ^uint64(0) >> (64 - width)
	bit, i := uint(0), 0
	if width <= 28 && len(packed) >= 8 { // then two lie in one word
		for last := uint(len(packed)-8) * 8; i+1 < len(out) && bit <= last; i += 2 {
			both := binary.LittleEndian.Uint64(packed[bit>>3:]) >> (bit & 7)
			first := value + least + int64(both&mask)
			value = first + least + int64(both>>width&mask)
			out[i], out[i+1] = first, value
			bit += 2 * width
		}
	}
	if width <= 57 && len(packed) >= 8 { // or one
		for last := uint(len(packed)-8) * 8; i < len(out) && bit <= last; i++ {
			value += least + int64(binary.LittleEndian.Uint64(packed[bit>>3:])>>(bit&7)&mask)
			out[i] = value
			bit += width
		}
	}
	for ; i < len(out); i++ {
		var word [16]byte
		copy(word[:], packed[bit>>3:])
		low, high := binary.LittleEndian.Uint64(word[:8]), binary.LittleEndian.Uint64(word[8:])
		shift := bit & 7
		value += least + int64((low>>shift|high<<(64-shift))&mask)
		out[i] = value
		bit += width
	}
	return value
}

// varints reads numbers of variable length; bad is set at the first that is none.
type varints struct {
	b   []byte
	bad bool
}

func (v *varints) unsigned() uint64 {
	n, used := binary.Uvarint(v.b)
	if used <= 0 {
		v.bad, v.b = true, nil
		return 0
	}
	v.b = v.b[used:]
	return n
}

// signed reads a number whose sign is its lowest bit.
func (v *varints) signed() int64 {
	n := v.unsigned()
	return int64(n>>1) ^ -int64(n&1)
}

func (v *varints) take(n uint64) []byte {
	if n > uint64(len(v.b)) {
		v.bad, v.b = true, nil
		return nil
	}
	out := v.b[:n]
	v.b = v.b[n:]
	return out
}
