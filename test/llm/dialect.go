// SPDX-License-Identifier: Apache-2.0

package llm

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// dialect is one API.
type dialect interface {
	read(h http.Header, body []byte) (*Request, error)
	write(step *Step) []byte
	fail(w http.ResponseWriter, status int)
}

func dialects() map[string]dialect {
	return map[string]dialect{"/v1/messages": messages{}, "/v1/chat/completions": completions{}}
}

func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // of ours alone
	}
	return text
}

type fields = map[string]any

// strict reports what is wrong with a schema for answers that must follow it.
func strict(schema fields) error {
	if schema["type"] == "object" {
		properties, _ := schema["properties"].(fields)
		needed, _ := schema["required"].([]any)
		if schema["additionalProperties"] != false || len(needed) != len(properties) {
			return errors.New("an object of the schema is open, or a field of it is not required")
		}
		for _, p := range properties {
			if one, ok := p.(fields); ok {
				if err := strict(one); err != nil {
					return err
				}
			}
		}
	}
	for _, bound := range []string{"minimum", "maximum", "minLength", "maxLength", "maxItems", "pattern"} {
		if _, ok := schema[bound]; ok {
			return fmt.Errorf("%s is not supported in schemas", bound)
		}
	}
	if items, ok := schema["items"].(fields); ok {
		return strict(items)
	}
	return nil
}

// messages is Anthropic's Messages API.
type messages struct{}

func (messages) read(h http.Header, body []byte) (*Request, error) {
	var q struct {
		Model     string `json:"model"`
		MaxTokens int    `json:"max_tokens"`
		System    []struct{ Type, Text string }
		Messages  []struct {
			Role    string
			Content []struct {
				Type, Text, ID, Name string
				ToolUseID            string `json:"tool_use_id"`
				Input                json.RawMessage
				Content              []struct{ Type, Text string }
			}
		}
		Tools []struct {
			Name        string
			Description string
			InputSchema fields `json:"input_schema"`
			Strict      bool
		}
		ToolChoice struct{ Type string } `json:"tool_choice"`
		Output     struct {
			Format struct {
				Type   string
				Schema fields
			}
		} `json:"output_config"`
	}
	in := &Request{Dialect: "anthropic", Key: h.Get("X-Api-Key")}
	if err := json.Unmarshal(body, &q); err != nil { //nolint:musttag // fields are matched by name
		return in, err
	}
	switch {
	case h.Get("Authorization") != "":
		return in, errors.New("a second key travels along")
	case h.Get("Anthropic-Version") != "2023-06-01":
		return in, errors.New("anthropic-version is missing")
	case q.Model == "" || q.MaxTokens < 1 || len(q.Messages) == 0:
		return in, errors.New("model, max_tokens and messages are required")
	case q.Output.Format.Type != "json_schema":
		return in, errors.New("the answer is bound to no schema")
	}
	in.Schema = true
	if err := strict(q.Output.Format.Schema); err != nil {
		return in, err
	}
	for _, s := range q.System {
		in.System += s.Text
	}
	for _, t := range q.Tools {
		if err := strict(t.InputSchema); err != nil {
			return in, err
		}
		if q.ToolChoice.Type != "none" {
			in.Tools = append(in.Tools, t.Name)
		}
	}
	open := map[string]bool{}
	for i, m := range q.Messages {
		if want := []string{"user", "assistant"}[i%2]; m.Role != want {
			return in, fmt.Errorf("message %d is of %s", i, m.Role)
		}
		turn := Turn{Who: m.Role}
		for k := range m.Content {
			c := &m.Content[k]
			switch c.Type {
			case "text":
				turn.Text += c.Text
			case "tool_use":
				if len(q.Tools) == 0 {
					return in, errors.New("tools were called and are not defined any more")
				}
				open[c.ID] = true
				turn.Calls = append(turn.Calls, Call{c.Name, string(c.Input)})
			case "tool_result":
				if !open[c.ToolUseID] {
					return in, fmt.Errorf("a result for %q, which was not asked for", c.ToolUseID)
				}
				delete(open, c.ToolUseID)
				turn.Who = "tool"
				for _, t := range c.Content {
					turn.Text += t.Text + "\n"
				}
			default:
				return in, fmt.Errorf("content of type %q", c.Type)
			}
		}
		in.Turns = append(in.Turns, turn)
	}
	if len(open) > 0 {
		return in, errors.New("a tool was called and has no result")
	}
	return in, nil
}

