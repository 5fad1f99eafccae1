// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/api"
	"tidewatch/ask"
	"tidewatch/history"
	"tidewatch/rollup"
	"tidewatch/segment"
)

// rollupsDir is where sums of flows lie in the data directory.
const rollupsDir = "rollups"

// recorded is the flow history as questions and roll-ups see it.
type recorded struct {
	*history.Recorder

	log *slog.Logger
}

var _ ask.Catalogue = recorded{}

// Segments opens segments, newest first. Their files stay until Close.
func (r recorded) Segments(from, to time.Time) (ask.Segments, error) {
	list, release := r.Recorder.Segments(from, to)
	slices.SortStableFunc(list, func(a, b *history.Segment) int {
		return cmp.Or(b.To.Compare(a.To), cmp.Compare(b.First, a.First))
	})
	return &opening{list, r.Broken(from, to), release, r.log}, nil
}

type opening struct {
	list    []*history.Segment
	broken  int // were told of in the log when they were found
	release func()
	log     *slog.Logger
}

func (o *opening) Close() { o.release() }

// Next opens the next one. An unlinked file that is open can be read on.
func (o *opening) Next() (ask.Segment, error) {
	switch {
	case len(o.list) == 0 && o.broken > 0:
		o.broken--
		return nil, ask.ErrUnreadable
	case len(o.list) == 0:
		return nil, nil //nolint:nilnil // the end
	}
	s := o.list[0]
	o.list = o.list[1:]
	file, closer, err := s.Open()
	if err != nil {
		o.log.Error("segment of the history cannot be read; its flows are missing in answers", "error", err)
		return nil, fmt.Errorf("%w: %w", ask.ErrUnreadable, err)
	}
	// By number first; the folder tells those apart that people copied together.
	return &opened{file, closer, filepath.Base(s.Path()) + " " + filepath.Dir(s.Path())}, nil
}

// opened is a segment under the name of its file.
type opened struct {
	*segment.File
	io.Closer

	name string
}

func (o *opened) Name() string { return o.name }

// Extent takes the part of a segment's flows that its overlap is of its time.
func (r recorded) Extent(from, to time.Time) (flows uint64, oldest time.Time) {
	list, release := r.Recorder.Segments(from, to)
	defer release()
	for _, s := range list {
		begin, end := s.From, s.To
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		part := 1.0
		if whole := s.To.Sub(s.From); whole > 0 {
			part = float64(end.Sub(begin)) / float64(whole)
		}
		flows += 1 + uint64(part*float64(s.Rows))
	}
	if oldest = r.Totals().Oldest; oldest.IsZero() {
		oldest = to
	}
	return flows, oldest
}

// Kept lists all segments.
func (r recorded) Kept() []ask.Kept {
	list, release := r.Recorder.Segments(time.Time{}, time.Now().AddDate(100, 0, 0))
	defer release()
	out := make([]ask.Kept, len(list))
	for i, s := range list {
		out[i] = ask.Kept{From: s.From, To: s.To, First: s.First, Last: s.Last}
	}
	return out
}

// state is what the API says of the history.
func (r recorded) state(ctx context.Context) api.HistoryState {
	t := r.Totals()
	out := api.HistoryState{
		Oldest: t.Oldest, Newest: t.Newest, Flows: t.Flows, Bytes: t.Bytes, Segments: t.Segments, Dropped: r.Dropped(),
	}
	if err := r.Health(ctx); err != nil {
		out.Health = err.Error()
	}
	return out
}

// shelves are where the roll-ups of a data directory lie.
func (c *Config) shelves() ask.Shelves {
	if !c.Rollups.Enabled {
		return ask.Shelves{}
	}
	dir := filepath.Join(c.DataDir, rollupsDir)
	return ask.Shelves{Minutes: rollup.NewShelf(dir, rollup.Minutes()), Hours: rollup.NewShelf(dir, rollup.Hours())}
}

// questions answers over a history; roller is nil when no sums are made.
func (c *Config) questions(r *history.Recorder, log *slog.Logger, registry prometheus.Registerer) (asker *ask.Asker, roller *ask.Roller, err error) {
	past, shelves := recorded{r, log}, c.shelves()
	if asker, err = ask.New(&c.Query, past, shelves, registry); err != nil || !c.Rollups.Enabled {
		return asker, nil, err
	}
	roller, err = ask.NewRoller(&c.Rollups, past, shelves, log, registry)
	return asker, roller, err
}
