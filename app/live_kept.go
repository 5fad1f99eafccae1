// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"log/slog"
	"time"

	"tidewatch/store"
)

// minutes is what live needs of a store, so that the last day is still there after a
// restart.
type minutes interface {
	SaveTraffic(ctx context.Context, minutes []store.Minute, oldest int64) error
	Traffic(ctx context.Context, from, to int64) ([]store.Minute, error)
}

// recall takes over what was kept of the day before now.
func (l *live) recall(ctx context.Context, from minutes, now time.Time) error {
	minute := now.Unix() / 60
	kept, err := from.Traffic(ctx, minute-meterMinutes+1, minute+1)
	if err != nil {
		return err
	}
	l.engine.mu.Lock()
	defer l.engine.mu.Unlock()
	l.began = now.Unix()
	for i := range kept {
		m := &kept[i]
		l.engine.meter.mins[m.At%meterMinutes] = reading{
			at: m.At, seconds: m.Seconds, flows: m.Flows,
			carried: [2]carried{{m.BytesIn, m.PacketsIn}, {m.BytesOut, m.PacketsOut}},
		}
		l.saved = m.At - 1 // the last one may go on
	}
	return nil
}

// keep saves each minute that is over, and what there is of the last one when ctx ends.
// What cannot be saved is tried again with the next minute.
func (l *live) keep(ctx context.Context, to minutes, log *slog.Logger) error {
	t := time.NewTicker(time.Minute)
	defer t.Stop()
	failed := false
	for {
		over := false
		select {
		case <-t.C:
		case <-ctx.Done():
			over = true
		}
		err := l.save(context.WithoutCancel(ctx), to, over)
		if err != nil && !failed {
			log.Error("live traffic is not saved, a restart would lose it; trying again each minute", "error", err)
		}
		if failed = err != nil; over {
			return nil
		}
	}
}

// save keeps the minutes since the last time, with the running one when it is the end.
func (l *live) save(ctx context.Context, to minutes, all bool) error {
	fresh, now := l.unsaved(all)
	if len(fresh) == 0 {
		return nil
	}
	if err := to.SaveTraffic(ctx, fresh, now-meterMinutes+1); err != nil {
		return err
	}
	l.saved = fresh[len(fresh)-1].At
	return nil
}

func (l *live) unsaved(all bool) (out []store.Minute, now int64) {
	e := l.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.meter
	if m.now == 0 {
		return nil, 0
	}
	m.turn(e.now)
	now = m.now / 60
	end := now
	if all {
		m.keep()
		end++
	}
	for at := max(l.saved+1, now-meterMinutes+1); at < end; at++ {
		if r := &m.mins[at%meterMinutes]; r.at == at && r.seconds > 0 {
			in, sent := r.carried[0], r.carried[1]
			out = append(out, store.Minute{
				At: at, Seconds: r.seconds, Flows: r.flows,
				BytesIn: in.bytes, PacketsIn: in.packets, BytesOut: sent.bytes, PacketsOut: sent.packets,
			})
		}
	}
	return out, now
}
