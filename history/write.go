// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tidewatch/flow"
	"tidewatch/segment"
)

// rotate writes what has gathered as one segment.
func (r *Recorder) rotate() {
	r.mu.Lock()
	b := r.open
	r.open, r.spare = r.spare, nil
	r.mu.Unlock()
	defer func() {
		b.Reset()
		r.spare = b
	}()
	if b.Len() == 0 {
		return
	}
	start := time.Now()
	err := r.disk.room(r.cfg.KeepFree)
	var kept []*Segment
	left := b.Len()
	for _, p := range pieces(b) {
		var s *Segment
		if err == nil {
			s, err = r.keep(p)
		}
		if err != nil {
			break
		}
		kept, left = append(kept, s), left-p.Len()
	}
	r.tell(err)
	switch {
	case err == nil:
		r.metrics.seconds.Observe(time.Since(start).Seconds())
	case isFull(err):
		r.metrics.disk.Add(float64(left))
	default:
		r.metrics.broken.Add(float64(left))
	}
	for _, s := range kept {
		r.metrics.kept.Add(float64(s.Rows))
		if r.deps.Closed != nil {
			r.deps.Closed(s)
		}
		r.catalogue.release([]*Segment{s})
	}
}

const (
	// jump is how far apart two flows that follow each other come when a clock was set.
	jump = time.Hour
	// maxPieces bounds the segments that are made of one.
	maxPieces = 8
)

// pieces divides b where the clock was set: a segment that claims years would be the
// oldest and the newest of all.
func pieces(b *flow.Batch) (out []*flow.Batch) {
	from := 0
	for i := 1; i <= b.Len() && len(out) < maxPieces-1; i++ {
		if i < b.Len() && time.Duration(b.Received[i]-b.Received[i-1]).Abs() <= jump {
			continue
		}
		if from == 0 && i == b.Len() {
			return []*flow.Batch{b}
		}
		out, from = append(out, cut(b, from, i)), i
	}
	if from < b.Len() {
		out = append(out, cut(b, from, b.Len()))
	}
	return out
}

func cut(b *flow.Batch, from, to int) *flow.Batch {
	out := flow.NewBatch(to - from)
	for i := from; i < to; i++ {
		x := b.Record(i)
		out.Append(&x)
	}
	return out
}

// keep writes b and puts the segment into the catalogue, with a reference to it.
func (r *Recorder) keep(b *flow.Batch) (*Segment, error) {
	from := slices.Min(b.Received)
	n := r.catalogue.number()
	path := filepath.Join(hourDir(r.deps.Dir, time.Unix(0, from)), name(n, n))
	if err := create(path, r.deps.Exporter, func(w *segment.Writer) error { return w.Append(b) }); err != nil {
		return nil, err
	}
	s, err := describe(path, n, n)
	if err != nil {
		return nil, err
	}
	s.refs = 1
	r.catalogue.add(s)
	return s, nil
}

// tell remembers whether writing works, and logs when that changes.
func (r *Recorder) tell(err error) {
	r.mu.Lock()
	was := r.bad
	r.bad, r.shut = err, err != nil && isFull(err)
	r.mu.Unlock()
	switch {
	case err != nil && was == nil:
		r.deps.Logger.Error("flows are not kept any more; detection goes on", "error", err)
	case err == nil && was != nil:
		r.deps.Logger.Info("flows are kept again")
	}
}

// look asks whether a full disk has room again.
func (r *Recorder) look() {
	r.mu.Lock()
	shut := r.shut
	r.mu.Unlock()
	if !shut {
		return
	}
	if err := r.disk.room(r.cfg.KeepFree); err == nil {
		r.mu.Lock()
		r.shut = false // what is written next tells whether it is true
		r.mu.Unlock()
	}
}

// create writes a whole file: under a name that is taken for unfinished, synced, then
// renamed, so that a segment is closed or not there, whatever happens.
func create(path string, exporter func(uint32) netip.Addr, fill func(*segment.Writer) error) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of a segment: %w", err)
	}
	unfinished := filepath.Join(dir, "."+filepath.Base(path))
	err := writeFile(unfinished, exporter, fill)
	if err == nil {
		err = os.Rename(unfinished, path)
	}
	if err != nil {
		_ = os.Remove(unfinished)
		removeEmpty(path)
		return fmt.Errorf("write a segment: %w", err)
	}
	for range 3 { // the hour, the day, the history: each may be new in the next
		if err := syncDir(dir); err != nil {
			return err
		}
		dir = filepath.Dir(dir)
	}
	return nil
}

func writeFile(path string, exporter func(uint32) netip.Addr, fill func(*segment.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // a file of the history
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // a second time when all went well
	if err := fillFile(f, exporter, fill); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

func fillFile(f io.Writer, exporter func(uint32) netip.Addr, fill func(*segment.Writer) error) error {
	out := bufio.NewWriterSize(f, 1<<18)
	w := segment.NewWriter(out, exporter)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Flush()
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // a directory of the history
	if err != nil {
		return fmt.Errorf("sync the directory of a segment: %w", err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync the directory of a segment: %w", err)
	}
	return nil
}
