// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"tidewatch/flow"
	"tidewatch/scenario"
	"tidewatch/store"
)

// lecture is a stretch of a scenario that only teaches: what learn does with files, and
// what a server keeps of it for its next start.
type lecture struct {
	cfg      *Config
	scenario *scenario.Scenario
	until    func() time.Time // where it ends; asked again and again, so that it may be the clock
	progress func(at time.Time)
}

// chapter is how much of a scenario is made while the one before is learned.
const chapter = 600 // seconds

// teach leaves in the data directory what a server that had watched the scenario until
// its end would have left there.
func (l *lecture) teach(ctx context.Context) (err error) {
	lock, err := store.TakeLock(l.cfg.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	files, err := store.OpenBaselines(l.cfg.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	e, err := NewEngine(l.ungraded(), nil)
	if err != nil {
		return err
	}
	m, err := newMemory(e, files, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if err := l.hold(ctx, e); err != nil {
		return err
	}
	m.last()
	return m.health()
}

// ungraded is the configuration for who is taught and not examined: one-second bins
// serve judging alone, and keeping them takes most of the time.
func (l *lecture) ungraded() *Config {
	cfg := *l.cfg
	cfg.Window.HotPackets, cfg.Window.HotFlows = math.MaxInt64, math.MaxInt64
	return &cfg
}

// hold plays the scenario to the engine; the next chapter is made meanwhile.
func (l *lecture) hold(ctx context.Context, e *Engine) error {
	e.Lesson(true)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	made, read := make(chan *flow.Batch), make(chan *flow.Batch, 2)
	read <- flow.NewBatch(4096)
	read <- flow.NewBatch(4096)
	go l.make(ctx, made, read)
	for b := range made {
		e.Process(b)
		if l.progress != nil {
			l.progress(time.Unix(e.Now(), 0))
		}
		read <- b
	}
	return ctx.Err()
}

// make fills one batch after the other until the lecture ends, or ctx does.
func (l *lecture) make(ctx context.Context, made chan<- *flow.Batch, read <-chan *flow.Batch) {
	defer close(made)
	for more := true; more; {
		var b *flow.Batch
		select {
		case b = <-read:
		case <-ctx.Done():
			return
		}
		b.Reset()
		end := l.scenario.Now().Add(chapter * time.Second)
		if until := l.until(); end.After(until) {
			end, more = until, l.scenario.Now().Before(until)
		}
		for more && l.scenario.Now().Before(end) {
			more = l.scenario.Next(b)
		}
		select {
		case made <- b:
		case <-ctx.Done():
			return
		}
	}
}
