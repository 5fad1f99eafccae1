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
	var largest uint32
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
			run := little(b[:bytes])
			largest = max(largest, run)
			to = appendN(to, run, count)
		} else {
			var most uint32
			to, most = unpackBits(to, b[:bytes], width, count)
			largest = max(largest, most)
		}
		b = b[bytes:]
	}
	if int(largest) >= size {
		return to, fmt.Errorf("%w: entry %d of %d", errIndex, largest, size)
	}
	return to, nil
}

// unpackBits appends count numbers of width bits, lowest bits first, and tells the
// largest.
func unpackBits(to []uint32, b []byte, width uint, count int) (_ []uint32, largest uint32) {
	mask := uint64(1)<<width - 1
	from := len(to)
	to = slices.Grow(to, count)[:from+count]
	out := to[from:]
	bit, i := uint(0), 0
	if len(b) >= 8 {
		for last := uint(len(b)-8) * 8; i < len(out) && bit <= last; i++ { // a whole word lies ahead
			v := uint32(binary.LittleEndian.Uint64(b[bit>>3:]) >> (bit & 7) & mask)
			largest = max(largest, v)
			out[i] = v
			bit += width
		}
	}
	for ; i < len(out); i++ {
		var word [8]byte
		copy(word[:], b[bit>>3:])
		v := uint32(binary.LittleEndian.Uint64(word[:]) >> (bit & 7) & mask)
		largest = max(largest, v)
		out[i] = v
		bit += width
	}
	return to, largest
}

func little(b []byte) uint32 {
	var v uint32
	for i, c := range b {
		v |= uint32(c) << (8 * i)
	}
	return v
}
