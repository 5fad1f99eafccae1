// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
)

// EffectiveOutput is the configuration in effect.
type EffectiveOutput struct {
	Body struct {
		Text string `json:"text" doc:"YAML; comments tell where values come from, and secrets are left out"`
	}
}

func (h *handlers) effective(a huma.API) {
	huma.Get(a, "/api/v1/config", h.config, about("get-config", "The configuration in effect"))
}

func (h *handlers) config(ctx context.Context, _ *struct{}) (*EffectiveOutput, error) {
	text, err := h.deps.Effective()
	if err != nil {
		return nil, h.failed(ctx, "print the configuration", err)
	}
	out := &EffectiveOutput{}
	out.Body.Text = text
	return out, nil
}