func (messages) write(step *Step) []byte {
	content, stop := []fields{}, "end_turn"
	if step.Say != "" || len(step.Calls) == 0 && !step.Refuse {
		content = append(content, fields{"type": "text", "text": step.Say})
	}
	for i, c := range step.Calls {
		stop = "tool_use"
		content = append(content, fields{"type": "tool_use", "id": fmt.Sprintf("toolu_%d_%s", i, c.Name), "name": c.Name, "input": json.RawMessage(c.Arguments)})
	}
	switch {
	case step.Refuse:
		stop = "refusal"
	case step.Truncate:
		stop = "max_tokens"
	}
	usage := fields{"input_tokens": 1200, "output_tokens": 300, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
	if step.NoUsage {
		usage = fields{"input_tokens": 0, "output_tokens": 0}
	}
	return marshal(fields{
		"id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5", "content": content,
		"stop_reason": stop, "stop_sequence": nil, "usage": usage,
	})
}

func (messages) fail(w http.ResponseWriter, status int) {
	kind := map[int]string{
		400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
		429: "rate_limit_error", 529: "overloaded_error",
	}[status]
	if kind == "" {
		kind = "api_error"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(marshal(fields{"type": "error", "error": fields{"type": kind, "message": "raw words of the service"}, "request_id": "req_01"}))
}

// completions is OpenAI's chat completions.
type completions struct{}

func (completions) read(h http.Header, body []byte) (*Request, error) {
	var q struct {
		Model    string
		Messages []struct {
			Role      string
			Content   *string
			ToolCalls []struct {
				ID, Type string
				Function struct{ Name, Arguments string }
			} `json:"tool_calls"`
			ToolCallID string `json:"tool_call_id"`
		}
		Tools []struct {
			Type     string
			Function struct {
				Name       string
				Parameters fields
			}
		}
		ToolChoice string `json:"tool_choice"`
		Format     struct {
			Type       string
			JSONSchema struct {
				Name   string
				Strict bool
				Schema fields
			} `json:"json_schema"`
		} `json:"response_format"`
	}
	in := &Request{Dialect: "openai", Key: strings.TrimPrefix(h.Get("Authorization"), "Bearer ")}
	if err := json.Unmarshal(body, &q); err != nil { //nolint:musttag // fields are matched by name
		return in, err
	}
	in.Schema = q.Format.Type == "json_schema"
	may := len(q.Tools) > 0 && q.ToolChoice != "none"
	switch {
	case q.Model == "" || len(q.Messages) < 2 || q.Messages[0].Role != "system":
		return in, errors.New("model and messages are required, the system's first")
	case in.Schema == may: // as llama.cpp and vLLM have it
		return in, errors.New("a schema and tools exclude each other, and one of them is needed")
	case in.Schema && (!q.Format.JSONSchema.Strict || q.Format.JSONSchema.Name == ""):
		return in, errors.New("the schema has no name, or is not strict")
	}
	if in.Schema {
		if err := strict(q.Format.JSONSchema.Schema); err != nil {
			return in, err
		}
	}
	for _, t := range q.Tools {
		if err := strict(t.Function.Parameters); err != nil || t.Type != "function" {
			return in, fmt.Errorf("tool %s: %w", t.Function.Name, err)
		}
		if may {
			in.Tools = append(in.Tools, t.Function.Name)
		}
	}
	open := map[string]bool{}
	for k := range q.Messages {
		m := &q.Messages[k]
		turn := Turn{Who: m.Role}
		if m.Content != nil {
			turn.Text = *m.Content
		}
		switch m.Role {
		case "system":
			in.System += turn.Text
			continue
		case "tool":
			if !open[m.ToolCallID] {
				return in, fmt.Errorf("a result for %q, which was not asked for", m.ToolCallID)
			}
			delete(open, m.ToolCallID)
		case "assistant":
			for n := range m.ToolCalls {
				c := &m.ToolCalls[n]
				open[c.ID] = true
				turn.Calls = append(turn.Calls, Call{c.Function.Name, c.Function.Arguments})
			}
		}
		in.Turns = append(in.Turns, turn)
	}
	if len(open) > 0 {
		return in, errors.New("a tool was called and has no result")
	}
	return in, nil
}

func (completions) write(step *Step) []byte {
	message, finish := fields{"role": "assistant", "content": step.Say}, "stop"
	calls := make([]fields, 0, len(step.Calls))
	for i, c := range step.Calls {
		finish = "tool_calls"
		calls = append(calls, fields{
			"id": fmt.Sprintf("call_%d_%s", i, c.Name), "type": "function", "function": fields{"name": c.Name, "arguments": c.Arguments},
		})
	}
	if len(calls) > 0 {
		message["content"], message["tool_calls"] = nil, calls
	}
	switch {
	case step.Refuse:
		message["content"], message["refusal"] = nil, "I cannot help with that."
	case step.Truncate:
		finish = "length"
	}
	out := fields{
		"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "local",
		"choices": []fields{{"index": 0, "message": message, "finish_reason": finish}},
	}
	if !step.NoUsage {
		out["usage"] = fields{"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500}
	}
	return marshal(out)
}

func (completions) fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(marshal(fields{"error": fields{"message": "raw words of the service", "type": "error", "code": status}}))
}
