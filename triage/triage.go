// SPDX-License-Identifier: Apache-2.0

// Package triage asks a model what to make of an incident. The model is a counsel and
// no judge: it explains, suspects, and makes people look sooner. It creates, hides,
// blocks and resolves nothing, and what goes wrong with it leaves everything as the
// rules have it (package incident, Book.Assess).
//
// What a model gets is an evidence pack: numbers that we computed, bounded, with every
// text that others wrote marked as such. What it may ask beyond is looked up by a few
// bounded tools. What it answers is checked against one schema.
package triage

import (
	"context"
	"encoding/json"
)

// Model is a model behind an API; one sub-package each.
type Model interface {
	// Name is what signs its assessments, such as anthropic:claude-sonnet-5-5.
	Name() string
	// Ask sends the conversation so far and returns what comes next. It tries again by
	// itself where that can help, until ctx ends. Its error is a *FailedError; a reply
	// beside it tells what the failure has used.
	Ask(ctx context.Context, r *Request) (*Reply, error)
}

// Request is a conversation up to the point where the model goes on.
type Request struct {
	System    string
	Turns     []Turn
	Tools     []Tool
	NoTools   bool    // the tools were for earlier turns, and may no longer be called
	Answer    *Schema // what the answer must be
	MaxTokens int64   // of the reply
}

// Turn is one message of a conversation: of ours with a text or results, of the model's
// with its reply.
type Turn struct {
	Text    string
	Results []Result
	Reply   *Reply
}

// Reply is what a model said: a text, or calls of tools.
type Reply struct {
	Text  string
	Calls []Call
	Draft bool // the API could not bind the text to the schema, because tools could be called
	Usage Usage
	Raw   any // what the adapter wants to see again in the next request
}

// Call is what a model wants to know.
type Call struct {
	ID, Name  string
	Arguments json.RawMessage
}

// Result is what a tool found.
type Result struct {
	ID, Text string
	Failed   bool
}

// Usage counts tokens.
type Usage struct{ Input, Output int64 }
