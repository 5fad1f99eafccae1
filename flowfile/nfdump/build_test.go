// SPDX-License-Identifier: Apache-2.0

package nfdump_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

var le = binary.LittleEndian

// element is one element of a V3 record: type, length, body.
func element(id uint16, body ...byte) []byte {
	out := le.AppendUint16(nil, id)
	out = le.AppendUint16(out, uint16(4+len(body)))
	return append(out, body...)
}

func words(v ...uint64) (out []byte) {
	for _, x := range v {
		out = le.AppendUint64(out, x)
	}
	return out
}

// generic is the element of first, last, received, packets, bytes; ports; protocol and flags.
func generic(counts [5]uint64, ports [2]uint16, proto, flags byte) []byte {
	body := words(counts[:]...)
	body = le.AppendUint16(le.AppendUint16(body, ports[0]), ports[1])
	return element(1, append(body, proto, flags, 0, 0)...)
}

// ipv4 is the element of addresses 10.0.0.a and 10.0.0.b.
func ipv4(a, b byte) []byte { return element(2, a, 0, 0, 10, b, 0, 0, 10) }

// v3 builds a V3 record of exporter sysid.
func v3(sysid uint16, flags byte, elements ...[]byte) []byte {
	body := bytes.Join(elements, nil)
	out := le.AppendUint16(nil, 11)
	out = le.AppendUint16(out, uint16(12+len(body)))
	out = le.AppendUint16(out, uint16(len(elements)))
	out = append(le.AppendUint16(append(out, 0, 0), sysid), flags, 9)
	return append(out, body...)
}

// sampler builds a sampler record: one of interval+space packets.
func sampler(sysid uint16, id int64, interval, space uint32) []byte {
	out := []byte{15, 0, 24, 0}
	out = le.AppendUint16(le.AppendUint16(out, sysid), 0)
	out = le.AppendUint64(out, uint64(id))
	return le.AppendUint32(le.AppendUint32(out, interval), space)
}

// file2 builds a file of layout 2 with one block a record list.
func file2(blocks ...[][]byte) []byte {
	head := make([]byte, 40)
	le.PutUint16(head, 0xa50c)
	le.PutUint16(head[2:], 2)
	le.PutUint32(head[4:], 0x01070100)
	le.PutUint32(head[36:], uint32(len(blocks)))
	return slices.Concat(head, joinBlocks(3, blocks))
}

// file1 builds a file of layout 1.
func file1(blocks ...[][]byte) []byte {
	head := make([]byte, 276)
	le.PutUint16(head, 0xa50c)
	le.PutUint16(head[2:], 1)
	le.PutUint32(head[8:], uint32(len(blocks)))
	return slices.Concat(head, joinBlocks(2, blocks))
}

func joinBlocks(kind uint16, blocks [][][]byte) (out []byte) {
	for _, records := range blocks {
		body := bytes.Join(records, nil)
		out = le.AppendUint32(out, uint32(len(records)))
		out = le.AppendUint32(out, uint32(len(body)))
		out = le.AppendUint32(out, uint32(kind))
		out = append(out, body...)
	}
	return out
}

// extensions builds an extension map of layout 1.
func extensions(id uint16, ids ...uint16) []byte {
	out := le.AppendUint16(nil, 2)
	out = le.AppendUint16(out, uint16(8+2*len(ids)))
	out = le.AppendUint32(out, uint32(id))
	for _, x := range ids {
		out = le.AppendUint16(out, x)
	}
	return out
}

// common builds a record of layout 1, 10.0.0.1:1000 to 10.0.0.2:80, TCP.
func common(kind, mapID uint16, flags byte, data ...byte) []byte {
	out := le.AppendUint16(nil, kind)
	fixed := 32
	if kind == 1 {
		fixed = 28
	}
	out = le.AppendUint16(out, uint16(fixed+len(data)))
	out = append(out, flags, 0)
	if kind == 1 {
		out[5] = 3 // exporter
	}
	out = le.AppendUint16(out, mapID)
	out = le.AppendUint16(le.AppendUint16(out, 250), 750)
	out = le.AppendUint32(le.AppendUint32(out, 1000), 1001)
	out = append(out, 0, 0x12, 6, 0)
	out = le.AppendUint16(le.AppendUint16(out, 1000), 80)
	if kind == 10 {
		out = le.AppendUint16(le.AppendUint16(out, 3), 0)
	}
	return append(out, data...)
}

// repack compresses every block of an uncompressed file: the codec's number in
// layout 2 (4 is zstd, 3 LZ4); layout 1 knows LZ4 alone of these.
func repack(tb testing.TB, file []byte, codec byte) []byte {
	tb.Helper()
	out := bytes.Clone(file[:40])
	at := 40
	if le.Uint16(file[2:]) == 1 {
		out, at = bytes.Clone(file[:276]), 276
		out[4] |= 0x10
	} else {
		out[16] = codec
		le.PutUint64(out[24:], 0)
		out[18] = 0
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	for at < len(file) {
		size := int(le.Uint32(file[at+4:]))
		body := file[at+12 : at+12+size]
		packed := z.EncodeAll(body, nil)
		if codec == 3 {
			packed = make([]byte, lz4.CompressBlockBound(size))
			n, err := lz4.CompressBlock(body, packed, nil)
			if err != nil || n == 0 {
				tb.Fatalf("lz4: %d, %v", n, err)
			}
			packed = packed[:n]
		}
		head := bytes.Clone(file[at : at+12])
		le.PutUint32(head[4:], uint32(len(packed)))
		out = append(append(out, head...), packed...)
		at += 12 + size
	}
	return out
}
