// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"time"
)

// Errors that are the asker's, or pass.
var (
	// ErrBadCursor is the error of a cursor that no page returned.
	ErrBadCursor = errors.New("the cursor is not one that this API returned")
	// ErrNoRollup is the error of a question that roll-ups cannot answer.
	ErrNoRollup = errors.New("roll-ups answer one dimension at most, with a filter on that dimension alone or on one address; ask with source auto or raw")
	// ErrBusy is the error of a question that waited too long for others.
	ErrBusy = errors.New("too many questions about the history run already; query.at_once bounds them")
	// ErrDamaged tells that an answer is not complete, and why.
	ErrDamaged = errors.New("some of the recorded flows are damaged and were left out")
)

// Selection asks for single flows, newest first.
type Selection struct {
	From, To time.Time
	Filter   *Filter
	Limit    int
	Cursor   string // of the page before
}

// Page is a page of flows.
type Page struct {
	Flows   []Flow `json:"flows" nullable:"false"`
	Next    string `json:"next,omitempty" doc:"cursor of the next page; absent on the last"`
	Partial bool   `json:"partial,omitempty" doc:"some are missing; reason says why"`
	Reason  string `json:"reason,omitempty"`
}
