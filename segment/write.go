// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"tidewatch/flow"
)

// pageBytes makes a page of a column of a whole row group.
const pageBytes = 16 * GroupRows

// piece is how many rows are turned at a time.
const piece = 2048

// Writer writes one file. It is to be closed; before that nothing can be read.
type Writer struct {
	out      *parquet.GenericWriter[row]
	exporter func(uint32) netip.Addr
	last     int64
	rows     int
	scratch  []row
	order    []uint32
}

// NewWriter starts a file on w. exporter tells the address behind a number of
// the exporter column.
func NewWriter(w io.Writer, exporter func(uint32) netip.Addr) *Writer {
	return &Writer{
		out: parquet.NewGenericWriter[row](w,
			parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
			parquet.PageBufferSize(pageBytes),
			parquet.DataPageStatistics(false), // a row group is one page a column
			parquet.MaxRowsPerRowGroup(GroupRows),
			parquet.KeyValueMetadata(versionKey, strconv.Itoa(Version)),
			parquet.KeyValueMetadata(contentKey, content),
		),
		exporter: exporter, last: math.MinInt64,
	}
}

// Append writes the rows of b in the order of their Received; equal times keep
// their order. No row of b may be earlier than one written before.
func (w *Writer) Append(b *flow.Batch) error {
	n := b.Len()
	if n == 0 {
		return nil
	}
	w.order = Order(b, w.order)
	if first := b.Received[w.order[0]]; first < w.last {
		return errors.New("rows are not in the order of their arrival")
	}
	w.last = b.Received[w.order[n-1]]
	for from := 0; from < n; from += piece {
		w.scratch = w.scratch[:0]
		for _, i := range w.order[from:min(n, from+piece)] {
			w.scratch = append(w.scratch, w.row(b, i))
		}
		if _, err := w.out.Write(w.scratch); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
	}
	w.rows += n
	return nil
}

func (w *Writer) row(b *flow.Batch, i uint32) row {
	return row{
		Received: b.Received[i], Age: b.Received[i] - b.End[i], Duration: b.End[i] - b.Start[i],
		Src: b.Src[i], Dst: b.Dst[i], SrcPort: uint32(b.SrcPort[i]), DstPort: uint32(b.DstPort[i]),
		Proto: uint32(b.Proto[i]), TCPFlags: uint32(b.TCPFlags[i]), Mark: uint32(b.Mark[i]),
		Bytes: int64(b.Bytes[i]), Packets: int64(b.Packets[i]),
		Sampling: b.Sampling[i], Exporter: flow.AddrFrom(w.exporter(b.Exporter[i])),
		InIf: b.InIf[i], OutIf: b.OutIf[i], SrcAS: b.SrcAS[i], DstAS: b.DstAS[i],
	}
}

// Rows is how many rows were written.
func (w *Writer) Rows() int { return w.rows }

// Close writes what makes the file readable. It does not close what is below.
func (w *Writer) Close() error {
	if err := w.out.Close(); err != nil {
		return fmt.Errorf("finish the file: %w", err)
	}
	return nil
}

// Order gives the rows of b in the order of their Received, equal times as they
// stand. It uses the memory of order.
func Order(b *flow.Batch, order []uint32) []uint32 {
	order = slices.Grow(order[:0], b.Len())
	for i := range b.Len() {
		order = append(order, uint32(i))
	}
	if !slices.IsSorted(b.Received) {
		slices.SortStableFunc(order, func(x, y uint32) int { return cmp.Compare(b.Received[x], b.Received[y]) })
	}
	return order
}
