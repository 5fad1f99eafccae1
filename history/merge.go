// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"errors"
	"io"
	"net/netip"

	"tidewatch/flow"
	"tidewatch/segment"
)

// mergeRows is how many rows are handed to the writer at a time.
const mergeRows = 8192

// merge puts the rows of segments that follow each other into the order of their
// arrival; of the same time, those of the earlier segment come first. Segments are
// opened when their time comes: seldom more than two at once.
type merge struct {
	waiting   []*Segment // not opened yet
	open      []*source  // in the order of the segments
	scan      *segment.Scanner
	exporters *segment.Exporters
}

// source is a segment that is being read.
type source struct {
	file   io.Closer
	reader *segment.Reader
	rows   *flow.Batch
	at     int
}

func newMerge(run []*Segment) (*merge, error) {
	scan, err := segment.NewScanner()
	if err != nil {
		return nil, err
	}
	return &merge{waiting: run, scan: scan, exporters: segment.NewExporters()}, nil
}

func (m *merge) exporter(i uint32) netip.Addr { return m.exporters.Addr(i).Netip() }

func (m *merge) close() {
	for _, s := range m.open {
		_ = s.file.Close()
	}
	m.scan.Close()
}

// into writes all rows.
func (m *merge) into(ctx context.Context, w *segment.Writer) error {
	out := flow.NewBatch(mergeRows)
	for {
		s, err := m.earliest()
		if err != nil {
			return err
		}
		if s != nil {
			rec := s.rows.Record(s.at)
			out.Append(&rec)
			s.at++
		}
		if out.Len() == mergeRows || s == nil {
			if err := w.Append(out); err != nil {
				return err
			}
			out.Reset()
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if s == nil {
			return nil
		}
	}
}

// earliest is the source whose next row came first; nil at the end.
func (m *merge) earliest() (*source, error) {
	var best *source
	for i := 0; i < len(m.open); {
		s := m.open[i]
		ended, err := s.fill()
		if err != nil {
			return nil, err
		}
		if ended {
			_ = s.file.Close()
			m.open = append(m.open[:i], m.open[i+1:]...)
			continue
		}
		if best == nil || s.next() < best.next() {
			best = s
		}
		i++
	}
	if len(m.waiting) > 0 && (best == nil || m.waiting[0].From.UnixNano() <= best.next()) {
		if err := m.begin(m.waiting[0]); err != nil {
			return nil, err
		}
		m.waiting = m.waiting[1:]
		return m.earliest()
	}
	return best, nil
}

func (m *merge) begin(seg *Segment) error {
	file, f, err := seg.Open()
	if err != nil {
		return err
	}
	m.open = append(m.open, &source{file: f, reader: segment.NewReader(file, m.scan, m.exporters), rows: flow.NewBatch(0)})
	return nil
}

func (s *source) next() int64 { return s.rows.Received[s.at] }

// fill makes sure that there is a next row, or says that there is none.
func (s *source) fill() (ended bool, err error) {
	for s.at == s.rows.Len() {
		s.rows.Reset()
		s.at = 0
		if _, err := s.reader.Read(s.rows); errors.Is(err, io.EOF) {
			return true, nil
		} else if err != nil {
			return false, err
		}
	}
	return false, nil
}
