// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Sinks are who hears of incidents, and the hooks of mitigation.
type Sinks interface {
	Sinks(ctx context.Context) ([]Sink, error)
	// Test brings a test message to one, and writes down who did. An error is a
	// *RefusedError when it is the caller's; that the sink did not take it is none.
	Test(ctx context.Context, name, by string) (*SinkTest, error)
}

// Sink is one that is configured, and how it does.
type Sink struct {
	Name     string    `json:"name"`
	Kind     string    `json:"kind" doc:"slack, pagerduty, email, syslog, webhook, file; hook of mitigation"`
	Health   string    `json:"health" doc:"what is wrong; empty when nothing is"`
	Pending  int       `json:"pending" doc:"messages that wait for it"`
	LastSent time.Time `json:"last_sent,omitzero" doc:"when it took the last one, since the program started"`
}

// SinkTest is how a test went.
type SinkTest struct {
	OK     bool   `json:"ok" doc:"it took the message"`
	Detail string `json:"detail"`
}

func (h *handlers) sinks(a huma.API) {
	huma.Get(a, "/api/v1/sinks", h.listSinks, about("list-sinks", "Who hears of incidents"))
	huma.Post(a, "/api/v1/sinks/{name}/test", h.testSink, changes("test-sink", "Send a test message", http.StatusNotFound))
}

// SinksOutput lists sinks.
type SinksOutput struct {
	Body struct {
		Sinks []Sink `json:"sinks" nullable:"false"`
	}
}

func (h *handlers) listSinks(ctx context.Context, _ *struct{}) (*SinksOutput, error) {
	got, err := h.deps.Sinks.Sinks(ctx)
	if err != nil {
		return nil, h.refusal(ctx, "list sinks", err)
	}
	out := &SinksOutput{}
	out.Body.Sinks = append([]Sink{}, got...)
	return out, nil
}

// SinkInput names a sink.
type SinkInput struct {
	Name string `path:"name" maxLength:"64" doc:"of the configuration"`
	By   string `query:"by" maxLength:"64" doc:"who, with the administrator's token"`
}

// SinkTestOutput tells how a test went.
type SinkTestOutput struct{ Body *SinkTest }

func (h *handlers) testSink(ctx context.Context, in *SinkInput) (*SinkTestOutput, error) {
	if err := checkBy(in.By); err != nil {
		return nil, err
	}
	got, err := h.deps.Sinks.Test(ctx, in.Name, named(ctx, in.By))
	return &SinkTestOutput{got}, h.refusal(ctx, "send the test", err)
}
