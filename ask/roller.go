// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/rollup"
	"tidewatch/telemetry"
)

const (
	// rollEvery is how often the roller looks for units that are over.
	rollEvery = 15 * time.Second
	// settled is how long after a unit its last flows may still be written.
	settled = 90 * time.Second
)

// Kept is a segment as the catalogue lists it.
type Kept struct {
	From, To    time.Time // when its first and its last flow were reported
	First, Last uint64    // numbers of the segments it holds: one, or those it was joined from
}

// Catalogue is a history that lists its segments.
type Catalogue interface {
	History
	Kept() []Kept
}

// Roller makes roll-ups of what is over, makes them again when flows of that time come
// late or a file is missing, and drops old ones. What it makes follows from segments
// alone, so it may be killed at any time.
type Roller struct {
	cfg     rollup.Config
	history Catalogue
	shelves Shelves
	log     *slog.Logger
	newest  map[string]map[int64]uint64 // by grain and unit: up to which segment was read
	kept    map[string]map[int64]bool   // likewise: what is damaged, but of which flows are gone
	floor   map[string]time.Time        // by grain: what ended by then was dropped for its size
	metrics *rolledUp
	failed  atomic.Pointer[error] // of the last round; nil: all went well
}

// NewRoller checks the configuration and touches no file. A nil registry registers
// nowhere.
func NewRoller(cfg *rollup.Config, history Catalogue, shelves Shelves, log *slog.Logger, registry prometheus.Registerer) (*Roller, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("rollups: %w", err)
	}
	return &Roller{
		cfg: *cfg, history: history, shelves: shelves, log: log, newest: map[string]map[int64]uint64{}, kept: map[string]map[int64]bool{},
		floor:   map[string]time.Time{},
		metrics: newRolledUp(registry),
	}, nil
}

// Health says why roll-ups are not made, for the readiness page. Questions are answered
// from the flows meanwhile, so it is no reason to be restarted.
func (r *Roller) Health(context.Context) error {
	if err := r.failed.Load(); err != nil {
		return telemetry.Degraded(fmt.Errorf("roll-ups are not made: %w", *err))
	}
	return nil
}

