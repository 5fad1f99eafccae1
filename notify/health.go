// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tidewatch/telemetry"
)

// troubled is how long a sink fails before the health page tells.
const troubled = 5 * time.Minute

// Health tells which sinks have failed for long, without what they answered: the page
// is open to all.
func (d *Dispatcher) Health(context.Context) error {
	var out []error
	for _, c := range d.all() {
		c.mu.Lock()
		if c.fails > 0 && time.Since(c.since) >= troubled {
			out = append(out, fmt.Errorf("sink %s has failed for %v, %d messages wait", c.name, time.Since(c.since).Round(time.Minute), c.backlog.Waiting))
		}
		c.mu.Unlock()
	}
	if len(out) == 0 {
		return nil
	}
	return telemetry.Degraded(errors.Join(out...))
}
