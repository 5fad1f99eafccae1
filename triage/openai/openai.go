// SPDX-License-Identifier: Apache-2.0

// Package openai asks any server that speaks /v1/chat/completions as OpenAI's does:
// llama.cpp, vLLM, Ollama, and services on the internet.
package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"tidewatch/triage"
)

// Model is one model.
type Model struct {
	url, key, model string
	timeout         time.Duration
	retries         int
	client          *http.Client
}

// New returns a model that is asked with key, if there is one.
func New(cfg *triage.Config, key string, client *http.Client) *Model {
	base := strings.TrimSuffix(strings.TrimSuffix(cfg.BaseURL, "/"), "/v1")
	return &Model{base + "/v1/chat/completions", key, cfg.Model, cfg.Timeout, cfg.Retries, client}
}

// Name implements triage.Model.
func (m *Model) Name() string { return triage.OpenAI + ":" + m.model }

// Ask implements triage.Model.
func (m *Model) Ask(ctx context.Context, r *triage.Request) (*triage.Reply, error) {
	body, err := json.Marshal(m.question(r))
	if err != nil {
		return nil, triage.Fail(triage.Rejected, "it cannot be written")
	}
	for try := 0; ; try++ {
		reply, err := m.once(ctx, body)
		if err == nil {
			// Servers that hold a model to a schema cannot let it call tools meanwhile.
			reply.Draft = len(r.Tools) > 0 && !r.NoTools && len(reply.Calls) == 0
			return reply, nil
		}
		if try == m.retries || !again(err.Reason) {
			return reply, err
		}
		if !wait(ctx, err.Wait, try) {
			return reply, err
		}
	}
}

// again reports whether another try may help at once.
func again(r triage.Reason) bool {
	return r == triage.RateLimited || r == triage.Overloaded || r == triage.Unreachable
}

// wait waits as long as the server asks, else longer with each try; false when that does
// not fit into the time that is left.
func wait(ctx context.Context, asked time.Duration, try int) bool {
	d := asked
	if d == 0 {
		d = 500 * time.Millisecond << min(try, 4)
		d -= time.Duration(rand.Int64N(int64(d) / 4)) //nolint:gosec // so that not all come back at once
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (m *Model) once(ctx context.Context, body []byte) (*triage.Reply, *triage.FailedError) {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, bytes.NewReader(body))
	if err != nil {
		return nil, triage.Fail(triage.Unreachable, "")
	}
	req.Header.Set("Content-Type", "application/json")
	if m.key != "" {
		req.Header.Set("Authorization", "Bearer "+m.key)
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return nil, triage.FromTransport(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, triage.FromStatus(resp.StatusCode, resp.Header)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, triage.FromTransport(ctx, err)
	}
	return read(text)
}