// Run works until ctx ends.
func (r *Roller) Run(ctx context.Context) error {
	t := time.NewTicker(rollEvery)
	defer t.Stop()
	for {
		r.note(ctx, r.Step(ctx, time.Now()))
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// note keeps how a step ended. What goes wrong is logged when it begins, and shown until
// it ends.
func (r *Roller) note(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		r.failed.Store(nil)
		return
	}
	r.metrics.errors.Inc()
	if r.failed.Swap(&err) == nil {
		r.log.ErrorContext(ctx, "roll-ups of the history not made; tried again", "error", err)
	}
}

// Step makes everything that is due at now, newest first, and drops what is old.
func (r *Roller) Step(ctx context.Context, now time.Time) error {
	var all error
	var todo []*backlog
	behind := 0
	for shelf, keep := range map[*rollup.Shelf]time.Duration{r.shelves.Minutes: r.cfg.KeepMinutes, r.shelves.Hours: r.cfg.KeepHours} {
		if shelf == nil {
			continue
		}
		oldest := now.Add(-keep)
		if f := r.floor[shelf.Grain().Name]; f.After(oldest) {
			oldest = f
		}
		b, err := r.due(shelf, oldest, now)
		if err != nil {
			all = errors.Join(all, err)
			continue
		}
		todo, behind = append(todo, b), behind+len(b.units)
	}
	r.metrics.behind.Set(float64(behind))
	for _, b := range todo {
		err := r.roll(ctx, b)
		until, err2 := b.shelf.Retain(b.oldest, r.cfg.MaxBytes)
		if name := b.shelf.Grain().Name; until.After(r.floor[name]) {
			r.floor[name] = until
		}
		all = errors.Join(all, err, err2)
	}
	return all
}

// backlog is what is to be made of one shelf.
type backlog struct {
	shelf  *rollup.Shelf
	oldest time.Time
	units  []int64   // that are missing or behind
	newest uint64    // segment that there is
	whole  time.Time // from when on no flows were dropped
	known  map[int64]uint64
}

// due finds the units of a shelf that are over and are missing or behind.
func (r *Roller) due(shelf *rollup.Shelf, oldest, now time.Time) (*backlog, error) {
	grain := shelf.Grain()
	kept := r.history.Kept()
	known, err := r.known(shelf)
	if err != nil {
		return nil, err
	}
	b := &backlog{shelf: shelf, oldest: oldest, known: known}
	due := map[int64]bool{}
	var first uint64 // segments are numbered from 1 on
	for i := range kept {
		s := &kept[i]
		if first == 0 || s.First < first {
			first = s.First
		}
		if b.whole.IsZero() || s.From.Before(b.whole) {
			b.whole = s.From
		}
		b.newest = max(b.newest, s.Last)
		begin := s.From // a clock that jumped makes a segment of years
		if begin.Before(oldest) {
			begin = oldest.Add(grain.Unit - 1)
		}
		for at := begin.Truncate(grain.Unit); !at.After(s.To) && !now.Before(at.Add(grain.Unit+settled)); at = at.Add(grain.Unit) {
			read, there := known[at.UnixNano()]
			if !at.Before(oldest) && (!there || s.First > read) {
				due[at.UnixNano()] = true
			}
		}
	}
	if first <= 1 {
		b.whole = time.Time{}
	}
	for at := range due {
		b.units = append(b.units, at)
	}
	slices.Sort(b.units)
	return b, nil
}

// roll makes what is to be made, newest first.
func (r *Roller) roll(ctx context.Context, b *backlog) error {
	for _, at := range slices.Backward(b.units) {
		began := time.Now()
		if err := r.unit(ctx, b, time.Unix(0, at)); err != nil {
			return err
		}
		b.known[at] = b.newest
		r.metrics.behind.Dec()
		r.metrics.made.Inc()
		r.metrics.seconds.Observe(time.Since(began).Seconds())
	}
	return nil
}

// known is up to which segment each unit of a shelf was read. The files are asked once.
func (r *Roller) known(shelf *rollup.Shelf) (map[int64]uint64, error) {
	name := shelf.Grain().Name
	units, err := shelf.Units(time.Unix(0, 0), time.Now().AddDate(100, 0, 0))
	if err != nil {
		return nil, err
	}
	before, now := r.newest[name], make(map[int64]uint64, len(units))
	for _, at := range units {
		read, asked := before[at.UnixNano()]
		if shelf.Spoiled(at) && !r.kept[name][at.UnixNano()] {
			continue // a question met the damage: made again
		}
		if !asked {
			about, err := shelf.About(at)
			switch {
			case errors.Is(err, rollup.ErrLater):
				about = &rollup.About{Newest: math.MaxUint64} // nothing is newer
			case err != nil:
				continue // damaged: made again
			}
			read = about.Newest
		}
		now[at.UnixNano()] = read
	}
	r.newest[name] = now
	return now, nil
}

// unit makes one roll-up. It does not take the place of one that saw more flows: some
// of those it was made of are gone. One that is made while some may be gone says so.
func (r *Roller) unit(ctx context.Context, b *backlog, from time.Time) error {
	shelf := b.shelf
	about, sections, err := Summarise(ctx, r.history, shelf.Grain(), from)
	if err != nil {
		return err
	}
	about.Newest = b.newest
	about.Damaged = about.Damaged || from.Before(b.whole)
	if before, err := shelf.About(from); err == nil && before.Flows > about.Flows {
		name := shelf.Grain().Name
		if r.kept[name] == nil {
			r.kept[name] = map[int64]bool{}
		}
		r.kept[name][from.UnixNano()] = true
		return nil
	}
	return shelf.Put(about, sections)
}
