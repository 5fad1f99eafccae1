// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"time"

	"tidewatch/incident"
	"tidewatch/query"
)

// incidentLead and incidentTail are how much is shown around an incident: what it
// grew from, and what exporters tell when a flow is over.
const (
	incidentLead = time.Minute
	incidentTail = 2 * time.Minute
)

// IncidentFlowsInput selects a page of an incident's flows.
type IncidentFlowsInput struct {
	ID     string `path:"id" maxLength:"64" doc:"id of the incident"`
	All    bool   `query:"all" doc:"everything that its subject sent and received, not only what fits its filter"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `query:"cursor" maxLength:"1024" doc:"next of the page before"`
}

func (h *handlers) incidentFlows(ctx context.Context, in *IncidentFlowsInput) (*FlowsOutput, error) {
	got, err := h.get(ctx, &GetInput{IncidentID: IncidentID{in.ID}})
	if err != nil {
		return nil, err
	}
	i := got.Body
	f, err := query.Parse(incidentFilter(i.Subject, i.Filter, in.All))
	if err != nil {
		return &FlowsOutput{&query.Page{Flows: []query.Flow{}}}, nil //nolint:nilerr // its subject is no address: no flow is of it
	}
	to := i.Ended
	if to.IsZero() {
		to = h.deps.Clock()
	}
	page, err := h.deps.Flows.List(ctx, &query.Selection{
		From: i.Started.Add(-incidentLead), To: to.Add(incidentTail), Filter: f, Limit: in.Limit, Cursor: in.Cursor,
	})
	return &FlowsOutput{page}, h.unanswered(ctx, err)
}

// incidentFilter writes an incident's filter in the language of filters. Flags and
// lengths of packets are left out: those of a flow are of many packets together.
func incidentFilter(subject string, f *incident.TrafficFilter, all bool) string {
	if f == nil || all {
		return "host = " + subject
	}
	out := "dst = " + subject
	if f.Protocol != "" {
		out += " and proto = " + f.Protocol
	}
	if f.SrcPort != 0 {
		out += fmt.Sprintf(" and src_port = %d", f.SrcPort)
	}
	if f.DstPort != 0 {
		out += fmt.Sprintf(" and dst_port = %d", f.DstPort)
	}
	if f.SourcePrefix != "" {
		out += " and src = " + f.SourcePrefix
	}
	return out
}
