// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go/encoding/thrift"
)

// Bounds of what a structure in a file may claim: a footer of a file of the
// largest size has some thousand elements in its lists.
const (
	maxDepth    = 16
	maxElements = 1 << 17
)

var errStructure = errors.New("a damaged structure")

// unpack decodes the Thrift structure at the beginning of b into v and returns
// its length. The decoder makes room for what a list claims to hold, so the
// bytes are walked over first.
func unpack(b []byte, v any) (int, error) {
	w := walker{b: b, elements: maxElements}
	if !w.structure(0) {
		return 0, errStructure
	}
	n := len(b) - len(w.b)
	var p thrift.CompactProtocol
	if err := thrift.Unmarshal(&p, b[:n], v); err != nil {
		return 0, fmt.Errorf("%w: %w", errStructure, err)
	}
	return n, nil
}

// walker steps over values of Thrift's compact protocol.
type walker struct {
	b        []byte
	elements int // that lists may still have
}

// The types of the compact protocol.
const (
	tTrue = iota + 1
	tFalse
	tByte
	tI16
	tI32
	tI64
	tDouble
	tBinary
	tList
	tSet
	tMap
	tStruct
)

func (w *walker) structure(depth int) bool {
	for depth < maxDepth {
		h, ok := w.octet()
		if !ok {
			return false
		}
		if h&0xf == 0 {
			return true
		}
		if h>>4 == 0 && !w.varint() { // the field's number
			return false
		}
		if t := h & 0xf; t != tTrue && t != tFalse && !w.value(t, depth) {
			return false
		}
	}
	return false
}

func (w *walker) value(t byte, depth int) bool {
	switch t {
	case tTrue, tFalse, tByte: // in lists; a field has its truth in its type
		return w.skip(1)
	case tI16, tI32, tI64:
		return w.varint()
	case tDouble:
		return w.skip(8)
	case tBinary:
		n, ok := w.length()
		return ok && w.skip(n)
	case tList, tSet:
		return w.list(depth + 1)
	case tStruct:
		return w.structure(depth + 1)
	}
	return false // Parquet has no maps
}

func (w *walker) list(depth int) bool {
	h, ok := w.octet()
	if !ok || depth >= maxDepth {
		return false
	}
	n := int(h >> 4)
	if n == 0xf {
		if n, ok = w.length(); !ok {
			return false
		}
	}
	if n > w.elements || n > len(w.b) {
		return false
	}
	w.elements -= n
	for range n {
		if !w.value(h&0xf, depth) {
			return false
		}
	}
	return true
}

func (w *walker) octet() (byte, bool) {
	if len(w.b) == 0 {
		return 0, false
	}
	h := w.b[0]
	w.b = w.b[1:]
	return h, true
}

func (w *walker) skip(n int) bool {
	if n > len(w.b) {
		return false
	}
	w.b = w.b[n:]
	return true
}

func (w *walker) varint() bool {
	_, n := binary.Uvarint(w.b)
	return n > 0 && w.skip(n)
}

func (w *walker) length() (int, bool) {
	v, n := binary.Uvarint(w.b)
	if n <= 0 || v > uint64(len(w.b)) {
		return 0, false
	}
	w.b = w.b[n:]
	return int(v), true
}
