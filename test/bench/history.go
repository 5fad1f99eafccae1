// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tidewatch/flow"
	"tidewatch/history"
)

const (
	// perFlow is more than a flow takes on disk, roll-ups included.
	perFlow = 28
	// leave is what is left free on the disk.
	leave = 2 << 30
)

// historyBench writes a day of flows at full speed, as many as fit, has `tidewatch serve`
// make roll-ups of them, and asks it what a dashboard asks. All of it lies in a directory
// of its own below dir, which is removed.
func historyBench(out io.Writer, binary, dir string, flows int) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	free := int64(fs.Bavail) * int64(fs.Bsize) //nolint:unconvert // other systems have other widths
	if fits := int((free - leave) / perFlow); fits < flows {
		if fits < 1_000_000 {
			return fmt.Errorf("%s has %d MB free, too few for a million flows", dir, free/1e6)
		}
		flows = fits / 1_000_000 * 1_000_000
		_, _ = fmt.Fprintf(out, "%s has %d MB free: %d flows fit\n", dir, free/1e6, flows)
	}
	t, err := newTarget(dir)
	if err != nil {
		return err
	}
	defer t.stop()
	w, err := write(ctx, filepath.Join(t.dir, "history"), flows)
	if err != nil {
		return err
	}
	w.print(out)
	if err := t.serve(binary, fmt.Sprintf("history: {keep_free: %d}\n", leave/2)); err != nil {
		return err
	}
	return w.ask(ctx, out, t)
}

// written is a history that was written.
type written struct {
	from, to    time.Time
	flows       int
	bytes       int64
	took, worst time.Duration // to append all; the slowest segment
	rows        int           // of it
}

// write makes flows up and has them kept, a full segment at a time, each written and synced
// before the next is made up. The time of making up does not count; joining goes on beside.
func write(ctx context.Context, dir string, flows int) (*written, error) {
	w := &written{from: time.Now().UTC().Truncate(24 * time.Hour).Add(-48 * time.Hour)}
	traffic, err := newTraffic(flows, w.from)
	if err != nil {
		return nil, err
	}
	cfg := history.DefaultConfig()
	cfg.MaxBytes, cfg.MaxShare, cfg.KeepFree, cfg.Segment = 1<<50, 1, leave/2, time.Hour
	closed := make(chan struct{}, 1)
	r, err := history.New(&cfg, &history.Deps{
		Dir: dir, Exporter: exporterOf, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Closed: func(*history.Segment) { closed <- struct{}{} },
	})
	if err != nil {
		return nil, err
	}
	if err := r.Open(); err != nil {
		return nil, err
	}
	running, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(running) }()
	defer end()
	second, block := flow.NewBatch(0), flow.NewBatch(cfg.SegmentRows+4096)
	p := newProgress("flows written", flows)
	for at := w.from; w.flows < flows && at.Before(w.from.Add(longest)) && ctx.Err() == nil; {
		for block.Reset(); block.Len() < min(cfg.SegmentRows, flows-w.flows) && at.Before(w.from.Add(longest)) && ctx.Err() == nil; at = at.Add(time.Second) {
			traffic.next(second)
			block.AppendBatch(second)
		}
		w.to = at
		began := time.Now()
		r.Take(block)
		if block.Len() < cfg.SegmentRows { // the last; nothing says that it is full
			end()
			if err := <-ended; err != nil {
				return nil, err
			}
		}
		if err := wait(ctx, r, closed); err != nil {
			return nil, err
		}
		took := time.Since(began)
		w.took, w.flows, w.worst = w.took+took, w.flows+block.Len(), max(w.worst, took)
		p.at(w.flows)
	}
	p.done()
	total := r.Totals()
	w.bytes, w.rows = total.Bytes, cfg.SegmentRows
	if int(total.Flows) != w.flows {
		return nil, errors.Join(ctx.Err(), fmt.Errorf("%d flows were given, and %d are kept", w.flows, total.Flows))
	}
	return w, ctx.Err()
}

// wait waits until a segment is closed.
func wait(ctx context.Context, r *history.Recorder, closed chan struct{}) error {
	for {
		select {
		case <-closed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
			if err := r.Health(ctx); err != nil {
				return err
			}
		}
	}
}

func (w *written) print(out io.Writer) {
	_, _ = fmt.Fprintf(out, "%d flows of %d exporters, %s to %s\n", w.flows, 4, w.from.Format(time.RFC3339), w.to.Format(time.RFC3339))
	_, _ = fmt.Fprintf(out, "append %.0f flows/s, synced (a segment of %d flows within %s at worst); %.2f bytes/flow, %d MB\n",
		float64(w.flows)/w.took.Seconds(), w.rows, w.worst.Round(time.Millisecond), float64(w.bytes)/float64(w.flows), w.bytes/1e6)
}
