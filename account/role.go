// SPDX-License-Identifier: Apache-2.0

package account

// Level is how much somebody may do. Each includes those before it.
type Level int

// The levels.
const (
	Nothing    Level = iota
	Read             // look at everything but secrets and accounts
	Decide           // about incidents, rules, events, exclusions and what was learned
	Administer       // also accounts, tokens and the configuration
)

// Role is what a user is.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"
	Operator Role = "operator"
	Admin    Role = "admin"
)

// Level is what a role may do; one that is not known may do nothing.
func (r Role) Level() Level {
	switch r {
	case Viewer:
		return Read
	case Operator:
		return Decide
	case Admin:
		return Administer
	}
	return Nothing
}

// Scope is what a token may be used for. It never reaches further than the role of
// the token's owner does at that moment.
type Scope string

// The scopes.
const (
	ScopeRead  Scope = "read"
	ScopeWrite Scope = "write"
	ScopeAdmin Scope = "admin"
)

// Level is what a scope allows; one that is not known allows nothing.
func (s Scope) Level() Level {
	switch s {
	case ScopeRead:
		return Read
	case ScopeWrite:
		return Decide
	case ScopeAdmin:
		return Administer
	}
	return Nothing
}
