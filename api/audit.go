// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Audit is what people decided.
type Audit interface {
	// Lines returns lines of the audit, newest first: those before a number, and of
	// all when it is 0.
	Lines(ctx context.Context, before int64, limit int) ([]AuditLine, error)
}

// AuditLine is one decision of a person.
type AuditLine struct {
	Number int64     `json:"number" doc:"counts up"`
	At     time.Time `json:"at" doc:"by the clock"`
	Who    string    `json:"who"`
	What   string    `json:"what" doc:"such as incident.close, event.add, baseline.freeze"`
	Target string    `json:"target,omitempty" doc:"id of the incident, verdict or event, version, or device"`
	Detail string    `json:"detail,omitempty" doc:"verdict and note"`
}

func (h *handlers) audit(a huma.API) {
	huma.Get(a, "/api/v1/audit", h.listAudit, about("list-audit", "What people decided, newest first", http.StatusUnprocessableEntity))
}

// AuditInput is a page of the audit.
type AuditInput struct {
	Limit  int   `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor int64 `query:"cursor" minimum:"1" doc:"next of the page before"`
}

// AuditOutput is a page of the audit.
type AuditOutput struct {
	Body struct {
		Lines []AuditLine `json:"audit" nullable:"false"`
		Next  string      `json:"next,omitempty" doc:"cursor of the next page; absent on the last"`
	}
}

func (h *handlers) listAudit(ctx context.Context, in *AuditInput) (*AuditOutput, error) {
	lines, err := h.deps.Audit.Lines(ctx, in.Cursor, in.Limit+1)
	if err != nil {
		return nil, h.failed(ctx, "read the audit", err)
	}
	out := &AuditOutput{}
	if len(lines) > in.Limit {
		lines = lines[:in.Limit]
		out.Body.Next = strconv.FormatInt(lines[in.Limit-1].Number, 10)
	}
	out.Body.Lines = append([]AuditLine{}, lines...)
	return out, nil
}
