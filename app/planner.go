// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"tidewatch/api"
	"tidewatch/incident"
	"tidewatch/schedule"
	"tidewatch/store"
)

// planner keeps what is planned: what the configuration and its calendars say, and
// what people add, for a running engine or in a data directory that nobody uses.
type planner struct {
	zone   string
	store  *store.Store
	engine *Engine // nil: no server runs

	mu    sync.Mutex         // one change after the other; guards what follows
	base  *schedule.Schedule // of the configuration and its calendars
	added []schedule.Plan    // oldest first
	both  *schedule.Schedule
	unfit []unfit
}

// unfit is an event that was added once and makes no sense any more, because the
// site moved to another time zone or the rules of the program did. It has no effect
// and can be taken away.
type unfit struct {
	schedule.Plan
	err error
}

// newPlanner loads what people added, for the engine if there is one. Without a store
// nobody added anything, and nothing can be changed.
func newPlanner(ctx context.Context, cfg *Config, s *store.Store, e *Engine) (*planner, error) {
	p := &planner{zone: cfg.zoneName(), store: s, engine: e}
	base, err := newSchedule(cfg)
	if err != nil {
		return nil, err
	}
	if s != nil {
		if p.added, err = s.Events(ctx); err != nil {
			return nil, err
		}
	}
	if err := p.rebase(base); err == nil {
		return p, nil
	}
	none, err := schedule.New(&schedule.Config{}, cfg.zone(), nil)
	if err != nil {
		return nil, err
	}
	p.added = slices.DeleteFunc(p.added, func(e schedule.Plan) bool {
		_, err := none.With([]schedule.Plan{e})
		if err != nil {
			p.unfit = append(p.unfit, unfit{e, err})
		}
		return err != nil
	})
	err = p.rebase(base)
	return p, err
}

// rebase goes on with what the configuration says now.
func (p *planner) rebase(base *schedule.Schedule) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	both, err := base.With(p.added)
	if err != nil {
		return err
	}
	p.base = base
	p.take(p.added, both)
	return nil
}

// take puts a change into effect. The caller has the mutex.
func (p *planner) take(added []schedule.Plan, both *schedule.Schedule) {
	p.added, p.both = added, both
	if p.engine != nil {
		p.engine.Plan(both)
	}
}

