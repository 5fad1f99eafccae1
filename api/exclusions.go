// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/exclude"
)

// Exclusions is what is known and harmless.
type Exclusions interface {
	// Exclusions returns a page: what people added first, newest first, then what the
	// configuration says. Its error and those of the others are a *RefusedError when
	// they are the caller's.
	Exclusions(ctx context.Context, f *ListFilter) (*ExclusionPage, error)
	// AddExclusion returns the exclusion when it is in effect and on the disk.
	AddExclusion(ctx context.Context, r *exclude.Rule, by string) (*Exclusion, error)
	RemoveExclusion(ctx context.Context, id, by, note string) error
}

// Exclusion is an exclusion as it stands.
type Exclusion struct {
	exclude.Entry

	Over bool `json:"over,omitempty" doc:"it has ended; one that people added is kept for 90 days at least"`
}

// ExclusionPage is a page of exclusions.
type ExclusionPage struct {
	Exclusions []Exclusion `json:"exclusions" nullable:"false"`
	Next       string      `json:"next,omitempty" doc:"cursor of the next page; absent on the last"`
}

func (h *handlers) exclusions(a huma.API) {
	const missing, conflict = http.StatusNotFound, http.StatusConflict
	huma.Get(a, "/api/v1/exclusions", h.listExclusions, about("list-exclusions", "What is known and harmless", http.StatusUnprocessableEntity))
	huma.Post(a, "/api/v1/exclusions", h.addExclusion, changes("add-exclusion", "Exclude what is known and harmless", conflict), func(o *huma.Operation) {
		o.DefaultStatus = http.StatusCreated
	})
	huma.Delete(a, "/api/v1/exclusions/{id}", h.removeExclusion,
		changes("remove-exclusion", "Take an exclusion back that people added", missing, conflict))
}

// ExclusionsInput selects exclusions.
type ExclusionsInput struct {
	Origin string `query:"origin" enum:"configuration,people" doc:"where it was written down"`
	PageInput
}

// ExclusionsOutput is a page of exclusions.
type ExclusionsOutput struct{ Body *ExclusionPage }

func (h *handlers) listExclusions(ctx context.Context, in *ExclusionsInput) (*ExclusionsOutput, error) {
	got, err := h.deps.Exclusions.Exclusions(ctx, in.from(in.Origin))
	return &ExclusionsOutput{got}, h.refusal(ctx, "list exclusions", err)
}

// AddExclusionInput is an exclusion that somebody adds.
type AddExclusionInput struct {
	Body struct {
		exclude.Rule

		By string `json:"by,omitempty" maxLength:"64" doc:"who; administrator when absent"`
	}
}

// AddExclusionOutput is the exclusion that was added.
type AddExclusionOutput struct {
	Location string `header:"Location"`
	Body     *Exclusion
}

func (h *handlers) addExclusion(ctx context.Context, in *AddExclusionInput) (*AddExclusionOutput, error) {
	got, err := h.deps.Exclusions.AddExclusion(ctx, &in.Body.Rule, named(ctx, in.Body.By))
	if err != nil {
		return nil, h.refusal(ctx, "save the exclusion", err)
	}
	return &AddExclusionOutput{Location: "/api/v1/exclusions/" + got.ID, Body: got}, nil
}

// RemoveExclusionInput names an exclusion.
type RemoveExclusionInput struct {
	ID string `path:"id" maxLength:"64" doc:"id of the exclusion"`
	Removal
}

func (h *handlers) removeExclusion(ctx context.Context, in *RemoveExclusionInput) (*struct{}, error) {
	return nil, h.refusal(ctx, "take the exclusion back", h.deps.Exclusions.RemoveExclusion(ctx, in.ID, named(ctx, in.By), in.Note))
}
