// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/feedback"
	"tidewatch/incident"
)

// Desk is where people's decisions are carried out.
type Desk interface {
	// Decide returns the incident as it is after the decision, which is saved then.
	// Its error wraps incident.ErrNotFound, ErrDecision or ErrState when it is the
	// caller's.
	Decide(ctx context.Context, id string, d *incident.Decision) (*incident.Incident, error)
	// Feedback lists the verdicts that count, oldest first.
	Feedback(ctx context.Context) ([]Feedback, error)
	// Undo takes a verdict back, or returns feedback.ErrNotFound.
	Undo(ctx context.Context, id, by string) error
}

// Feedback is a verdict with what it does now.
type Feedback struct {
	feedback.Entry

	Factor  float64   `json:"factor" doc:"how many times as high the threshold is, by all verdicts on this subject and kind"`
	Expires time.Time `json:"expires" doc:"in flow time"`
}

// maxBody bounds what a decision may send; a note has at most 1000 letters.
const maxBody = 16 << 10

// anybody is who decides when a request does not say: whoever holds the token.
const anybody = "administrator"

// takes bounds the body of a route, and documents what may be wrong with it.
func takes(o *huma.Operation) {
	o.MaxBodyBytes = maxBody
	o.Errors = append(o.Errors, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
}

// changes registers a route that changes something: access says who may.
func changes(id, summary string, also ...int) func(*huma.Operation) {
	return func(o *huma.Operation) {
		about(id, summary, also...)(o)
		if o.Method != http.MethodDelete {
			takes(o)
		}
	}
}

func (h *handlers) decisions(a huma.API) {
	const missing, conflict = http.StatusNotFound, http.StatusConflict
	huma.Post(a, "/api/v1/incidents/{id}/acknowledge", h.acknowledge,
		changes("acknowledge-incident", "Say that somebody looks after an incident", missing, conflict))
	huma.Post(a, "/api/v1/incidents/{id}/close", h.closing,
		changes("close-incident", "End an incident, with a verdict", missing, conflict))
	huma.Post(a, "/api/v1/incidents/{id}/feedback", h.judge,
		changes("judge-incident", "Say what an incident was; this moves thresholds", missing, conflict))
	huma.Post(a, "/api/v1/incidents/{id}/comment", h.comment,
		changes("comment-incident", "Leave a note in the timeline of an incident", missing))
	huma.Get(a, "/api/v1/feedback", h.feedback, about("list-feedback", "Verdicts that count, oldest first"))
	huma.Delete(a, "/api/v1/feedback/{id}", h.undo, changes("undo-feedback", "Take a verdict back", missing))
}

// Reason is who decides and why.
type Reason struct {
	By   string `json:"by,omitempty" maxLength:"64" doc:"who; administrator when absent"`
	Note string `json:"note,omitempty" maxLength:"1000" doc:"why, in one line"`
}

// DecidedOutput is an incident as it is after a decision.
type DecidedOutput struct{ Body *incident.Incident }

// AcknowledgeInput acknowledges an incident.
type AcknowledgeInput struct {
	IncidentID

	Body *Reason
}

// CloseInput closes an incident.
type CloseInput struct {
	IncidentID

	Body struct {
		Reason

		Verdict string `json:"verdict" enum:"normal,attack,uncertain,duplicate" doc:"what it was; normal and attack count as feedback"`
		Of      string `json:"of,omitempty" maxLength:"64" doc:"of a duplicate: id of the incident that goes on instead"`
	}
}

// CommentInput leaves a note.
type CommentInput struct {
	IncidentID

	Body struct {
		By   string `json:"by,omitempty" maxLength:"64" doc:"who; administrator when absent"`
		Note string `json:"note" minLength:"1" maxLength:"1000" doc:"the comment, in one line"`
	}
}

// JudgeInput judges an incident.
type JudgeInput struct {
	IncidentID

	Body struct {
		Reason

		Verdict string `json:"verdict" enum:"normal,attack"`
	}
}

func (h *handlers) acknowledge(ctx context.Context, in *AcknowledgeInput) (*DecidedOutput, error) {
	remark := Reason{}
	if in.Body != nil {
		remark = *in.Body
	}
	return h.decide(ctx, in.ID, &remark, &incident.Decision{Action: incident.Acknowledge})
}

func (h *handlers) closing(ctx context.Context, in *CloseInput) (*DecidedOutput, error) {
	return h.decide(ctx, in.ID, &in.Body.Reason,
		&incident.Decision{Action: incident.Close, Verdict: incident.Verdict(in.Body.Verdict), Of: in.Body.Of})
}

func (h *handlers) judge(ctx context.Context, in *JudgeInput) (*DecidedOutput, error) {
	return h.decide(ctx, in.ID, &in.Body.Reason,
		&incident.Decision{Action: incident.Judge, Verdict: incident.Verdict(in.Body.Verdict)})
}

func (h *handlers) comment(ctx context.Context, in *CommentInput) (*DecidedOutput, error) {
	return h.decide(ctx, in.ID, &Reason{By: in.Body.By, Note: in.Body.Note}, &incident.Decision{Action: incident.Comment})
}

func (h *handlers) decide(ctx context.Context, id string, r *Reason, d *incident.Decision) (*DecidedOutput, error) {
	d.By, d.Note = named(ctx, r.By), r.Note
	got, err := h.deps.Desk.Decide(ctx, id, d)
	switch {
	case errors.Is(err, incident.ErrNotFound):
		return nil, huma.Error404NotFound("there is no such incident")
	case errors.Is(err, incident.ErrDecision):
		return nil, huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, incident.ErrState):
		return nil, huma.Error409Conflict(err.Error())
	case err != nil:
		return nil, h.failed(ctx, "save the decision", err)
	}
	return &DecidedOutput{Body: got}, nil
}

// FeedbackOutput lists verdicts.
type FeedbackOutput struct {
	Body struct {
		Feedback []Feedback `json:"feedback" nullable:"false"`
	}
}

func (h *handlers) feedback(ctx context.Context, _ *struct{}) (*FeedbackOutput, error) {
	all, err := h.deps.Desk.Feedback(ctx)
	if err != nil {
		return nil, h.failed(ctx, "list verdicts", err)
	}
	out := &FeedbackOutput{}
	out.Body.Feedback = append([]Feedback{}, all...)
	return out, nil
}

// UndoInput names a verdict.
type UndoInput struct {
	ID string `path:"id" maxLength:"64" doc:"id of the verdict"`
	By string `query:"by" maxLength:"64" doc:"who; administrator when absent"`
}

func (h *handlers) undo(ctx context.Context, in *UndoInput) (*struct{}, error) {
	if err := checkBy(in.By); err != nil {
		return nil, err
	}
	err := h.deps.Desk.Undo(ctx, in.ID, named(ctx, in.By))
	if errors.Is(err, feedback.ErrNotFound) {
		return nil, huma.Error404NotFound("there is no such verdict")
	}
	if err != nil {
		return nil, h.failed(ctx, "take the verdict back", err)
	}
	return nil, nil //nolint:nilnil // 204: there is nothing to say
}
