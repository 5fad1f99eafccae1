// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"time"
)

// SinkState is how a sink does, for people who may see what it answered.
type SinkState struct {
	Name   string
	Failed string    // how often in a row and since when; empty when the last message was taken
	Wait   int       // messages that wait
	Sent   time.Time // when it took the last one; zero: none yet
}

// States lists the sinks by name.
func (d *Dispatcher) States() []SinkState {
	all := d.all()
	out := make([]SinkState, 0, len(all))
	for _, c := range all {
		out = append(out, c.state())
	}
	return out
}

func (c *courier) state() SinkState {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := SinkState{Name: c.name, Wait: c.backlog.Waiting, Sent: c.sent}
	if c.fails > 0 {
		s.Failed = fmt.Sprintf("failed %d times in a row, since %s; the log says why", c.fails, c.since.UTC().Format(time.RFC3339))
	}
	return s
}
