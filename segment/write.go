// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"fmt"
	"io"
	"net/netip"
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
	rows     int
	scratch  []row
}

// NewWriter starts a file on w. exporter tells the address behind a number of
// the exporter column.
func NewWriter(w io.Writer, exporter func(uint32) netip.Addr) *Writer {
	return &Writer{
		out: parquet.NewGenericWriter[row](w,
			parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}), // the next level takes half as long again for 2 %
			parquet.PageBufferSize(pageBytes),
			parquet.DataPageStatistics(false), // a row group is one page a column
			parquet.MaxRowsPerRowGroup(GroupRows),
			parquet.KeyValueMetadata(versionKey, strconv.Itoa(Version)),
			parquet.KeyValueMetadata(contentKey, content),
		),
		exporter: exporter,
	}
}

// Append writes the rows of b as they stand.
func (w *Writer) Append(b *flow.Batch) error {
	for from := 0; from < b.Len(); from += piece {
		w.scratch = w.scratch[:0]
		for i := from; i < min(b.Len(), from+piece); i++ {
			w.scratch = append(w.scratch, w.row(b, i))
		}
		if _, err := w.out.Write(w.scratch); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
	}
	w.rows += b.Len()
	return nil
}

func (w *Writer) row(b *flow.Batch, i int) row {
	return row{
		Received: b.Received[i], Age: b.Received[i] - b.End[i], Duration: b.End[i] - b.Start[i],
		Src: b.Src[i], Dst: b.Dst[i], SrcPort: uint32(b.SrcPort[i]), DstPort: uint32(b.DstPort[i]),
		Proto: uint32(b.Proto[i]), TCPFlags: uint32(b.TCPFlags[i]), Mark: uint32(b.Mark[i]),
		Bytes: int64(b.Bytes[i]), Packets: int64(b.Packets[i]),
		Sampling: b.Sampling[i], Exporter: flow.AddrFrom(w.exporter(b.Exporter[i])),
		InIf: b.InIf[i], OutIf: b.OutIf[i], SrcAS: b.SrcAS[i], DstAS: b.DstAS[i],
	}
}

// Close writes what makes the file readable. It does not close what is below.
func (w *Writer) Close() error {
	if err := w.out.Close(); err != nil {
		return fmt.Errorf("finish the file: %w", err)
	}
	return nil
}
