// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

var errIndex = errors.New("a damaged list of dictionary entries")

// unpackIndex appends rows entries of a dictionary of size values: Parquet's mix
// of runs and packed bits. None of them lies outside the dictionary.
func unpackIndex(to []uint32, b []byte, rows, size int) ([]uint32, error) {
	if len(b) == 0 || b[0] > 32 {
		return to, errIndex
	}
	width := uint(b[0])
	b = b[1:]
	to = slices.Grow(to, rows+8)
	for len(to) < rows {
		h, n := binary.Uvarint(b)
		if n <= 0 || h>>1 == 0 || h>>1 > maxGroupRows {
			return to, errIndex
		}
		b = b[n:]
		count := int(h >> 1)
		var bytes int
		if h&1 == 0 {
			bytes = int(width+7) / 8
		} else {
			bytes = count * int(width)
			count *= 8
		}
		if bytes > len(b) {
			return to, errIndex
		}
		count = min(count, rows-len(to)) // the last run is padded to 8
		if h&1 == 0 {
			to = appendN(to, little(b[:bytes]), count)
		} else {
			to = unpackBits(to, b[:bytes], width, count)
		}
		b = b[bytes:]
	}
	var largest uint32
	for _, i := range to {
		largest = max(largest, i)
	}
	if int(largest) >= size {
		return to, fmt.Errorf("%w: entry %d of %d", errIndex, largest, size)
	}
	return to, nil
}

// unpackBits appends count numbers of width bits, lowest bits first.
func unpackBits(to []uint32, b []byte, width uint, count int) []uint32 {
	mask := uint64(1)<<width - 1
	bit := uint(0)
	for range count {
		at := int(bit >> 3)
		var word uint64
		if at+8 <= len(b) {
			word = binary.LittleEndian.Uint64(b[at:])
		} else {
			var last [8]byte
			copy(last[:], b[at:])
			word = binary.LittleEndian.Uint64(last[:])
		}
		to = append(to, uint32(word>>(bit&7)&mask))
		bit += width
	}
	return to
}

func little(b []byte) uint32 {
	var v uint32
	for i, c := range b {
		v |= uint32(c) << (8 * i)
	}
	return v
}
