// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"context"
	"fmt"
	"log/slog"

	"tidewatch/decision"
)

// keepHalt writes down that everything is halted; when it cannot be, it is tried again
// at each tick, for a start must know it. The desk is not locked: the button works at
// once, whatever the ledger is busy with.
func (d *Desk) keepHalt(ctx context.Context) error {
	d.braking.Lock()
	defer d.braking.Unlock()
	d.mu.Lock()
	h, kept := d.book.halted, d.kept
	d.mu.Unlock()
	if h == nil || h == kept {
		return nil
	}
	if err := d.deps.Ledger.Halt(context.WithoutCancel(ctx), h); err != nil {
		return err
	}
	d.mu.Lock()
	d.kept = h
	d.mu.Unlock()
	return nil
}

// order has somebody change the book, and writes down what changed. The error is that of
// f, or that of the ledger: then nothing stands that would bring something in force, and
// all that takes something back.
func (d *Desk) order(ctx context.Context, f func(b *book) error) error {
	d.mu.Lock()
	d.book.advance(d.deps.Clock())
	err := f(d.book)
	if failed := d.commit(ctx); err == nil {
		err = failed
	}
	d.mu.Unlock()
	d.tell()
	return err
}

// commit writes down what changed, also when whoever asked for it has gone. The desk is
// locked.
func (d *Desk) commit(ctx context.Context) (failed error) {
	changes := d.book.changes
	d.book.changes = nil
	if len(changes) == 0 && len(d.unsaved) == 0 {
		return nil
	}
	lines := make([]Entry, 0, len(d.unsaved)+len(changes))
	lines = append(lines, d.unsaved...)
	for i := range changes {
		lines = append(lines, changes[i].entry)
	}
	err := d.deps.Ledger.Append(context.WithoutCancel(ctx), lines)
	stand := d.book.settle(changes, err == nil)
	if err != nil {
		failed = fmt.Errorf("%w: %w", ErrLedger, err)
		if !d.failing {
			d.deps.Logger.Error("decisions cannot be written down: until they can, no rule begins or is renewed; rules still end and are still taken back", "error", err)
		}
		d.metrics.unwritten.Inc()
		d.failing = true
		d.unsaved = newest(append(d.unsaved, stand...))
	} else {
		if d.failing {
			d.deps.Logger.Info("decisions are written down again")
		}
		d.failing, d.unsaved = false, nil
		stand = lines[len(lines)-len(changes):] // the others were told when they were made
	}
	d.telling = append(d.telling, stand...)
	for _, h := range d.hands {
		h.nudge()
	}
	return failed
}

// newest keeps of lines about one decision the last, so that what waits is bounded by the
// decisions.
func newest(lines []Entry) []Entry {
	last := map[string]int{}
	for i := range lines {
		last[lines[i].Decision.ID] = i
	}
	out := lines[:0]
	for i := range lines {
		if last[lines[i].Decision.ID] == i {
			out = append(out, lines[i])
		}
	}
	return out
}

// tell logs what happened and tells who wants to know.
func (d *Desk) tell() {
	d.speaking.Lock()
	defer d.speaking.Unlock()
	d.mu.Lock()
	lines := d.telling
	d.telling = nil
	d.mu.Unlock()
	for i := range lines {
		e := &lines[i]
		x := &e.Decision
		d.metrics.changed.WithLabelValues(string(x.Action), string(x.State)).Inc()
		level := slog.LevelInfo
		if x.State == decision.Failed || x.Error != "" {
			level = slog.LevelWarn
		}
		d.deps.Logger.Log(context.Background(), level, "decision against traffic", "state", string(x.State), "id", x.ID, "action", string(x.Action), "target", decision.PrefixText(x.Target),
			"match", x.Match.String(), "dry_run", x.DryRun, "incident", x.Incident, "text", e.Text, "by", e.By)
		d.deps.Tell(x, e.Text)
	}
}
