// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/json"

	"tidewatch/triage"
)

// What follows is the part of the API that is spoken; servers leave out and add fields.

type question struct {
	Model          string         `json:"model"`
	Messages       []message      `json:"messages"`
	Tools          []tool         `json:"tools,omitempty"`
	ToolChoice     string         `json:"tool_choice,omitempty"`
	ResponseFormat map[string]any `json:"response_format,omitempty"`
	MaxTokens      int64          `json:"max_tokens"`
	Temperature    float64        `json:"temperature"`
	Stream         bool           `json:"stream"`
}

type message struct {
	Role       string  `json:"role"`
	Content    *string `json:"content"`
	Refusal    string  `json:"refusal,omitempty"`
	ToolCalls  []call  `json:"tool_calls,omitempty"`
	ToolCallID string  `json:"tool_call_id,omitempty"`
}

type tool struct {
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Strict      bool           `json:"strict"`
	Parameters  map[string]any `json:"parameters"`
}

type call struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type answer struct {
	Choices []struct {
		FinishReason string  `json:"finish_reason"`
		Message      message `json:"message"`
	} `json:"choices"`
	Usage struct {
		Input  int64 `json:"prompt_tokens"`
		Output int64 `json:"completion_tokens"`
	} `json:"usage"`
}

func (m *Model) question(r *triage.Request) *question {
	q := &question{Model: m.model, MaxTokens: r.MaxTokens, Messages: []message{{Role: "system", Content: &r.System}}}
	for i := range r.Turns {
		q.Messages = append(q.Messages, messages(&r.Turns[i])...)
	}
	for i := range r.Tools {
		t := &r.Tools[i]
		q.Tools = append(q.Tools, tool{"function", function{t.Name, t.Doc, true, t.Arguments.Wire()}})
	}
	if len(q.Tools) > 0 && !r.NoTools {
		return q
	}
	if len(q.Tools) > 0 {
		q.ToolChoice = "none"
	}
	q.ResponseFormat = map[string]any{
		"type":        "json_schema",
		"json_schema": map[string]any{"name": "assessment", "strict": true, "schema": r.Answer.Wire()},
	}
	return q
}

func messages(t *triage.Turn) []message {
	if t.Reply != nil {
		if raw, ok := t.Reply.Raw.(message); ok {
			return []message{raw}
		}
		return []message{{Role: "assistant", Content: &t.Reply.Text}}
	}
	if len(t.Results) == 0 {
		return []message{{Role: "user", Content: &t.Text}}
	}
	out := make([]message, 0, len(t.Results))
	for i := range t.Results {
		r := &t.Results[i]
		text := r.Text
		if r.Failed {
			text = "error: " + text
		}
		out = append(out, message{Role: "tool", Content: &text, ToolCallID: r.ID})
	}
	return out
}

// read takes a reply out of an answer.
func read(text []byte) (*triage.Reply, *triage.FailedError) {
	var a answer
	if err := json.Unmarshal(text, &a); err != nil || len(a.Choices) == 0 {
		return nil, triage.Fail(triage.Malformed, "")
	}
	said := &a.Choices[0].Message
	reply := &triage.Reply{Usage: triage.Usage{Input: a.Usage.Input, Output: a.Usage.Output}}
	if said.Content != nil {
		reply.Text = *said.Content
	}
	for i := range said.ToolCalls {
		c := &said.ToolCalls[i]
		reply.Calls = append(reply.Calls, triage.Call{ID: c.ID, Name: c.Function.Name, Arguments: json.RawMessage(c.Function.Arguments)})
	}
	said.Role = "assistant"
	reply.Raw = *said
	switch finish := a.Choices[0].FinishReason; {
	case said.Refusal != "" || finish == "content_filter":
		return reply, triage.Fail(triage.Refused, "")
	case finish == "length":
		return reply, triage.Fail(triage.Truncated, "")
	}
	return reply, nil
}
