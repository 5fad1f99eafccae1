// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"tidewatch/flow"
	"tidewatch/query"
)

// Column is a column of recorded flows.
type Column uint8

// The columns that questions need.
const (
	Received Column = iota // Unix nanoseconds
	Age                    // nanoseconds from the flow's end to Received
	Duration               // nanoseconds from the flow's start to its end; like Age, a number with a sign
	Src
	Dst
	SrcPort
	DstPort
	Proto
	TCPFlags
	Mark
	Bytes
	Packets
	Sampling
	Exporter
	InIf
	OutIf
	SrcAS
	DstAS
	NumColumns
)

// Vector is a column of a block: a value per row, or distinct values and the index of
// one per row. Addresses stand in Addrs, everything else in Numbers.
type Vector struct {
	Numbers []uint64
	Addrs   []flow.Addr
	Index   []uint32 // nil: a value per row
}

// Number is the value of a row.
func (v *Vector) Number(row uint32) uint64 {
	if v.Index != nil {
		row = v.Index[row]
	}
	return v.Numbers[row]
}

// Addr is the address of a row.
func (v *Vector) Addr(row uint32) *flow.Addr {
	if v.Index != nil {
		row = v.Index[row]
	}
	return &v.Addrs[row]
}

// Block is some thousand flows, read column by column.
type Block interface {
	Rows() int
	// Bounds are the least and the largest value of a column of numbers, AddrBounds
	// of addresses; ok is false when they are not known.
	Bounds(c Column) (low, high uint64, ok bool)
	AddrBounds(c Column) (low, high flow.Addr, ok bool)
	// Read fills v with all rows of a column.
	Read(c Column, v *Vector) error
}

// view is a block while a worker looks at it: columns are read once, when they are
// needed. Its memory is used for the next block.
type view struct {
	block   Block
	vectors [NumColumns]Vector
	have    [NumColumns]bool
}

var (
	_ query.Rows  = (*view)(nil)
	_ query.Zones = (*view)(nil)
)

func (w *view) reset(b Block) { w.block, w.have = b, [NumColumns]bool{} }

// column reads a column, unless that was done.
func (w *view) column(c Column) (*Vector, error) {
	v := &w.vectors[c]
	if w.have[c] {
		return v, nil
	}
	if err := w.block.Read(c, v); err != nil {
		return nil, err
	}
	w.have[c] = true
	return v, nil
}

// columnOf is where a column of the filter language is kept; derived ones, which have
// none, are NumColumns.
func columnOf(c query.Column) Column {
	return [query.NumColumns]Column{
		query.ColSrc: Src, query.ColDst: Dst, query.ColSrcPort: SrcPort, query.ColDstPort: DstPort, query.ColProto: Proto,
		query.ColBytes: Bytes, query.ColPackets: Packets, query.ColDuration: Duration, query.ColTCPFlags: TCPFlags,
		query.ColExporter: Exporter, query.ColInIf: InIf, query.ColOutIf: OutIf, query.ColSrcAS: SrcAS, query.ColDstAS: DstAS,
		query.ColDirection: NumColumns,
	}[c]
}

// Judge tells from least and largest values what a test says of all rows.
func (w *view) Judge(t *query.Test) query.Verdict {
	switch c := columnOf(t.Column); c {
	case NumColumns:
		return query.Some
	case Duration: // has a sign
	case Src, Dst, Exporter:
		if low, high, ok := w.block.AddrBounds(c); ok {
			return t.BetweenAddr(&low, &high)
		}
	default:
		if low, high, ok := w.block.Bounds(c); ok {
			return t.Between(low, high)
		}
	}
	return query.Some
}

// Test asks a test of each row, or of each distinct value where there are such.
func (w *view) Test(t *query.Test, out []uint64) error {
	clear(out)
	if t.Column == query.ColDirection {
		marks, err := w.column(Mark)
		if err != nil {
			return err
		}
		spread(marks, len(marks.Numbers), w.block.Rows(), out, func(i int) bool {
			return t.Value(uint64(query.DirectionOf(flow.Mark(marks.Numbers[i]))))
		})
		return nil
	}
	c := columnOf(t.Column)
	v, err := w.column(c)
	if err != nil {
		return err
	}
	switch c {
	case Duration:
		spread(v, len(v.Numbers), w.block.Rows(), out, func(i int) bool { return t.Value(query.DurationOf(0, int64(v.Numbers[i]))) })
	case Src, Dst, Exporter:
		spread(v, len(v.Addrs), w.block.Rows(), out, func(i int) bool { return t.Addr(&v.Addrs[i]) })
	default:
		spread(v, len(v.Numbers), w.block.Rows(), out, func(i int) bool { return t.Value(v.Numbers[i]) })
	}
	return nil
}

// spread asks pass once for each distinct value and sets the bits of its rows.
func spread(v *Vector, values, rows int, out []uint64, pass func(int) bool) {
	if v.Index == nil {
		for i := range rows {
			if pass(i) {
				out[i/64] |= 1 << (i % 64)
			}
		}
		return
	}
	passed := make([]uint64, values)
	for i := range values {
		if pass(i) {
			passed[i] = 1
		}
	}
	for i, x := range v.Index[:rows] {
		out[i/64] |= passed[x] << (i % 64)
	}
}
