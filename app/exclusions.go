// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"tidewatch/api"
	"tidewatch/exclude"
	"tidewatch/incident"
	"tidewatch/store"
)

// Exclude keeps what these exclusions cover low from the next second on.
func (e *Engine) Exclude(all []exclude.Entry) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.excluded.Take(all)
}

// excluder keeps what is excluded: by the configuration, and by people, for a running
// engine or in a data directory that nobody uses.
type excluder struct {
	zone   *time.Location
	store  *store.Store
	engine *Engine // nil: no server runs

	mu    sync.Mutex      // one change after the other; guards what follows
	base  []exclude.Entry // of the configuration
	added []exclude.Entry // oldest first
}

// newExcluder loads what people added, for the engine if there is one.
func newExcluder(ctx context.Context, cfg *Config, s *store.Store, e *Engine) (*excluder, error) {
	x := &excluder{zone: cfg.zone(), store: s, engine: e}
	if s != nil { // nil: nothing was saved yet
		var err error
		if x.added, err = s.Exclusions(ctx); err != nil {
			return nil, err
		}
	}
	if err := x.rebase(cfg); err != nil {
		return nil, err
	}
	return x, nil
}

// rebase goes on with what the configuration says now.
func (x *excluder) rebase(cfg *Config) error {
	base, err := exclude.Configured(cfg.Exclusions, x.zone)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.base = base
	return x.take(x.added)
}

// take puts a change into effect. The caller has the mutex.
func (x *excluder) take(added []exclude.Entry) error {
	x.added = added
	if x.engine == nil {
		return nil
	}
	return x.engine.Exclude(slices.Concat(x.base, added))
}

// AddExclusion implements api.Exclusions.
func (x *excluder) AddExclusion(ctx context.Context, r *exclude.Rule, by string) (*api.Exclusion, error) {
	at := time.Now()
	e, err := exclude.New(r, by, at, x.zone)
	if err = cmp.Or(err, incident.CheckName(by)); err != nil {
		return nil, &api.RefusedError{Status: http.StatusUnprocessableEntity, Detail: err.Error()}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	over := x.lapsed(at.Add(-recordFor))
	if room := len(x.added) - len(over); room >= exclude.MaxAdded {
		over = x.lapsed(at) // those that are over give way
		if len(x.added)-len(over) >= exclude.MaxAdded {
			return nil, &api.RefusedError{Status: http.StatusConflict, Detail: fmt.Sprintf(
				"%d exclusions were added, which is the most; remove some, or name networks in place of addresses", exclude.MaxAdded)}
		}
	}
	for _, list := range [...][]exclude.Entry{x.base, x.added} {
		for i := range list {
			if other := &list[i]; other.What() == e.What() && !other.Over(at) {
				return nil, &api.RefusedError{Status: http.StatusConflict, Detail: fmt.Sprintf(
					"exclusion %s says the same already (%s)", other.ID, other.What())}
			}
		}
	}
	err = x.store.Record(ctx, &store.Change{
		Audit:   store.Audit{At: e.Added, Who: by, What: "exclusion.add", Target: e.ID, Detail: told(e.What(), e.Reason)},
		Exclude: &e, Lapsed: over,
	})
	if err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(x.added), func(e exclude.Entry) bool { return slices.Contains(over, e.ID) })
	return &api.Exclusion{Entry: e}, x.take(append(kept, e))
}

// lapsed lists the ids of what people added that was over at a moment. The caller has
// the mutex.
func (x *excluder) lapsed(at time.Time) (ids []string) {
	for i := range x.added {
		if x.added[i].Over(at) {
			ids = append(ids, x.added[i].ID)
		}
	}
	return ids
}

// RemoveExclusion implements api.Exclusions.
func (x *excluder) RemoveExclusion(ctx context.Context, id, by, note string) error {
	if err := cmp.Or(incident.CheckName(by), incident.CheckText("the note", note)); err != nil {
		return &api.RefusedError{Status: http.StatusUnprocessableEntity, Detail: err.Error()}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	is := func(e exclude.Entry) bool { return e.ID == id }
	if slices.ContainsFunc(x.base, is) {
		return &api.RefusedError{Status: http.StatusConflict, Detail: fmt.Sprintf(
			"exclusion %s comes from the configuration, exclusions; take it out there and reload (SIGHUP)", id)}
	}
	at := slices.IndexFunc(x.added, is)
	if at < 0 {
		return &api.RefusedError{Status: http.StatusNotFound, Detail: fmt.Sprintf("there is no exclusion %q", id)}
	}
	err := x.store.Record(ctx, &store.Change{
		Audit:   store.Audit{At: time.Now(), Who: by, What: "exclusion.remove", Target: id, Detail: told(x.added[at].What(), note)},
		Include: id,
	})
	if err != nil {
		return err
	}
	return x.take(slices.Delete(slices.Clone(x.added), at, at+1))
}

// Exclusions implements api.Exclusions.
func (x *excluder) Exclusions(_ context.Context, f *api.ListFilter) (*api.ExclusionPage, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := slices.Clone(x.added)
	slices.Reverse(all)
	all = append(all, x.base...)
	if f.Cursor != "" {
		at := slices.IndexFunc(all, func(e exclude.Entry) bool { return e.ID == f.Cursor })
		if at < 0 {
			return nil, &api.RefusedError{Status: http.StatusUnprocessableEntity, Detail: "the cursor names no exclusion; begin anew"}
		}
		all = all[at+1:]
	}
	out, now := &api.ExclusionPage{Exclusions: []api.Exclusion{}}, time.Now()
	for i := range all {
		e := api.Exclusion{Entry: all[i], Over: all[i].Over(now)}
		if f.Origin != "" && string(e.Origin) != f.Origin || !f.Past && e.Over {
			continue
		}
		if len(out.Exclusions) == f.Limit {
			out.Next = out.Exclusions[f.Limit-1].ID
			break
		}
		out.Exclusions = append(out.Exclusions, e)
	}
	return out, nil
}
