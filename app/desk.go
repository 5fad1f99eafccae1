// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tidewatch/api"
	"tidewatch/feedback"
	"tidewatch/incident"
	"tidewatch/store"
)

// desk carries out what people decide about incidents: on the incidents of a
// running engine, or on a data directory that nobody uses.
type desk struct {
	cfg    feedback.Config
	store  *store.Store
	engine *Engine // nil: no server runs
	outlet *outlet // of the engine

	mu   sync.Mutex     // one decision after the other
	book *feedback.Book // when there is no engine to have it
}

// newDesk loads the verdicts, for the engine if there is one. Without a store there
// are none, and nothing can be decided.
func newDesk(ctx context.Context, cfg *Config, s *store.Store, e *Engine, o *outlet) (*desk, error) {
	d := &desk{cfg: cfg.Feedback, store: s, engine: e, outlet: o}
	book, err := feedback.NewBook(&cfg.Feedback)
	if err != nil {
		return nil, err
	}
	var said []feedback.Entry
	if s != nil {
		if said, err = s.Verdicts(ctx, cfg.Feedback.MaxEntries); err != nil {
			return nil, err
		}
	}
	for i := range said {
		if err := book.Add(&said[i]); err != nil {
			return nil, err
		}
	}
	if e == nil {
		d.book = book
		return d, nil
	}
	e.Heed(book)
	return d, nil
}

// verdicts runs f on the book, wherever it is.
func (d *desk) verdicts(f func(b *feedback.Book, now time.Time)) {
	if d.engine == nil {
		f(d.book, time.Now())
		return
	}
	d.engine.Verdicts(f)
}

// Decide implements api.Desk. When it returns nil, the decision, its line in the
// audit and the verdict are on the disk.
func (d *desk) Decide(ctx context.Context, id string, what *incident.Decision) (*incident.Incident, error) {
	if err := what.Validate(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var after, original *incident.Incident
	var verdict *feedback.Entry
	save := func() error {
		err := d.checkOriginal(ctx, id, what)
		if err != nil {
			return err
		}
		if after, err = d.apply(ctx, id, what); err != nil {
			return err
		}
		if what.Of != "" {
			if original, err = d.adopt(ctx, what.Of, id, what.By); err != nil {
				return err
			}
		}
		c := &store.Change{
			Audit: store.Audit{
				At: time.Now(), Who: what.By, What: "incident." + string(what.Action), Target: id, Detail: detail(what),
			},
			Incident: after, Original: original, MaxKept: d.cfg.MaxEntries,
		}
		if v := feedback.Verdict(what.Verdict); v == feedback.Normal || v == feedback.Attack {
			e := feedback.New(id, after.Subject, after.Kind, v)
			e.By, e.Note, e.At = what.By, what.Note, after.Updated
			c.Verdict, verdict = &e, &e
		}
		return d.store.Record(ctx, c)
	}
	err := d.alone(ctx, save)
	if err != nil || verdict == nil {
		return after, err
	}
	d.verdicts(func(b *feedback.Book, _ time.Time) { err = b.Add(verdict) })
	return after, err
}

// alone runs f while nothing else saves incidents, and all that changed before is
// saved: no older state of the incident can be written after f.
func (d *desk) alone(ctx context.Context, f func() error) error {
	if d.outlet == nil {
		return f()
	}
	return d.outlet.alone(ctx, f)
}

// apply decides about the incident that the engine holds, else the one that is
// stored, which nothing but people changes any more.
func (d *desk) apply(ctx context.Context, id string, what *incident.Decision) (*incident.Incident, error) {
	at := time.Now()
	if d.engine != nil {
		inc, err := d.engine.Decide(id, what)
		if !errors.Is(err, incident.ErrNotFound) {
			return inc, err
		}
		// The engine may have let it go in this moment, with a last change.
		if err := d.outlet.save(ctx); err != nil {
			return nil, err
		}
		at = d.engine.FlowTime()
	}
	inc, err := d.store.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	limit := incident.DefaultConfig().MaxTimeline
	t, err := inc.Decide(at, what, limit)
	if err != nil {
		return nil, err
	}
	d.outlet.publish(incident.Event{At: inc.Updated, Type: t, Incident: inc.Clone()})
	return inc, nil
}

// checkOriginal reports why an incident cannot be closed as a duplicate of another.
func (d *desk) checkOriginal(ctx context.Context, id string, what *incident.Decision) error {
	if what.Of == "" {
		return nil
	}
	original, err := d.store.Get(ctx, what.Of)
	switch {
	case errors.Is(err, incident.ErrNotFound):
		return fmt.Errorf("%w: there is no incident %s", incident.ErrDecision, what.Of)
	case err != nil:
		return err
	case original.Parent == id:
		return fmt.Errorf("%w: %s is a part of %s", incident.ErrDecision, what.Of, id)
	}
	return nil
}

// adopt is apply for the incident that goes on instead of a duplicate.
func (d *desk) adopt(ctx context.Context, id, child, by string) (*incident.Incident, error) {
	at := time.Now()
	if d.engine != nil {
		inc, err := d.engine.Adopt(id, child, by)
		if !errors.Is(err, incident.ErrNotFound) {
			return inc, err
		}
		at = d.engine.FlowTime()
	}
	inc, err := d.store.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	inc.Adopt(at, child, by, incident.DefaultConfig().MaxTimeline)
	return inc, nil
}

func detail(d *incident.Decision) string {
	said := string(d.Verdict)
	if d.Of != "" {
		said += " of " + d.Of
	}
	switch {
	case d.Verdict == "":
		return d.Note
	case d.Note == "":
		return said
	}
	return said + ": " + d.Note
}

// Feedback implements api.Desk.
func (d *desk) Feedback(context.Context) ([]api.Feedback, error) {
	var out []api.Feedback
	var failed error
	d.verdicts(func(b *feedback.Book, now time.Time) {
		all := b.List(now)
		for i := range all {
			e := &all[i]
			inc := incident.Incident{Subject: e.Subject}
			subject, err := inc.Prefix()
			if err != nil {
				failed = err
				return
			}
			factor, _ := b.Factor(subject, e.Kind, now)
			out = append(out, api.Feedback{Entry: *e, Factor: factor, Expires: e.At.Add(b.Expires())})
		}
	})
	return out, failed
}

// Undo implements api.Desk.
func (d *desk) Undo(ctx context.Context, id, by string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.store.Record(ctx, &store.Change{
		Audit: store.Audit{At: time.Now(), Who: by, What: "feedback.undo", Target: id}, Forget: id,
	})
	if err != nil {
		return fmt.Errorf("take verdict %s back: %w", id, err)
	}
	d.verdicts(func(b *feedback.Book, _ time.Time) { b.Remove(id) })
	return nil
}