// AddEvent implements api.Events.
func (p *planner) AddEvent(ctx context.Context, e *schedule.Event, by, note string) (*api.Event, error) {
	plan := schedule.NewPlan(e, by, note, time.Now())
	if err := cmp.Or(incident.CheckName(by), incident.CheckText("the note", note), incident.CheckText("the name", e.Name)); err != nil {
		return nil, &api.RefusedError{Status: http.StatusUnprocessableEntity, Detail: err.Error()}
	}
	if err := knownKinds(&e.Effects); err != nil {
		return nil, &api.RefusedError{Status: http.StatusUnprocessableEntity, Detail: fmt.Sprintf("event %q: %v", e.Name, err)}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	over := p.past(plan.Added, recordFor)
	if room := len(p.added) - len(over); room >= schedule.MaxAdded {
		past := p.past(plan.Added, 0) // those that are over give way, the oldest first
		if len(past) == 0 {
			return nil, &api.RefusedError{Status: http.StatusConflict, Detail: fmt.Sprintf(
				"%d events were added, which is the most; remove some, or write recurring ones", schedule.MaxAdded)}
		}
		over = past[:len(over)+room-schedule.MaxAdded+1]
	}
	added := append(without(p.added, over), plan)
	both, err := p.base.With(added)
	if err != nil {
		return nil, &api.RefusedError{Status: http.StatusUnprocessableEntity, Detail: err.Error()}
	}
	at := both.Len() - 1
	if end, ends := both.Over(at); ends && !end.After(plan.Added) {
		return nil, &api.RefusedError{Status: http.StatusUnprocessableEntity, Detail: fmt.Sprintf(
			"event %q is over since %s; an event cannot change what was", e.Name, end.Format(time.RFC3339))}
	}
	for i := range at {
		other := both.Plan(i)
		if end, ends := both.Over(i); other.Name == e.Name && (!ends || end.After(plan.Added)) && other.Origin != schedule.FromCalendar {
			return nil, &api.RefusedError{Status: http.StatusConflict, Detail: fmt.Sprintf(
				"there is an event %q already (%s); incidents could not tell which", e.Name, whence(other))}
		}
	}
	err = p.store.Record(ctx, &store.Change{
		Audit: store.Audit{At: plan.Added, Who: by, What: "event.add", Target: plan.ID, Detail: told(e.Name, note)},
		Event: &plan, Over: over,
	})
	if err != nil {
		return nil, err
	}
	p.take(added, both)
	out := p.event(at, plan.Added)
	return &out, nil
}

// knownKinds reports a kind that no incident is of: an event that keeps quiet about it
// would keep quiet about nothing, which nobody sees before the night it was made for.
func knownKinds(e *schedule.Effects) error {
	kinds := incident.Kinds()
	for _, k := range e.Kinds {
		if !slices.Contains(kinds, k) {
			return fmt.Errorf("kinds: no incident is of the kind %q; there are %s", k, strings.Join(kinds, ", "))
		}
	}
	return nil
}

// plannedKinds does so for what the configuration plans.
func plannedKinds(c *schedule.Config) error {
	for i := range c.Events {
		if err := knownKinds(&c.Events[i].Effects); err != nil {
			return fmt.Errorf("event %q: %w", c.Events[i].Name, err)
		}
	}
	for i := range c.Calendars {
		if err := knownKinds(&c.Calendars[i].Effects); err != nil {
			return fmt.Errorf("calendar %s: %w", c.Calendars[i].File, err)
		}
	}
	return nil
}

// RemoveEvent implements api.Events.
func (p *planner) RemoveEvent(ctx context.Context, id, by, note string) error {
	if err := cmp.Or(incident.CheckName(by), incident.CheckText("the note", note)); err != nil {
		return &api.RefusedError{Status: http.StatusUnprocessableEntity, Detail: err.Error()}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	name, err := p.removable(id)
	if err != nil {
		return err
	}
	added := without(p.added, []string{id})
	both, err := p.base.With(added)
	if err != nil {
		return err
	}
	err = p.store.Record(ctx, &store.Change{
		Audit: store.Audit{At: time.Now(), Who: by, What: "event.remove", Target: id, Detail: told(name, note)}, Cancel: id,
	})
	if err != nil {
		return err
	}
	p.unfit = slices.DeleteFunc(p.unfit, func(e unfit) bool { return e.ID == id })
	p.take(added, both)
	return nil
}

// removable returns the name of an event that people added, or why it cannot be
// taken away. The caller has the mutex.
func (p *planner) removable(id string) (name string, err error) {
	for i := range p.unfit {
		if p.unfit[i].ID == id {
			return p.unfit[i].Name, nil
		}
	}
	for i := range p.both.Len() {
		switch e := p.both.Plan(i); {
		case e.ID != id:
		case e.Origin == schedule.FromPeople:
			return e.Name, nil
		default:
			return "", &api.RefusedError{Status: http.StatusConflict, Detail: fmt.Sprintf(
				"event %q comes from %s; take it out there and reload (SIGHUP)", e.Name, whence(e))}
		}
	}
	return "", &api.RefusedError{Status: http.StatusNotFound, Detail: fmt.Sprintf("there is no event %q", id)}
}

// whence says where an event was written down.
func whence(e *schedule.Plan) string {
	switch e.Origin {
	case schedule.FromConfiguration:
		return "the configuration, schedule.events"
	case schedule.FromCalendar:
		return "the calendar " + e.File
	default:
		return e.ID
	}
}

func told(name, note string) string {
	if note == "" {
		return name
	}
	return name + ": " + note
}
