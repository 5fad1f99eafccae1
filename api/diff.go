// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/baseline"
)

// Differ compares versions of what was learned.
type Differ interface {
	// Diff lists what is usual by one version and not by another, largest change first; to
	// is "" for what is in use, and device for all. Its error is a *RefusedError when it is
	// the caller's.
	Diff(ctx context.Context, from, to, device string) ([]baseline.Change, error)
}

func (h *handlers) diffs(a huma.API) {
	huma.Get(a, "/api/v1/baselines/diff", h.diff, about("diff-baselines", "What is usual by one version and not by another",
		http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable))
}

// DiffInput names two versions.
type DiffInput struct {
	From   string `query:"from" required:"true" minLength:"1" maxLength:"64" doc:"version"`
	To     string `query:"to" maxLength:"64" doc:"version; absent: what is in use"`
	Device string `query:"device" maxLength:"255" doc:"address or name of one device; a network, or site; absent: all, which takes seconds"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

// DiffOutput lists changes.
type DiffOutput struct {
	Body struct {
		From    string            `json:"from"`
		To      string            `json:"to" doc:"empty: what is in use"`
		Changes []baseline.Change `json:"changes" nullable:"false" doc:"largest first"`
		More    int               `json:"more" doc:"changes beyond the limit"`
	}
}

func (h *handlers) diff(ctx context.Context, in *DiffInput) (*DiffOutput, error) {
	got, err := h.deps.Differ.Diff(ctx, in.From, in.To, in.Device)
	if err != nil {
		return nil, h.refusal(ctx, "compare baselines", err)
	}
	out := &DiffOutput{}
	n := min(in.Limit, len(got))
	out.Body.From, out.Body.To, out.Body.More = in.From, in.To, len(got)-n
	out.Body.Changes = append([]baseline.Change{}, got[:n]...)
	return out, nil
}
