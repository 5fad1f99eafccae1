// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"errors"
	"time"
)

// Permanent marks an error that trying again cannot mend: a wrong key, something that
// the other side refuses.
func Permanent(err error) error { return &permanent{err} }

type permanent struct{ error }

func (p *permanent) Unwrap() error { return p.error }

// IsPermanent reports whether trying again cannot help.
func IsPermanent(err error) bool {
	var p *permanent
	return errors.As(err, &p)
}

// After marks an error of somebody who said when to try again.
func After(err error, wait time.Duration) error { return &after{err, wait} }

type after struct {
	error

	wait time.Duration
}

func (a *after) Unwrap() error { return a.error }

// RetryAfter is how long the other side asked to wait, 0 when it did not say.
func RetryAfter(err error) time.Duration {
	if a, ok := errors.AsType[*after](err); ok {
		return max(0, a.wait)
	}
	return 0
}
