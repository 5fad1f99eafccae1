// SPDX-License-Identifier: Apache-2.0

package mitigate

import "strings"

// RefusedError says that guard rails forbid what a person asks for. Nothing was done.
type RefusedError struct {
	Sentences []string // one for each rail, for people
}

// Error says all of them in one line.
func (e *RefusedError) Error() string {
	return "the guard rails forbid it: " + strings.Join(e.Sentences, "; ")
}
