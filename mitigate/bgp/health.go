// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tidewatch/telemetry"
)

// troubled is how long a session is down before the health page tells: longer than a
// router takes to come back after a flap.
const troubled = time.Minute

// Health tells which routers have not been heard for long, without what they said: the
// page is open to all.
func (s *Speaker) Health(context.Context) error {
	var out []error
	all := s.Sessions()
	for i := range all {
		p := &all[i]
		if down := time.Since(p.Since); p.State != established && !p.Since.IsZero() && down >= troubled {
			out = append(out, fmt.Errorf("the session with %s has been down for %v", p.Peer, down.Round(time.Minute)))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return telemetry.Degraded(errors.Join(out...))
}
