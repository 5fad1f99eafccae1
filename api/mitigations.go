// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

// Mitigations is what is done against attacks.
type Mitigations struct {
	Ledger    mitigate.Reader // what was decided; needed
	Commander Commander       // nil: people decide nothing here
	Brake     Brake           // nil: nothing acts here, so that nothing can be stopped
}

func (h *handlers) mitigations(a huma.API) {
	const missing, conflict = http.StatusNotFound, http.StatusConflict
	const at = "/api/v1/mitigations"
	m := h.deps.Mitigations
	huma.Get(a, at, h.listMitigations, about("list-mitigations", "What was decided against attacks, latest first", http.StatusUnprocessableEntity))
	huma.Get(a, at+"/{id}", h.getMitigation, about("get-mitigation", "One decision, and all that happened to it", missing, http.StatusUnprocessableEntity))
	if m.Commander != nil {
		huma.Post(a, at, h.requestMitigation, changes("request-mitigation", "Ask for a rule", missing, conflict), func(o *huma.Operation) {
			o.DefaultStatus = http.StatusCreated
		})
		huma.Post(a, at+"/{id}/approve", h.approveMitigation, changes("approve-mitigation", "Let a proposed rule be brought in force", missing, conflict))
		huma.Post(a, at+"/{id}/reject", h.rejectMitigation, changes("reject-mitigation", "Say no to a proposed rule", missing, conflict))
		huma.Post(a, at+"/{id}/withdraw", h.withdrawMitigation, changes("withdraw-mitigation", "Take a rule back", missing, conflict))
	}
	if m.Brake != nil {
		huma.Post(a, at+"/panic", h.panicMitigations, changes("panic-mitigations", "Take all rules back, and do nothing more until somebody resumes"))
		huma.Post(a, at+"/resume", h.resumeMitigations, changes("resume-mitigations", "Act again after the panic button was pressed", conflict))
		huma.Get(a, at+"/status", h.mitigationStatus, about("get-mitigation-status", "Whether and where rules are brought in force"))
	}
}

// MitigationsInput selects decisions.
type MitigationsInput struct {
	State    []string `query:"state" enum:"proposed,approved,active,expiring,withdrawn,failed,rejected" doc:"any of these states"`
	Incident string   `query:"incident" maxLength:"64" doc:"id of the incident that it is about"`
	Target   string   `query:"target" maxLength:"64" doc:"own address or prefix, exactly"`
	Limit    int      `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor   string   `query:"cursor" maxLength:"256" doc:"next of the page before"`
}

// MitigationsOutput is one page.
type MitigationsOutput struct {
	Body struct {
		Mitigations []decision.Decision `json:"mitigations" nullable:"false"`
		Next        string              `json:"next,omitempty" doc:"cursor of the next page; absent on the last"`
	}
}

func (h *handlers) listMitigations(ctx context.Context, in *MitigationsInput) (*MitigationsOutput, error) {
	f := mitigate.ListFilter{Incident: in.Incident, Target: in.Target, Limit: in.Limit, Cursor: in.Cursor}
	for _, s := range in.State {
		f.States = append(f.States, decision.State(s))
	}
	got, err := h.deps.Mitigations.Ledger.Decisions(ctx, &f)
	if errors.Is(err, mitigate.ErrBadCursor) {
		return nil, huma.Error422UnprocessableEntity("the cursor is not one that this API returned",
			&huma.ErrorDetail{Message: "unknown cursor", Location: "query.cursor", Value: in.Cursor})
	}
	if err != nil {
		return nil, h.failed(ctx, "list decisions", err)
	}
	out := &MitigationsOutput{}
	out.Body.Mitigations = append([]decision.Decision{}, got.Decisions...)
	out.Body.Next = got.Next
	return out, nil
}

// MitigationInput names a decision.
type MitigationInput struct {
	ID string `path:"id" maxLength:"64" doc:"id of the decision"`
}

// LedgerLine is a decision as it was after one change.
type LedgerLine mitigate.Entry

// MitigationOutput is a decision with what happened to it.
type MitigationOutput struct {
	Body struct {
		Decision *decision.Decision `json:"decision"`
		Ledger   []LedgerLine       `json:"ledger" nullable:"false" doc:"every change, oldest first"`
	}
}

func (h *handlers) getMitigation(ctx context.Context, in *MitigationInput) (*MitigationOutput, error) {
	d, lines, err := h.deps.Mitigations.Ledger.Decision(ctx, in.ID)
	if err != nil {
		return nil, h.commandError(ctx, "read a decision", err)
	}
	out := &MitigationOutput{}
	out.Body.Decision, out.Body.Ledger = d, make([]LedgerLine, len(lines))
	for i := range lines {
		out.Body.Ledger[i] = LedgerLine(lines[i])
	}
	return out, nil
}
