// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/query"
)

// Flows answers questions about recorded flows.
type Flows interface {
	Answer(ctx context.Context, q *query.Question) (*query.Answer, error)
	// List returns a page of flows, newest first.
	List(ctx context.Context, s *query.Selection) (*query.Page, error)
	// Export hands flows to keep, at most s.Limit, and reports whether there are more.
	Export(ctx context.Context, s *query.Selection, keep func(*query.Flow) error) (more bool, err error)
}

func (h *handlers) flows(a huma.API) {
	unfit, busy := http.StatusUnprocessableEntity, http.StatusServiceUnavailable
	huma.Get(a, "/api/v1/flows/query", h.ask, about("query-flows", "The largest groups of recorded flows, and their series", unfit, busy))
	huma.Get(a, "/api/v1/flows", h.listFlows, about("list-flows", "Recorded flows, newest first", unfit, busy))
	huma.Get(a, "/api/v1/flows/export", h.export, about("export-flows", "Recorded flows as a file", unfit, busy),
		func(o *huma.Operation) { describeExport(o, a.OpenAPI().Components.Schemas) })
	huma.Get(a, "/api/v1/incidents/{id}/flows", h.incidentFlows,
		about("list-incident-flows", "Recorded flows of an incident, newest first", http.StatusNotFound, unfit, busy))
}

// SpanInput selects recorded flows by time and filter.
type SpanInput struct {
	From   string `query:"from" maxLength:"40" default:"-1h" doc:"flows reported since: RFC 3339, or before now as -30s, -15m, -1h, -7d, -2w"`
	To     string `query:"to" maxLength:"40" default:"now" doc:"flows reported before"`
	Filter string `query:"filter" maxLength:"8192" doc:"which flows, in the language of filters: src = 10.0.0.0/8 and dst_port in (80, 443)"`
}

// selection reads the input; its errors name the parameter.
func (in *SpanInput) selection(now time.Time) (*query.Selection, error) {
	s := &query.Selection{}
	var err error
	if s.From, err = query.ParseTime(in.From, now, now.Add(-time.Hour)); err != nil {
		return nil, unfit("from", in.From, err)
	}
	if s.To, err = query.ParseTime(in.To, now, now); err != nil {
		return nil, unfit("to", in.To, err)
	}
	if !s.From.Before(s.To) {
		return nil, unfit("from", in.From, errors.New("from must lie before to"))
	}
	if s.Filter, err = query.Parse(in.Filter); err != nil {
		return nil, unfit("filter", in.Filter, err)
	}
	return s, nil
}

// unfit is the problem of one parameter.
func unfit(parameter, value string, err error) error {
	return huma.Error422UnprocessableEntity("the question cannot be answered as it stands",
		&huma.ErrorDetail{Message: err.Error(), Location: "query." + parameter, Value: value})
}

// QueryInput is a question about recorded flows.
type QueryInput struct {
	SpanInput

	Group  string `query:"group" maxLength:"64" doc:"up to three dimensions, separated by commas: src, dst, device, peer, src_port, dst_port, service, proto, src_as, dst_as, exporter, input, output, src_net, dst_net, src_net16, dst_net16, tcp_flags"`
	By     string `query:"by" enum:"bytes,packets,flows" default:"bytes" doc:"what makes a group large"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"10" doc:"groups"`
	Points int    `query:"points" minimum:"0" maximum:"1000" default:"0" doc:"at most so many points of a series for each group; 0: none"`
	Source string `query:"source" enum:"auto,raw,rollup" default:"auto" doc:"raw: from the flows; rollup: from sums by minutes or hours; auto chooses"`
}

// QueryOutput is the answer.
type QueryOutput struct{ Body *query.Answer }

func (h *handlers) ask(ctx context.Context, in *QueryInput) (*QueryOutput, error) {
	s, err := in.selection(h.deps.Clock())
	if err != nil {
		return nil, err
	}
	q := &query.Question{From: s.From, To: s.To, Filter: s.Filter, Limit: in.Limit, Points: in.Points, By: query.Measure(in.By), Source: query.Source(in.Source)}
	if q.Group, err = query.ParseGroup(in.Group); err != nil {
		return nil, unfit("group", in.Group, err)
	}
	if err := q.Validate(); err != nil {
		return nil, unfit("from", in.From, err)
	}
	got, err := h.deps.Flows.Answer(ctx, q)
	return &QueryOutput{got}, h.unanswered(ctx, err)
}

// FlowsInput selects a page of flows.
type FlowsInput struct {
	SpanInput

	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `query:"cursor" maxLength:"1024" doc:"next of the page before"`
}

// FlowsOutput is a page of flows.
type FlowsOutput struct{ Body *query.Page }

func (h *handlers) listFlows(ctx context.Context, in *FlowsInput) (*FlowsOutput, error) {
	s, err := in.selection(h.deps.Clock())
	if err != nil {
		return nil, err
	}
	s.Limit, s.Cursor = in.Limit, in.Cursor
	got, err := h.deps.Flows.List(ctx, s)
	return &FlowsOutput{got}, h.unanswered(ctx, err)
}

// unanswered is the problem of a question that was not answered; nil for nil.
func (h *handlers) unanswered(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, query.ErrBusy):
		return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable(err.Error()), http.Header{"Retry-After": {"5"}})
	case errors.Is(err, query.ErrBadCursor):
		return unfit("cursor", "", query.ErrBadCursor)
	case errors.Is(err, query.ErrNoRollup):
		return unfit("source", string(query.Rollup), query.ErrNoRollup)
	}
	return h.failed(ctx, "read the history", err)
}
