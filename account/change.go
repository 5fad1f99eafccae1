// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"time"
)

// Store keeps accounts over restarts.
type Store interface {
	// Users returns one account, or all of them by name when name is empty.
	Users(ctx context.Context, name string) ([]User, error)
	// Session returns ErrNotFound when there is none.
	Session(ctx context.Context, h Hash) (*Session, error)
	Tokens(ctx context.Context, f *TokenFilter) ([]Token, error)
	// Apply does all of a change with its line in the audit, or nothing.
	Apply(ctx context.Context, c *Change) error
}

// Line is what a change says in the audit.
type Line struct {
	At                        time.Time
	Who, What, Target, Detail string
}

// Change is what changes at once. Zero fields change nothing.
type Change struct {
	Audit  Line   // none when What is empty
	First  bool   // only as long as there is no user, or else ErrSetUp
	Use    Hash   // a link that is used up by this; ErrLink when there is none, or it is too old
	Put    *User  // added, or changed
	Remove string // name of a user who goes, with everything of theirs
	EndOf  string // name of a user whose sessions end ...
	But    Hash   // ... but this one
	End    Hash   // a session that ends
	Begin  *Session
	Bounds Bounds // of sessions, when one begins
	Seen   *Session
	Token  *Token // added, or used
	Revoke string // id of a token that goes; ErrNotFound when there is none
	Link   *Link  // in place of those for the same user
	Ask    Hash   // a link that must be there, likewise, and stays
	Lost   int    // set by Apply: sessions that gave way
	Asked  string // set by Apply: whose link was asked for
}

// Bounds are of sessions.
type Bounds struct {
	SeenAfter    time.Time // those that were not are over
	CreatedAfter time.Time // likewise
	PerUser, All int       // those that were not used for longest give way
}

// Link works once, instead of a password.
type Link struct {
	Hash    Hash
	User    string // who signs in by it; empty: whoever makes the first account
	Expires time.Time
}
