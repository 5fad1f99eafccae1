// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"tidewatch/rollup"
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
	floor   map[string]time.Time        // by grain: what ended by then was dropped for its size
}

// NewRoller checks the configuration and touches no file.
func NewRoller(cfg *rollup.Config, history Catalogue, shelves Shelves, log *slog.Logger) (*Roller, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("rollups: %w", err)
	}
	return &Roller{cfg: *cfg, history: history, shelves: shelves, log: log, newest: map[string]map[int64]uint64{}, floor: map[string]time.Time{}}, nil
}

// Run works until ctx ends.
func (r *Roller) Run(ctx context.Context) error {
	t := time.NewTicker(rollEvery)
	defer t.Stop()
	for {
		if err := r.Step(ctx, time.Now()); err != nil && ctx.Err() == nil {
			r.log.ErrorContext(ctx, "roll-ups of the history not made; tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Step makes everything that is due at now, newest first, and drops what is old.
func (r *Roller) Step(ctx context.Context, now time.Time) error {
	var all error
	for shelf, keep := range map[*rollup.Shelf]time.Duration{r.shelves.Minutes: r.cfg.KeepMinutes, r.shelves.Hours: r.cfg.KeepHours} {
		if shelf == nil {
			continue
		}
		oldest := now.Add(-keep)
		name := shelf.Grain().Name
		if f := r.floor[name]; f.After(oldest) {
			oldest = f
		}
		err := r.roll(ctx, shelf, oldest, now)
		until, err2 := shelf.Retain(oldest, r.cfg.MaxBytes)
		if until.After(r.floor[name]) {
			r.floor[name] = until
		}
		all = errors.Join(all, err, err2)
	}
	return all
}

// roll makes the units of one shelf that are missing or behind.
func (r *Roller) roll(ctx context.Context, shelf *rollup.Shelf, oldest, now time.Time) error {
	grain := shelf.Grain()
	kept := r.history.Kept()
	known, err := r.known(shelf)
	if err != nil {
		return err
	}
	due := map[int64]bool{}
	var newest uint64
	for i := range kept {
		s := &kept[i]
		newest = max(newest, s.Last)
		for at := s.From.Truncate(grain.Unit); !at.After(s.To); at = at.Add(grain.Unit) {
			read, there := known[at.UnixNano()]
			over := !now.Before(at.Add(grain.Unit + settled))
			if over && !at.Before(oldest) && (!there || s.First > read) {
				due[at.UnixNano()] = true
			}
		}
	}
	units := make([]int64, 0, len(due))
	for at := range due {
		units = append(units, at)
	}
	slices.Sort(units)
	for _, at := range slices.Backward(units) {
		if err := r.unit(ctx, shelf, time.Unix(0, at), newest); err != nil {
			return err
		}
		known[at] = newest
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
		if !asked {
			about, err := shelf.About(at)
			if err != nil {
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
// of those it was made of are gone.
func (r *Roller) unit(ctx context.Context, shelf *rollup.Shelf, from time.Time, newest uint64) error {
	about, sections, err := Summarise(ctx, r.history, shelf.Grain(), from)
	if err != nil {
		return err
	}
	about.Newest = newest
	if before, err := shelf.About(from); err == nil && before.Flows > about.Flows {
		return nil
	}
	return shelf.Put(about, sections)
}
