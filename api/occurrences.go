// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/schedule"
)

const (
	// MaxOccurrences is how many a calendar gets at once.
	MaxOccurrences = 1000
	// calendarSpan is how much of a calendar may be asked for.
	calendarSpan = 400 * 24 * time.Hour
)

// EventOccurrence is one time at which an event is on.
type EventOccurrence struct {
	ID     string          `json:"id"`
	Name   string          `json:"name"`
	Start  time.Time       `json:"start" doc:"in the site's zone"`
	End    time.Time       `json:"end"`
	Origin schedule.Origin `json:"origin" enum:"configuration,calendar,people"`
}

// OccurrencesInput is a part of a calendar.
type OccurrencesInput struct {
	From time.Time `query:"from" doc:"absent: now"`
	To   time.Time `query:"to" doc:"absent: 31 days later; at most 400 days later"`
}

// OccurrencesOutput lists when events are on.
type OccurrencesOutput struct {
	Body struct {
		Occurrences []EventOccurrence `json:"occurrences" nullable:"false" doc:"by start; 1000 at most"`
		More        bool              `json:"more" doc:"there are more: ask from the last one on"`
	}
}

func (h *handlers) occurrences(ctx context.Context, in *OccurrencesInput) (*OccurrencesOutput, error) {
	if in.From.IsZero() {
		in.From = h.deps.Clock()
	}
	if in.To.IsZero() {
		in.To = in.From.AddDate(0, 0, 31)
	}
	if y := in.From.Year(); y < 1970 || y > 9000 || !in.To.After(in.From) || in.To.Sub(in.From) > calendarSpan {
		return nil, huma.Error422UnprocessableEntity("to must lie after from, at most 400 days",
			&huma.ErrorDetail{Message: "no part of a calendar", Location: "query.to"})
	}
	got, err := h.deps.Events.Occurrences(ctx, in.From, in.To)
	if err != nil {
		return nil, h.refusal(ctx, "list events", err)
	}
	out := &OccurrencesOutput{}
	n := min(MaxOccurrences, len(got))
	out.Body.Occurrences, out.Body.More = append([]EventOccurrence{}, got[:n]...), n < len(got)
	return out, nil
}
