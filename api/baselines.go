// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/incident"
)

// Baselines is what was learned, while it is in use.
type Baselines interface {
	Baselines(ctx context.Context) (*BaselineList, error)
	// The others save what they did. Their error is a *RefusedError when it is the
	// caller's.
	ApproveVersion(ctx context.Context, id, by string) error
	ApproveDevice(ctx context.Context, device string, since time.Time, by string) (*Approval, error)
	Freeze(ctx context.Context, on bool, by string) error
	Rollback(ctx context.Context, id, by string) (*BaselineVersion, error)
}

// RefusedError is an error of the caller, told in its words.
type RefusedError struct {
	Status int // HTTP status
	Detail string
}

// Error says what is wrong.
func (e *RefusedError) Error() string { return e.Detail }

// BaselineList says which versions there are.
type BaselineList struct {
	Current  string            `json:"current" doc:"version that learning went on from; empty before the first"`
	Frozen   bool              `json:"frozen" doc:"learning is stopped"`
	Devices  int               `json:"devices" doc:"with a learned past"`
	Versions []BaselineVersion `json:"versions" nullable:"false" doc:"oldest first"`
}

// BaselineVersion is one saved state of what was learned.
type BaselineVersion struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Devices int       `json:"devices"`
	Bytes   int64     `json:"bytes"`
	State   string    `json:"state" enum:"candidate,approved"`
	Note    string    `json:"note,omitempty"`
}

// Approval is what approving did.
type Approval struct {
	Hours   int    `json:"hours,omitempty" doc:"hours of the device that are trusted now and were not"`
	Version string `json:"version" doc:"approved, or made by approving a device"`
}

func (h *handlers) baselines(a huma.API) {
	huma.Get(a, "/api/v1/baselines", h.listBaselines, about("list-baselines", "Versions of what was learned"), conditional)
	huma.Post(a, "/api/v1/baselines/approve", h.approve,
		changes("approve-baseline", "Keep a version, or accept what a device does since a moment", 404, 409))
	huma.Post(a, "/api/v1/baselines/freeze", h.freeze, changes("freeze-baselines", "Stop learning, or let it go on"))
	huma.Post(a, "/api/v1/baselines/rollback", h.rollback, changes("rollback-baselines", "Judge by an old version from now on", 404))
}

// BaselinesOutput lists versions.
type BaselinesOutput struct {
	ETag string `header:"ETag"`
	Body *BaselineList
}

func (h *handlers) listBaselines(ctx context.Context, in *Conditional) (*BaselinesOutput, error) {
	l, err := h.deps.Baselines.Baselines(ctx)
	if err != nil {
		return nil, h.failed(ctx, "list baselines", err)
	}
	if l.Versions == nil {
		l.Versions = []BaselineVersion{}
	}
	out := &BaselinesOutput{Body: l}
	out.ETag, err = in.tag(l)
	return out, err
}

// ApproveInput approves a version or a device.
type ApproveInput struct {
	Body struct {
		Version string    `json:"version,omitempty" maxLength:"64" doc:"to keep for good; or else device and since"`
		Device  string    `json:"device,omitempty" maxLength:"255" doc:"address or name of the device whose new normal it is; a network, or site"`
		Since   time.Time `json:"since,omitzero" doc:"from when on"`
		By      string    `json:"by,omitempty" maxLength:"64" doc:"who; administrator when absent"`
	}
}

// ApproveOutput tells what was approved.
type ApproveOutput struct{ Body *Approval }

func (h *handlers) approve(ctx context.Context, in *ApproveInput) (*ApproveOutput, error) {
	b := &in.Body
	if err := errors.Join(incident.CheckName(b.By), incident.CheckText("the device", b.Device)); err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	device := b.Device != "" && !b.Since.IsZero()
	if device == (b.Version != "") || !device && (b.Device != "" || !b.Since.IsZero()) {
		return nil, huma.Error422UnprocessableEntity("say either a version, or a device and since when")
	}
	if device {
		got, err := h.deps.Baselines.ApproveDevice(ctx, b.Device, b.Since, named(ctx, b.By))
		return &ApproveOutput{got}, h.refusal(ctx, "approve it", err)
	}
	err := h.deps.Baselines.ApproveVersion(ctx, b.Version, named(ctx, b.By))
	return &ApproveOutput{&Approval{Version: b.Version}}, h.refusal(ctx, "approve it", err)
}

// FreezeInput stops learning or lets it go on.
type FreezeInput struct {
	Body struct {
		Frozen bool   `json:"frozen"`
		By     string `json:"by,omitempty" maxLength:"64" doc:"who; administrator when absent"`
	}
}

func (h *handlers) freeze(ctx context.Context, in *FreezeInput) (*struct{}, error) {
	if err := checkBy(in.Body.By); err != nil {
		return nil, err
	}
	err := h.deps.Baselines.Freeze(ctx, in.Body.Frozen, named(ctx, in.Body.By))
	return nil, h.refusal(ctx, "save it", err)
}

// RollbackInput names a version.
type RollbackInput struct {
	Body struct {
		Version string `json:"version" minLength:"1" maxLength:"64"`
		By      string `json:"by,omitempty" maxLength:"64" doc:"who; administrator when absent"`
	}
}

// RollbackOutput is the version that is in use now.
type RollbackOutput struct{ Body *BaselineVersion }

func (h *handlers) rollback(ctx context.Context, in *RollbackInput) (*RollbackOutput, error) {
	if err := checkBy(in.Body.By); err != nil {
		return nil, err
	}
	v, err := h.deps.Baselines.Rollback(ctx, in.Body.Version, named(ctx, in.Body.By))
	return &RollbackOutput{v}, h.refusal(ctx, "roll back", err)
}

// refusal turns an error into an answer; nil stays nil.
func (h *handlers) refusal(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if r, ok := errors.AsType[*RefusedError](err); ok {
		e := huma.NewError(r.Status, r.Detail)
		if r.Status == http.StatusServiceUnavailable {
			return huma.ErrorWithHeaders(e, http.Header{"Retry-After": {"5"}})
		}
		return e
	}
	return h.failed(ctx, what, err)
}
