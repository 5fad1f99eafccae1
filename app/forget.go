// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"tidewatch/schedule"
)

const (
	// recordFor is how long an event that people added is listed when it is over.
	recordFor = 90 * 24 * time.Hour
	// forgetEvery is how often a running server looks for events to forget.
	forgetEvery = time.Hour
)

// past lists the ids of what people added that was over so long before a moment,
// oldest first. The caller has the mutex.
func (p *planner) past(now time.Time, ago time.Duration) (ids []string) {
	own := p.both.Len() - len(p.added)
	for i := range p.added {
		if end, ends := p.both.Over(own + i); ends && !end.Add(ago).After(now) {
			ids = append(ids, p.added[i].ID)
		}
	}
	return ids
}

func without(all []schedule.Plan, ids []string) []schedule.Plan {
	return slices.DeleteFunc(slices.Clone(all), func(e schedule.Plan) bool { return slices.Contains(ids, e.ID) })
}

// forget forgets what is over for long.
func (p *planner) forget(ctx context.Context, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	over := p.past(now, recordFor)
	if len(over) == 0 {
		return nil
	}
	added := without(p.added, over)
	both, err := p.base.With(added)
	if err == nil {
		err = p.store.ForgetEvents(ctx, over)
	}
	if err == nil {
		p.take(added, both)
	}
	return err
}

// run forgets once an hour what is over for long, until ctx ends. A failure is no
// reason to end: the next hour tries again.
func (p *planner) run(ctx context.Context, failed func(error)) error {
	t := time.NewTicker(forgetEvery)
	defer t.Stop()
	for {
		if err := p.forget(ctx, time.Now()); err != nil && !errors.Is(err, context.Canceled) {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}
