// SPDX-License-Identifier: Apache-2.0

// Package parquet reads the segments of the flow history as recorded flows. It
// hands out what exporters had said, so that a segment is judged as its flows were
// when they came; Parquet files of other programs are refused.
package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"tidewatch/flow"
	"tidewatch/flowfile"
	"tidewatch/segment"
)

// Name is the format's name.
const Name = "parquet"

// ReasonDamage counts row groups that cannot be read.
const ReasonDamage = "bad_row_group"

// Format returns the format for flowfile.Open.
func Format() flowfile.Format {
	return flowfile.Format{Name: Name, OpenAt: open, Detect: func(head []byte) bool { return bytes.HasPrefix(head, segment.Magic()) }}
}

func open(name string, r io.ReaderAt, size int64, o flowfile.Options) (flowfile.Reader, error) {
	f, err := segment.Open(name, r, size)
	if err != nil {
		return nil, err
	}
	scan, err := segment.NewScanner()
	if err != nil {
		return nil, err
	}
	x := segment.NewExporters()
	return &reader{
		rows: segment.NewReader(f, scan, x), scan: scan, exporters: x, options: o,
		tally: flowfile.NewTally(fmt.Sprintf("flow history version %d", f.Version())),
	}, nil
}

type reader struct {
	rows      *segment.Reader
	scan      *segment.Scanner
	exporters *segment.Exporters
	told      uint32 // exporters whose address was told
	options   flowfile.Options
	tally     *flowfile.Tally
}

func (p *reader) Read(b *flow.Batch) (int, error) {
	from := b.Len()
	n, err := p.rows.Read(b)
	var damage *segment.DamageError
	switch {
	case errors.As(err, &damage):
		p.tally.Skip(ReasonDamage, damage.Place, fmt.Sprintf("%v; %d flows are lost", damage.Err, damage.Rows))
		return 0, nil
	case err != nil:
		return n, err //nolint:wrapcheck // io.EOF
	}
	for ; int(p.told) < p.exporters.Len(); p.told++ {
		if a := p.exporters.Addr(p.told); p.options.Exporter != nil && !a.IsZero() {
			p.options.Exporter(p.told, a.Netip())
		}
	}
	segment.Exported(b, from)
	for i := from; i < b.Len(); i++ {
		if b.End[i] < b.Start[i] { // no record has that which was decoded
			b.End[i] = b.Start[i]
			b.Mark[i] |= flow.Clamped
		}
		p.tally.Add(b.Packets[i], b.Bytes[i])
	}
	return n, nil
}

func (p *reader) Stats() flowfile.Stats {
	p.tally.SetExporters(p.exporters.Len())
	return p.tally.Stats()
}

func (p *reader) Close() error { p.scan.Close(); return nil }
