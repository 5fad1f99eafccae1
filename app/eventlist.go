// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"net/http"
	"time"

	"tidewatch/api"
	"tidewatch/schedule"
)

// Events implements api.Events. What people added comes first, newest first.
func (p *planner) Events(_ context.Context, f *api.ListFilter) (*api.EventPage, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := &api.EventPage{Zone: p.zone, Events: []api.Event{}}
	now := time.Now()
	own, n := p.both.Len()-len(p.added), p.both.Len()
	begun := f.Cursor == ""
	for k := range n {
		i := k - len(p.added) // of the configuration
		if k < len(p.added) {
			i = own + len(p.added) - 1 - k
		}
		e := p.both.Plan(i)
		if !begun {
			begun = e.ID == f.Cursor
			continue
		}
		end, ends := p.both.Over(i)
		if f.Origin != "" && string(e.Origin) != f.Origin || !f.Past && ends && !end.After(now) {
			continue
		}
		if len(out.Events) == f.Limit {
			out.Next = out.Events[f.Limit-1].ID
			break
		}
		out.Events = append(out.Events, p.event(i, now))
	}
	if !begun {
		return nil, &api.RefusedError{Status: http.StatusUnprocessableEntity, Detail: "the cursor names no event; begin anew"}
	}
	return out, nil
}

// event tells of event i of both. The caller has the mutex.
func (p *planner) event(i int, now time.Time) api.Event {
	end, ends := p.both.Over(i)
	e := api.Event{Plan: *p.both.Plan(i), Over: ends && !end.After(now), Next: []schedule.Occurrence{}}
	if !e.Over {
		e.Next = append(e.Next, p.both.Upcoming(i, now, planTimes)...)
	}
	return e
}
