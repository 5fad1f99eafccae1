// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"time"

	"tidewatch/incident"
)

// Planner decides what an outbox takes. The store calls it in the transaction that
// saves an incident, so that the incident, what is remembered of it and the messages
// about it are on the disk together or not at all.
type Planner interface {
	Plan(t incident.EventType, inc *incident.Incident, h *Heard, now time.Time) []Note
	// MaxQueue is how many messages may wait for one sink.
	MaxQueue() int
	// Queued is called when messages are on the disk. lost counts the updates that gave
	// way in full queues, by sink, and folded the messages for which a digest stands now.
	Queued(lost, folded map[string]int)
}

// Excess says what is done with a queue of n messages, updates of them of the status
// Update, of which most may wait: so many of the oldest updates are lost, and so many of
// the oldest messages are then folded into one digest, half of the queue at once so that
// this is rare.
func Excess(n, updates, most int) (lose, fold int) {
	over := n - most
	if over <= 0 {
		return 0, 0
	}
	if over <= updates {
		return over, 0
	}
	return updates, over - updates + most/2
}

// Outbox is what waits for the sinks, on the disk. One goroutine a sink reads it.
type Outbox interface {
	// Next returns the first message for a sink behind a place in its queue, and what
	// waits in all. A message is passed over as long as an older one about the same
	// incident waits. nil: there is none.
	Next(ctx context.Context, sink string, after int64) (*Queued, Backlog, error)
	// Done takes a message out of the queue. receipt is what the sink wants to remember
	// of it; nil: it was not delivered, and nothing is.
	Done(ctx context.Context, q *Queued, receipt *Receipt) error
	// Fold puts one digest in the place of all that waits for a sink, and returns how
	// many messages it replaced.
	Fold(ctx context.Context, sink string, now time.Time) (int, error)
	// Review plans for the incidents whose time has come. It does a bounded amount of
	// work and reports whether there is more.
	Review(ctx context.Context, now time.Time) (more bool, err error)
}

// Queued is a message that waits.
type Queued struct {
	Seq     int64 // place in the queue of its sink
	Sink    string
	At      time.Time // by the clock: since when it waits
	Message Message   // with the incident as it is now
	Gone    bool      // the incident was forgotten, and nothing is left to tell
	Before  Receipt   // of the last message about this incident
}

// Backlog is what waits for a sink.
type Backlog struct {
	Waiting int
	Oldest  time.Time // by the clock; zero when nothing waits
}
