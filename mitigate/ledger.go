// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"tidewatch/decision"
)

// Entry is a line of the ledger: a decision as it is after one change.
type Entry struct {
	Seq      int64             `json:"seq" doc:"place in the ledger"`
	At       time.Time         `json:"at" doc:"by the clock"`
	Text     string            `json:"text" doc:"what happened, in a sentence"`
	By       string            `json:"by,omitempty" doc:"the person who did it; empty: the program"`
	Decision decision.Decision `json:"decision"`
}

// Ledger keeps every change of every decision. It is only ever added to.
type Ledger interface {
	// Append writes changes, all or none; they are on the disk when it returns nil. It
	// numbers them in their order.
	Append(ctx context.Context, changes []Entry) error
	// Unfinished returns the decisions that are not over, oldest first.
	Unfinished(ctx context.Context) ([]decision.Decision, error)
	// Halt keeps that somebody pressed the panic button, or that somebody released it;
	// nil releases it, too, by nobody. Halted returns it, nil when nothing is halted.
	Halt(ctx context.Context, h *Halt) error
	Halted(ctx context.Context) (*Halt, error)
}

// Halt says that nothing is to be done by itself until somebody resumes.
type Halt struct {
	At       time.Time `json:"at"`
	By       string    `json:"by,omitempty"`
	Note     string    `json:"note,omitempty"`
	Released bool      `json:"-"` // somebody resumes: the halt is over
}

// ErrNotFound says that there is no decision of that id.
var ErrNotFound = errors.New("no such decision")

// ErrState says that a decision allows something no more, or not yet.
var ErrState = errors.New("not possible in this state")

// ErrLedger says that what was ordered could not be written down. Nothing was brought in
// force or renewed then; what was to be taken back is being taken back all the same.
var ErrLedger = errors.New("the ledger cannot be written")

// ErrBadCursor says that a cursor is not one that a list returned.
var ErrBadCursor = errors.New("the cursor is not one that a list returned")

// ListFilter selects decisions. Zero values select all.
type ListFilter struct {
	States   []decision.State
	Incident string
	Target   string // address or prefix, exactly
	Limit    int    // 1 to 1000; 0 = 100
	Cursor   string // Next of the page before
}

// PageSize is the limit within its bounds.
func (f *ListFilter) PageSize() int {
	if f.Limit == 0 {
		return 100
	}
	return min(max(f.Limit, 1), 1000)
}

// Page is one part of a list, latest created first.
type Page struct {
	Decisions []decision.Decision
	Next      string // cursor of the next page; empty on the last
}

// Reader reads what was decided.
type Reader interface {
	// Decisions lists them; the error wraps ErrBadCursor when the cursor is none.
	Decisions(ctx context.Context, f *ListFilter) (Page, error)
	// Decision returns one with all lines about it, oldest first; ErrNotFound when
	// there is none.
	Decision(ctx context.Context, id string) (*decision.Decision, []Entry, error)
}

// CursorOf returns the cursor that goes on after a decision.
func CursorOf(d *decision.Decision) string {
	return base64.RawURLEncoding.EncodeToString([]byte(d.Created.UTC().Format(time.RFC3339Nano) + " " + d.ID))
}

// ParseCursor reads a cursor.
func ParseCursor(s string) (created time.Time, id string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return created, "", ErrBadCursor
	}
	at, id, found := strings.Cut(string(raw), " ")
	created, err = time.Parse(time.RFC3339Nano, at)
	if err != nil || !found || id == "" {
		return created, "", ErrBadCursor
	}
	return created, id, nil
}
