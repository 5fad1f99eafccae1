// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"time"

	"tidewatch/outbound"
)

// Permanent marks an error that trying again cannot mend: a wrong key, a message that
// the other side refuses. The message is dropped and counted.
func Permanent(err error) error { return outbound.Permanent(err) }

// IsPermanent reports whether trying again cannot help.
func IsPermanent(err error) bool { return outbound.IsPermanent(err) }

// After marks an error of a sink that said when to try again.
func After(err error, wait time.Duration) error { return outbound.After(err, wait) }

// RetryAfter is how long the sink asked to wait, 0 when it did not say.
func RetryAfter(err error) time.Duration { return outbound.RetryAfter(err) }
