// SPDX-License-Identifier: Apache-2.0

package account

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors of the caller; what they say may be shown.
var (
	ErrNotFound  = errors.New("there is no such account")
	ErrExists    = errors.New("an account of that name exists")
	ErrLastAdmin = errors.New("the last administrator stays one: make somebody else one first")
	ErrFull      = errors.New("there is room for no more; remove some")
	ErrInvalid   = errors.New("cannot be taken")
	ErrForbidden = errors.New("that reaches further than you may")
)

// Administrator is who holds the token of the data directory; no account has that name.
const Administrator = "administrator"

const maxName = 64

// User is somebody who may sign in.
type User struct {
	Name     string
	Role     Role
	Password string // as Hasher keeps it
	Created  time.Time
	Seen     time.Time // zero: never
	Disabled bool
}

// CheckName reports, wrapping ErrInvalid, whether an account cannot have a name. Names
// are in lower case, so that no two look alike.
func CheckName(name string) error {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("._@-", r)
	}
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("the name %w: 1 to %d of a-z, 0-9, and . _ @ -", ErrInvalid, maxName)
	}
	if strings.Trim(name, ".") == "" { // in a path that is no name
		return fmt.Errorf("the name %w: it needs a letter or a digit", ErrInvalid)
	}
	if name == Administrator {
		return fmt.Errorf("the name %w: it stands for the token of the data directory", ErrInvalid)
	}
	return nil
}

// CheckRole reports, wrapping ErrInvalid, whether a role is none.
func CheckRole(r Role) error {
	if r.Level() == Nothing {
		return fmt.Errorf("the role %w: viewer, operator or admin", ErrInvalid)
	}
	return nil
}

// lastAdmin reports whether nobody but name administers.
func lastAdmin(all []User, name string) bool {
	return !slices.ContainsFunc(all, func(u User) bool { return u.Name != name && u.Role == Admin && !u.Disabled })
}
