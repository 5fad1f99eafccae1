// SPDX-License-Identifier: Apache-2.0

// Package anthropic asks models of Anthropic through their Messages API.
package anthropic

import (
	"context"
	"errors"
	"net/http"
	"strings"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"tidewatch/triage"
)

// Model is one model.
type Model struct {
	client sdk.Client
	model  string
}

// New returns a model that is asked with key. It takes nothing from the environment.
func New(cfg *triage.Config, key string, client *http.Client) *Model {
	options := []option.RequestOption{
		option.WithoutEnvironmentDefaults(), option.WithAPIKey(key), option.WithHTTPClient(client),
		option.WithMaxRetries(cfg.Retries), option.WithRequestTimeout(cfg.Timeout),
	}
	if cfg.BaseURL != "" {
		options = append(options, option.WithBaseURL(strings.TrimSuffix(cfg.BaseURL, "/")+"/"))
	}
	return &Model{sdk.NewClient(options...), cfg.Model}
}

// Name implements triage.Model.
func (m *Model) Name() string { return triage.Anthropic + ":" + m.model }

// Ask implements triage.Model. The SDK tries again by itself.
func (m *Model) Ask(ctx context.Context, r *triage.Request) (*triage.Reply, error) {
	var resp *http.Response
	message, err := m.client.Messages.New(ctx, m.params(r), option.WithResponseInto(&resp))
	switch {
	case err != nil:
		return nil, failure(ctx, err)
	case resp != nil && resp.StatusCode != http.StatusOK: // the SDK takes a redirect for an answer
		return nil, triage.FromStatus(resp.StatusCode, resp.Header)
	}
	u := &message.Usage
	reply := &triage.Reply{
		Raw: message.ToParam(),
		Usage: triage.Usage{
			Input: u.InputTokens + u.CacheCreationInputTokens + u.CacheReadInputTokens, Output: u.OutputTokens,
		},
	}
	for i := range message.Content {
		switch block := &message.Content[i]; block.Type {
		case "text":
			reply.Text += block.Text
		case "tool_use":
			reply.Calls = append(reply.Calls, triage.Call{ID: block.ID, Name: block.Name, Arguments: block.Input})
		}
	}
	switch message.StopReason {
	case sdk.StopReasonRefusal:
		return reply, triage.Fail(triage.Refused, "")
	case sdk.StopReasonMaxTokens, sdk.StopReasonModelContextWindowExceeded:
		return reply, triage.Fail(triage.Truncated, "")
	case sdk.StopReasonEndTurn, sdk.StopReasonToolUse, sdk.StopReasonStopSequence:
		return reply, nil
	default:
		return reply, triage.Fail(triage.Malformed, "it stopped for a reason that we do not know")
	}
}

func (m *Model) params(r *triage.Request) sdk.MessageNewParams {
	p := sdk.MessageNewParams{
		Model: m.model, MaxTokens: r.MaxTokens, System: []sdk.TextBlockParam{{Text: r.System}},
		OutputConfig: sdk.OutputConfigParam{Format: sdk.JSONOutputFormatParam{Schema: r.Answer.Wire()}},
	}
	for i := range r.Tools {
		t := &r.Tools[i]
		wire := t.Arguments.Wire()
		p.Tools = append(p.Tools, sdk.ToolUnionParam{OfTool: &sdk.ToolParam{
			Name: t.Name, Description: sdk.String(t.Doc), Strict: sdk.Bool(true),
			InputSchema: sdk.ToolInputSchemaParam{
				Properties: wire["properties"], Required: required(t.Arguments), ExtraFields: map[string]any{"additionalProperties": false},
			},
		}})
	}
	if len(p.Tools) > 0 && r.NoTools {
		p.ToolChoice = sdk.ToolChoiceUnionParam{OfNone: &sdk.ToolChoiceNoneParam{}}
	}
	for i := range r.Turns {
		p.Messages = append(p.Messages, message(&r.Turns[i]))
	}
	return p
}

func required(s *triage.Schema) (names []string) {
	for i := range s.Fields {
		names = append(names, s.Fields[i].Name)
	}
	return names
}

func message(t *triage.Turn) sdk.MessageParam {
	if t.Reply != nil {
		if raw, ok := t.Reply.Raw.(sdk.MessageParam); ok {
			return raw
		}
		return sdk.NewAssistantMessage(sdk.NewTextBlock(t.Reply.Text))
	}
	if len(t.Results) == 0 {
		return sdk.NewUserMessage(sdk.NewTextBlock(t.Text))
	}
	blocks := make([]sdk.ContentBlockParamUnion, 0, len(t.Results))
	for i := range t.Results {
		blocks = append(blocks, sdk.NewToolResultBlock(t.Results[i].ID, t.Results[i].Text, t.Results[i].Failed))
	}
	return sdk.NewUserMessage(blocks...)
}

// failure takes what the service wrote, and the key in what we wrote, out of an error.
func failure(ctx context.Context, err error) *triage.FailedError {
	if answered, ok := errors.AsType[*sdk.Error](err); ok {
		var h http.Header
		if answered.Response != nil {
			h = answered.Response.Header
		}
		return triage.FromStatus(answered.StatusCode, h)
	}
	// The SDK has no type for it.
	if strings.HasPrefix(err.Error(), "error parsing response json") {
		return triage.Fail(triage.Malformed, "")
	}
	return triage.FromTransport(ctx, err)
}
