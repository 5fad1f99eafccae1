// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// HistoryState is what is kept of flows.
type HistoryState struct {
	Oldest   time.Time `json:"oldest,omitzero" doc:"when the oldest flow that is kept was reported; absent when there is none"`
	Newest   time.Time `json:"newest,omitzero"`
	Flows    int64     `json:"flows"`
	Bytes    int64     `json:"bytes_on_disk"`
	Segments int       `json:"segments" doc:"files"`
	Dropped  uint64    `json:"dropped" doc:"flows that this run did not keep, for want of room"`
	Health   string    `json:"health" doc:"why flows are not kept at present; empty when they are"`
}

func (h *handlers) history(a huma.API) {
	huma.Get(a, "/api/v1/history", h.historyState, about("get-history", "What is kept of flows"))
}

// HistoryOutput is what is kept.
type HistoryOutput struct{ Body HistoryState }

func (h *handlers) historyState(ctx context.Context, _ *struct{}) (*HistoryOutput, error) {
	return &HistoryOutput{h.deps.History(ctx)}, nil
}
