// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"time"
)

const (
	firstPause = time.Second
	maxPause   = 5 * time.Minute
	maxAsked   = time.Hour        // of a wait that the other side asks for
	tellEvery  = 30 * time.Minute // that a sink still fails
)

// spread is how long to wait after so many failures: twice as long after each, half of
// it by chance, so that many senders do not come at once.
func (c *courier) spread(fails int) time.Duration {
	pause := maxPause
	if fails < 10 { // beyond it is longer, and would overflow some day
		pause = min(maxPause, firstPause<<(fails-1))
	}
	return pause/2 + time.Duration(c.d.deps.Jitter()*float64(pause/2))
}

// failed counts a failure, tells it at times, and returns how long the sink is left in
// peace: no shorter than it asks for. A message that fails while others do not has a
// pause of its own. reason is empty when the message was refused,
// which says nothing against the next one.
func (c *courier) failed(q *Queued, err error, reason string) time.Duration {
	if reason == "" {
		if n, ok := c.refused.Allow(); ok {
			c.d.deps.Logger.Error("a sink refused a message; it is lost", "sink", c.name, "about", q.Message.Key, "error", err, "suppressed", n)
		}
		return 0
	}
	c.d.metrics.failed.WithLabelValues(c.name, reason).Inc()
	now := time.Now()
	c.mu.Lock()
	if c.fails++; c.fails == 1 {
		c.since = now
	}
	fails, waiting := c.fails, c.backlog.Waiting
	c.mu.Unlock()
	pause := max(c.spread(fails), min(RetryAfter(err), maxAsked))
	if fails == 1 || now.Sub(c.toldAt) >= tellEvery {
		c.toldAt = now
		c.d.deps.Logger.Warn("a sink cannot be reached; its messages wait", "sink", c.name, "error", err, "next_try_in", pause.Round(time.Millisecond).String(), "waiting", waiting)
	}
	return pause
}
