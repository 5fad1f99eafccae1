// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/decision"
	"tidewatch/incident"
	"tidewatch/mitigate"
)

// Commander carries out what people decide about rules against attacks. Each returns the
// decision as it is then, on the disk. The errors wrap mitigate.ErrNotFound, ErrState or
// ErrRequest, or are a *mitigate.RefusedError, when they are the caller's.
type Commander interface {
	Approve(ctx context.Context, id string, who mitigate.Person) (*decision.Decision, error)
	Reject(ctx context.Context, id string, who mitigate.Person) (*decision.Decision, error)
	Withdraw(ctx context.Context, id string, who mitigate.Person) (*decision.Decision, error)
	// Request passes the guard rails as an approved decision does; no policy is asked.
	Request(ctx context.Context, r *mitigate.Request, who mitigate.Person) (*decision.Decision, error)
}

// Brake stops everything at once.
type Brake interface {
	// Panic takes all rules back and halts, and tells of how many rules were taken back
	// or are being. With an error, too: the halt and the others hold then.
	Panic(ctx context.Context, who mitigate.Person) (withdrawn int, err error)
	// Resume ends the halt; the error wraps mitigate.ErrState when there is none.
	Resume(ctx context.Context, who mitigate.Person) error
	Status(ctx context.Context) (*mitigate.Status, error)
}

// CommandInput decides about a decision.
type CommandInput struct {
	MitigationInput

	Body *Reason
}

// CommandOutput is the decision as it is then.
type CommandOutput struct{ Body *decision.Decision }

type command func(ctx context.Context, id string, who mitigate.Person) (*decision.Decision, error)

func (h *handlers) approveMitigation(ctx context.Context, in *CommandInput) (*CommandOutput, error) {
	return h.command(ctx, in, "approve it", h.deps.Mitigations.Commander.Approve)
}

func (h *handlers) rejectMitigation(ctx context.Context, in *CommandInput) (*CommandOutput, error) {
	return h.command(ctx, in, "reject it", h.deps.Mitigations.Commander.Reject)
}

func (h *handlers) withdrawMitigation(ctx context.Context, in *CommandInput) (*CommandOutput, error) {
	return h.command(ctx, in, "take it back", h.deps.Mitigations.Commander.Withdraw)
}

func (h *handlers) command(ctx context.Context, in *CommandInput, what string, do command) (*CommandOutput, error) {
	who, err := personOf(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	d, err := do(ctx, in.ID, who)
	if err != nil {
		return nil, h.commandError(ctx, what, err)
	}
	return &CommandOutput{d}, nil
}

// personOf is who decides. The error is a 422.
func personOf(ctx context.Context, r *Reason) (mitigate.Person, error) {
	if r == nil {
		r = &Reason{}
	}
	if err := cmp.Or(incident.CheckName(r.By), incident.CheckText("the note", r.Note)); err != nil {
		return mitigate.Person{}, huma.Error422UnprocessableEntity(err.Error())
	}
	return mitigate.Person{By: named(ctx, r.By), Note: r.Note}, nil
}

// commandError is the problem for an error of a Commander. What guard rails say is a
// conflict: the same may pass with another configuration, or when other rules are gone.
func (h *handlers) commandError(ctx context.Context, what string, err error) error {
	if refused, ok := errors.AsType[*mitigate.RefusedError](err); ok {
		details := make([]error, len(refused.Sentences))
		for i, s := range refused.Sentences {
			details[i] = &huma.ErrorDetail{Message: s}
		}
		return huma.Error409Conflict("the guard rails forbid it", details...)
	}
	switch {
	case errors.Is(err, mitigate.ErrNotFound):
		return huma.Error404NotFound("there is no such decision")
	case errors.Is(err, incident.ErrNotFound):
		return huma.Error404NotFound("there is no such incident")
	case errors.Is(err, mitigate.ErrState):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, mitigate.ErrRequest):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, mitigate.ErrLedger):
		h.deps.Logger.ErrorContext(ctx, "request failed", "what", what, "error", err)
		return huma.Error500InternalServerError("the ledger cannot be written; the server's log says why. Until it can, no rule begins or is renewed, and what was to be taken back is being taken back all the same")
	}
	return h.failed(ctx, what, err)
}

// BrakeInput says who stops everything, or lets it go on.
type BrakeInput struct{ Body *Reason }

// PanicOutput says what the panic button did.
type PanicOutput struct {
	Body struct {
		Withdrawn int `json:"withdrawn" doc:"rules that were taken back, or are being"`
	}
}

func (h *handlers) panicMitigations(ctx context.Context, in *BrakeInput) (*PanicOutput, error) {
	who, err := personOf(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	// Who presses the button and goes away means it, too.
	n, err := h.deps.Mitigations.Brake.Panic(context.WithoutCancel(ctx), who)
	switch {
	case errors.Is(err, mitigate.ErrLedger):
		h.deps.Logger.ErrorContext(ctx, "request failed", "what", "write the panic button down", "error", err)
		return nil, huma.Error500InternalServerError(fmt.Sprintf("halted, and %d rules are being taken back, but that cannot be written down; the server's log says why. It holds until the server ends, and is tried again; press again to see whether it was written", n))
	case err != nil:
		return nil, h.failed(ctx, fmt.Sprintf("take all rules back (%d were)", n), err)
	}
	out := &PanicOutput{}
	out.Body.Withdrawn = n
	return out, nil
}

func (h *handlers) resumeMitigations(ctx context.Context, in *BrakeInput) (*StatusOutput, error) {
	who, err := personOf(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	if err := h.deps.Mitigations.Brake.Resume(ctx, who); err != nil {
		return nil, h.commandError(ctx, "resume", err)
	}
	return h.mitigationStatus(ctx, nil)
}

// StatusOutput is how acting stands.
type StatusOutput struct{ Body *mitigate.Status }

func (h *handlers) mitigationStatus(ctx context.Context, _ *struct{}) (*StatusOutput, error) {
	s, err := h.deps.Mitigations.Brake.Status(ctx)
	if err != nil {
		return nil, h.failed(ctx, "tell how acting stands", err)
	}
	if s.Actuators == nil {
		s.Actuators = []mitigate.ActuatorStatus{}
	}
	return &StatusOutput{s}, nil
}

// RequestInput asks for a rule.
type RequestInput struct {
	Body struct {
		Wish
		Reason
	}
}

// RequestOutput is the decision that was made.
type RequestOutput struct {
	Location string `header:"Location"`
	Body     *decision.Decision
}

func (h *handlers) requestMitigation(ctx context.Context, in *RequestInput) (*RequestOutput, error) {
	who, err := personOf(ctx, &in.Body.Reason)
	if err != nil {
		return nil, err
	}
	r, err := in.Body.request()
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	d, err := h.deps.Mitigations.Commander.Request(ctx, r, who)
	if err != nil {
		return nil, h.commandError(ctx, "bring it in force", err)
	}
	return &RequestOutput{Location: "/api/v1/mitigations/" + d.ID, Body: d}, nil
}
