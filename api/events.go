// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/schedule"
)

// Events is what is planned.
type Events interface {
	// Events returns a page of events: those that people added first, newest first,
	// then those of the configuration and of its calendars. Its error and those of the
	// others are a *RefusedError when they are the caller's.
	Events(ctx context.Context, f *ListFilter) (*EventPage, error)
	// AddEvent returns the event when it is in effect and on the disk.
	AddEvent(ctx context.Context, e *schedule.Event, by, note string) (*Event, error)
	RemoveEvent(ctx context.Context, id, by, note string) error
	// Occurrences returns when events are on that touch [from,to), by their start: one more
	// than MaxOccurrences at most.
	Occurrences(ctx context.Context, from, to time.Time) ([]EventOccurrence, error)
}

// Event is an event with the times at which it is on next.
type Event struct {
	schedule.Plan

	Over bool                  `json:"over,omitempty" doc:"it is never on again; one that people added is kept for 90 days"`
	Next []schedule.Occurrence `json:"next" nullable:"false" doc:"three at most, of the next ten years; the first may have begun"`
}

// ListFilter selects what was written down: events or exclusions.
type ListFilter struct {
	Origin string // "" for all
	Past   bool   // also those that are over
	Limit  int
	Cursor string
}

// EventPage is a page of events.
type EventPage struct {
	Zone   string  `json:"zone" doc:"the site's time zone"`
	Events []Event `json:"events" nullable:"false"`
	Next   string  `json:"next,omitempty" doc:"cursor of the next page; absent on the last"`
}

func (h *handlers) events(a huma.API) {
	const missing, conflict = http.StatusNotFound, http.StatusConflict
	huma.Get(a, "/api/v1/events", h.listEvents, about("list-events", "Scheduled events and when they are on next", http.StatusUnprocessableEntity))
	huma.Get(a, "/api/v1/events/occurrences", h.occurrences, about("list-occurrences", "When events are on, for a calendar", http.StatusUnprocessableEntity))
	huma.Post(a, "/api/v1/events", h.addEvent, changes("add-event", "Plan an event", conflict), func(o *huma.Operation) {
		o.DefaultStatus = http.StatusCreated
	})
	huma.Delete(a, "/api/v1/events/{id}", h.removeEvent,
		changes("remove-event", "Take an event back that people added", missing, conflict))
}

// EventsInput selects events.
type EventsInput struct {
	Origin string `query:"origin" enum:"configuration,calendar,people" doc:"where it was written down"`
	PageInput
}

// PageInput selects a page of what was written down.
type PageInput struct {
	Past   bool   `query:"past" doc:"also those that are over"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `query:"cursor" maxLength:"64" doc:"next of the page before"`
}

func (p *PageInput) from(origin string) *ListFilter {
	return &ListFilter{Origin: origin, Past: p.Past, Limit: p.Limit, Cursor: p.Cursor}
}

// EventsOutput is a page of events.
type EventsOutput struct{ Body *EventPage }

func (h *handlers) listEvents(ctx context.Context, in *EventsInput) (*EventsOutput, error) {
	got, err := h.deps.Events.Events(ctx, in.from(in.Origin))
	return &EventsOutput{got}, h.refusal(ctx, "list events", err)
}

// AddEventInput is an event that somebody plans.
type AddEventInput struct {
	Body struct {
		schedule.Event
		Reason
	}
}

// AddEventOutput is the event that was added.
type AddEventOutput struct {
	Location string `header:"Location"`
	Body     *Event
}

func (h *handlers) addEvent(ctx context.Context, in *AddEventInput) (*AddEventOutput, error) {
	got, err := h.deps.Events.AddEvent(ctx, &in.Body.Event, named(ctx, in.Body.By), in.Body.Note)
	if err != nil {
		return nil, h.refusal(ctx, "save the event", err)
	}
	return &AddEventOutput{Location: "/api/v1/events/" + got.ID, Body: got}, nil
}

// RemoveEventInput names an event.
type RemoveEventInput struct {
	ID string `path:"id" maxLength:"64" doc:"id of the event"`
	Removal
}

// Removal says who takes something back, and why.
type Removal struct {
	By   string `query:"by" maxLength:"64" doc:"who; administrator when absent"`
	Note string `query:"note" maxLength:"1000" doc:"why, in one line"`
}

func (h *handlers) removeEvent(ctx context.Context, in *RemoveEventInput) (*struct{}, error) {
	return nil, h.refusal(ctx, "take the event back", h.deps.Events.RemoveEvent(ctx, in.ID, named(ctx, in.By), in.Note))
}
