// SPDX-License-Identifier: Apache-2.0

// Package history keeps the flows of the last days as segments on disk
// (docs/explanation/history.md).
//
// Batches are copied to memory as they are judged; once a minute what has
// gathered is written as one closed segment. Detection never waits for it: what
// finds no room is dropped and counted. Segments of an hour that is over are
// joined. The oldest are dropped by age, by size, and never while a query reads
// them. There is no catalogue besides the names and the files themselves, so
// nothing can disagree with them.
package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"tidewatch/flow"
	"tidewatch/telemetry"
)

// Deps are what a recorder needs of others.
type Deps struct {
	Dir      string                    // of the segments; made when it is missing
	Exporter func(i uint32) netip.Addr // which address stands behind a number of the exporter column
	// Closed is told of each new segment, one after the other, while the next flows
	// gather; nil is fine. The file stays at least until it returns. It is not told of
	// segments that were joined.
	Closed     func(*Segment)
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: nowhere
}

// Recorder writes the history. Take and Segments may be called from everywhere.
type Recorder struct {
	cfg       Config
	deps      Deps
	catalogue catalogue
	disk      disk
	metrics   *metrics
	full      chan struct{} // the open segment has enough rows

	mu    sync.Mutex // guards what follows
	open  *flow.Batch
	since time.Time // when the first flow of open came
	shut  bool      // no room on the disk: nothing is taken
	bad   error     // why nothing is written; nil: all is well

	spare *flow.Batch // of the writer
}

// New checks the configuration and touches no file.
func New(cfg *Config, deps *Deps) (*Recorder, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	r := &Recorder{
		cfg: *cfg, deps: *deps, full: make(chan struct{}, 1), open: flow.NewBatch(0), spare: flow.NewBatch(0),
		disk: disk{dir: deps.Dir, statfs: statfs},
	}
	r.catalogue.init(deps.Dir, deps.Logger)
	r.metrics = newMetrics(r, deps.Registerer)
	return r, nil
}

// Open makes the directory, finishes what a crash left half done, and reads which
// segments there are.
func (r *Recorder) Open() error {
	if err := r.catalogue.load(); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	r.metrics.damaged.Add(float64(r.catalogue.damaged()))
	return nil
}

// Take copies the flows of a batch that was judged. It neither waits nor keeps b.
func (r *Recorder) Take(b *flow.Batch) {
	if b.Len() == 0 {
		return
	}
	r.mu.Lock()
	if r.shut || r.open.Len()+b.Len() > 2*r.cfg.SegmentRows {
		why := r.metrics.queue
		if r.shut {
			why = r.metrics.disk
		}
		r.mu.Unlock()
		why.Add(float64(b.Len()))
		return
	}
	if r.open.Len() == 0 {
		r.since = time.Now()
	}
	r.open.AppendBatch(b)
	n := r.open.Len()
	r.mu.Unlock()
	if n >= r.cfg.SegmentRows {
		select {
		case r.full <- struct{}{}:
		default:
		}
	}
}

// Run writes until ctx ends, and then what has gathered.
func (r *Recorder) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.write(ctx) })
	g.Go(func() error { return r.tidy(ctx) })
	return g.Wait()
}

// ahead is how much earlier a segment is closed than is promised: until the next look,
// and until it is written.
const ahead = 1500 * time.Millisecond

// write closes segments in time.
func (r *Recorder) write(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			r.rotate()
			return nil
		case <-r.full:
			r.rotate()
		case <-t.C:
			r.look()
			r.mu.Lock()
			due := r.open.Len() > 0 && time.Since(r.since) >= r.cfg.Segment-ahead
			r.mu.Unlock()
			if due {
				r.rotate()
			}
		}
	}
}

// Health says why flows are not kept, for the readiness page. Detection goes on
// without the history, so it is no reason to be restarted.
func (r *Recorder) Health(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bad != nil {
		return telemetry.Degraded(fmt.Errorf("flows are not kept: %w", r.bad))
	}
	return nil
}

// errNoRoom is why nothing is written to a disk that others need.
var errNoRoom = errors.New("the disk is full")
