// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"tidewatch/flow"
	"tidewatch/query"
	"tidewatch/segment"
)

// vector is a column of a row group: of small or large numbers, or of addresses.
type vector struct {
	small []uint32
	wide  []int64
	addrs segment.Addrs
}

// number is the value of a row of a column of numbers.
func (v *vector) number(row uint32) uint64 {
	if v.wide != nil {
		return uint64(v.wide[row])
	}
	return uint64(v.small[row])
}

// addr is the address of a row.
func (v *vector) addr(row uint32) *flow.Addr { return &v.addrs.Dict[v.addrs.Index[row]] }

// view is a row group while a worker looks at it: columns are read once, when they are
// needed. Its memory is used for the next one.
type view struct {
	scan    *segment.Scanner
	group   *segment.Group
	vectors [segment.NumColumns]vector
	have    [segment.NumColumns]bool
}

var (
	_ query.Rows  = (*view)(nil)
	_ query.Zones = (*view)(nil)
)

func (w *view) reset(g *segment.Group) { w.group, w.have = g, [segment.NumColumns]bool{} }

// column reads a column, unless that was done.
func (w *view) column(c segment.Column) (v *vector, err error) {
	v = &w.vectors[c]
	if w.have[c] {
		return v, nil
	}
	switch c {
	case segment.Src, segment.Dst, segment.Exporter:
		err = w.scan.Addrs(w.group, c, &v.addrs)
	case segment.Received, segment.Age, segment.Duration, segment.Bytes, segment.Packets:
		v.wide, err = w.scan.Wide(w.group, c, v.wide)
	default:
		v.small, err = w.scan.Small(w.group, c, v.small)
	}
	w.have[c] = err == nil
	return v, err
}

// columns reads several.
func (w *view) columns(of ...segment.Column) ([]*vector, error) {
	out := make([]*vector, len(of))
	for i, c := range of {
		var err error
		if out[i], err = w.column(c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// columnOf is where a column of the filter language is kept. The direction follows
// from the marks.
func columnOf(c query.Column) segment.Column {
	return [query.NumColumns]segment.Column{
		query.ColSrc: segment.Src, query.ColDst: segment.Dst, query.ColSrcPort: segment.SrcPort, query.ColDstPort: segment.DstPort,
		query.ColProto: segment.Proto, query.ColBytes: segment.Bytes, query.ColPackets: segment.Packets,
		query.ColDuration: segment.Duration, query.ColTCPFlags: segment.TCPFlags, query.ColExporter: segment.Exporter,
		query.ColInIf: segment.InIf, query.ColOutIf: segment.OutIf, query.ColSrcAS: segment.SrcAS, query.ColDstAS: segment.DstAS,
		query.ColDirection: segment.Mark,
	}[c]
}

// Judge tells from least and largest values what a test says of all rows.
func (w *view) Judge(t *query.Test) query.Verdict {
	if t.Column == query.ColDirection {
		return query.Some
	}
	c := columnOf(t.Column)
	if low, high, ok := w.group.Addrs(c); ok {
		return t.BetweenAddr(&low, &high)
	}
	if low, high, ok := w.group.Small(c); ok {
		return t.Between(uint64(low), uint64(high))
	}
	if low, high, ok := w.group.Wide(c); ok && low >= 0 { // a duration may be below zero
		return t.Between(uint64(low), uint64(high))
	}
	return query.Some
}

// Test asks a test of each row, of addresses once for each that is different.
func (w *view) Test(t *query.Test, out []uint64) error {
	clear(out)
	c := columnOf(t.Column)
	v, err := w.column(c)
	if err != nil {
		return err
	}
	switch t.Column {
	case query.ColSrc, query.ColDst, query.ColExporter:
		passed := make([]uint64, len(v.addrs.Dict))
		for i := range passed {
			if t.Addr(&v.addrs.Dict[i]) {
				passed[i] = 1
			}
		}
		for i, x := range v.addrs.Index {
			out[i/64] |= passed[x] << (i % 64)
		}
	case query.ColDuration:
		each1(v.wide, out, func(n int64) bool { return t.Value(query.DurationOf(0, n)) })
	case query.ColBytes, query.ColPackets:
		each1(v.wide, out, func(n int64) bool { return t.Value(uint64(n)) })
	case query.ColDirection:
		each1(v.small, out, func(n uint32) bool { return t.Value(uint64(query.DirectionOf(flow.Mark(n)))) })
	default:
		each1(v.small, out, func(n uint32) bool { return t.Value(uint64(n)) })
	}
	return nil
}

// each1 sets the bits of the values that pass.
func each1[T uint32 | int64](values []T, out []uint64, pass func(T) bool) {
	for i, v := range values {
		if pass(v) {
			out[i/64] |= 1 << (i % 64)
		}
	}
}
