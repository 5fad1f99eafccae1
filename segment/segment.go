// SPDX-License-Identifier: Apache-2.0

// Package segment writes and reads one closed file of the flow history: flows
// in the order in which they were judged, column by column, as Parquet
// (docs/reference/history-format.md). Other programs that know Parquet read the
// files, too; this package reads only what it has written itself.
//
// Volumes are those that were counted, after multiplying by the sampling rate;
// Exported gives back what the exporter said, so that a file can be judged again.
//
// Columns are read whole, a row group at a time, into slices of numbers or into
// a dictionary of addresses with an index a row: that is what sums, filters and
// groups need, and it is bounded whatever the file says of itself.
package segment

import "tidewatch/flow"

// Version is the version that is written. docs/reference/history-format.md
// tells what each version has.
const Version = 2

// Names in the metadata of a file.
const (
	versionKey = "tidewatch.version"
	contentKey = "tidewatch.content"
	content    = "flows"
)

// GroupRows is how many rows a row group has at most: enough for a dictionary of
// addresses to pay, few enough that a column of it fits a cache and that a
// minute of a busy hour can be read alone.
const GroupRows = 1 << 17

// Column is one column of the table.
type Column uint8

// The columns. Their order is that of the file; it is not part of the format,
// columns are known by their names.
const (
	Received Column = iota // Unix nanoseconds; rows are about in the order of it
	Age                    // nanoseconds from the flow's end to Received
	Duration               // nanoseconds from the flow's start to its end
	Src
	Dst
	SrcPort
	DstPort
	Proto
	TCPFlags
	Mark // flow.Mark, with direction and duplicates as they were judged
	Bytes
	Packets
	Sampling
	Exporter // its address
	InIf
	OutIf
	SrcAS
	DstAS
	NumColumns
)

// kind is how a column is held in memory and in the file.
type kind uint8

const (
	small   kind = iota // INT32, read as uint32
	wide                // INT64
	address             // 16 bytes
)

// columns describes them. since is the version that brought a column; a file
// that is older reads as zeros.
func columns() [NumColumns]struct {
	name  string
	kind  kind
	since int
} {
	return [NumColumns]struct {
		name  string
		kind  kind
		since int
	}{
		Received: {"received", wide, 1}, Age: {"age", wide, 1}, Duration: {"duration", wide, 1},
		Src: {"src", address, 1}, Dst: {"dst", address, 1},
		SrcPort: {"src_port", small, 1}, DstPort: {"dst_port", small, 1},
		Proto: {"proto", small, 1}, TCPFlags: {"tcp_flags", small, 1}, Mark: {"marks", small, 1},
		Bytes: {"bytes", wide, 1}, Packets: {"packets", wide, 1}, Sampling: {"sampling", small, 1},
		Exporter: {"exporter", address, 1}, InIf: {"in_if", small, 1}, OutIf: {"out_if", small, 1},
		SrcAS: {"src_as", small, 1}, DstAS: {"dst_as", small, 1},
	}
}

// String is the column's name in the file.
func (c Column) String() string { return columns()[c].name }

// row is a row as the Parquet writer takes it. Few different values make a
// dictionary; many are compressed better, and read faster, as they are. Volumes, which
// nearly every question reads, stand as differences: half a byte a flow more, read four
// times as fast, for zstd then has little to put together (decision 14).
type row struct {
	Received int64     `parquet:"received,timestamp(nanosecond)"`
	Age      int64     `parquet:"age"`
	Duration int64     `parquet:"duration"`
	Src      flow.Addr `parquet:"src,dict"`
	Dst      flow.Addr `parquet:"dst,dict"`
	SrcPort  uint32    `parquet:"src_port"`
	DstPort  uint32    `parquet:"dst_port"`
	Proto    uint32    `parquet:"proto,dict"`
	TCPFlags uint32    `parquet:"tcp_flags,dict"`
	Mark     uint32    `parquet:"marks,dict"`
	Bytes    int64     `parquet:"bytes,delta"`
	Packets  int64     `parquet:"packets,delta"`
	Sampling uint32    `parquet:"sampling,dict"`
	Exporter flow.Addr `parquet:"exporter,dict"`
	InIf     uint32    `parquet:"in_if,dict"`
	OutIf    uint32    `parquet:"out_if,dict"`
	SrcAS    uint32    `parquet:"src_as,dict"`
	DstAS    uint32    `parquet:"dst_as,dict"`
}

// judged are the marks that enrich gives, which a new judgement gives anew.
const judged = flow.SrcInternal | flow.DstInternal | flow.Duplicate

// Exported turns counted rows of b, from row from on, into what the exporter
// said: volumes before sampling, and no marks of direction and duplicates.
//
// Rounding up is the exact inverse of enrich, also where enrich cut a volume:
// multiplied again it is cut again.
func Exported(b *flow.Batch, from int) {
	for i := from; i < b.Len(); i++ {
		b.Mark[i] &^= judged
		if n := uint64(b.Sampling[i]); n > 1 {
			b.Bytes[i] = divide(b.Bytes[i], n)
			b.Packets[i] = divide(b.Packets[i], n)
		}
	}
}

func divide(v, n uint64) uint64 {
	q := v / n
	if v%n != 0 {
		q++
	}
	return q
}
