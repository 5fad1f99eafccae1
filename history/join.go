// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"tidewatch/flow"
	"tidewatch/segment"
)

const (
	// joinedBytes is about how large a joined segment gets: small enough to be
	// dropped and replaced piece by piece.
	joinedBytes = 256 << 20
	// joinAt is how many small segments of an hour that is not over are joined.
	joinAt = 60
	// wholeRows is how many rows a segment has that gains nothing when it is joined: most
	// of its row groups are full. A busy site writes only such, and each flow once.
	wholeRows = 2 * segment.GroupRows
	// settle is how long after an hour its last segment may still be written.
	settle = 2 * time.Minute
)

// joinSmall joins runs of small segments, one after the other.
func (r *Recorder) joinSmall(ctx context.Context, now time.Time) {
	for ctx.Err() == nil {
		run := r.smallRun(now)
		if len(run) == 0 {
			return
		}
		err := r.join(ctx, run)
		switch {
		case err == nil:
		case ctx.Err() != nil || isFull(err):
			return // another time
		default:
			r.deps.Logger.Error("segments of the history not joined; they stay as they are", "error", err)
			for _, s := range run {
				s.alone = true
			}
		}
	}
}

// smallRun finds the next segments to be joined. They follow each other and lie in
// one directory.
func (r *Recorder) smallRun(now time.Time) []*Segment {
	var run []*Segment
	var bytes int64
	ripe := func() bool {
		if len(run) < 2 {
			return false
		}
		over := run[0].From.Truncate(time.Hour).Add(time.Hour + settle + r.cfg.Segment)
		return len(run) >= joinAt || now.After(over)
	}
	for _, s := range r.catalogue.all(false) {
		if s.alone || s.Rows >= wholeRows {
			continue // its neighbours do not follow each other, so they end a run
		}
		if len(run) > 0 {
			last := run[len(run)-1]
			fits := filepath.Dir(s.path) == filepath.Dir(last.path) && s.First == last.Last+1 &&
				bytes+s.Bytes <= joinedBytes && len(run) < joinAt
			if !fits {
				if ripe() {
					return run
				}
				run, bytes = nil, 0
			}
		}
		run, bytes = append(run, s), bytes+s.Bytes
	}
	if ripe() {
		return run
	}
	return nil
}

// join writes one segment with the flows of run and puts it in their place. Its name
// says which it holds, so that after a crash before they are removed they are
// known to be there twice.
func (r *Recorder) join(ctx context.Context, run []*Segment) error {
	var bytes int64
	for _, s := range run {
		bytes += s.Bytes
	}
	if err := r.disk.room(r.cfg.KeepFree + bytes); err != nil {
		return err
	}
	first, last := run[0].First, run[len(run)-1].Last
	path := filepath.Join(filepath.Dir(run[0].path), name(first, last))
	x := segment.NewExporters()
	exporter := func(i uint32) netip.Addr { return x.Addr(i).Netip() }
	if err := create(path, exporter, func(w *segment.Writer) error { return copyAll(ctx, w, run, x) }); err != nil {
		return err
	}
	var rows int64
	for _, old := range run {
		rows += old.Rows
	}
	s, err := describe(path, first, last)
	if err == nil && s.Rows != rows {
		err = fmt.Errorf("%s has %d flows where %d were read", path, s.Rows, rows)
	}
	if err != nil {
		_ = os.Remove(path) // the next start would take it for those that it is to replace
		return err
	}
	r.catalogue.replace(run, s)
	r.metrics.joined.Add(float64(len(run)))
	return nil
}

// copyAll writes the rows of all segments of run, one after the other: in the order in
// which they were judged.
func copyAll(ctx context.Context, w *segment.Writer, run []*Segment, x *segment.Exporters) error {
	scan, err := segment.NewScanner()
	if err != nil {
		return err
	}
	defer scan.Close()
	rows := flow.NewBatch(0)
	for _, s := range run {
		file, f, err := s.Open()
		if err != nil {
			return err
		}
		err = copyRows(ctx, w, segment.NewReader(file, scan, x), rows)
		_ = f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func copyRows(ctx context.Context, w *segment.Writer, r *segment.Reader, rows *flow.Batch) error {
	for ctx.Err() == nil {
		rows.Reset()
		_, err := r.Read(rows)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.Append(rows); err != nil {
			return err
		}
	}
	return ctx.Err()
}
