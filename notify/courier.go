// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"tidewatch/telemetry"
)

// courier brings the messages of one sink.
type courier struct {
	d        *Dispatcher
	name     string
	wake     chan struct{} // something was queued
	changed  chan struct{} // the sink was replaced: trying at once may help
	ended    chan struct{} // closed when the sink is gone from the configuration
	refused  *telemetry.Burst
	overfull *telemetry.Burst

	// Owned by run.
	after    int64           // place in the queue behind which to look: what failed waits its turn
	tried    map[int64]tries // of what waits, what was tried before
	soonest  time.Time       // when the first of what was passed over may be tried again
	attempts []time.Time     // of the last minute
	used     Sink            // to be closed when another is there
	usedAs   int             // its number
	toldAt   time.Time       // when the log told last that it fails

	mu      sync.Mutex // guards what follows
	outlet  Outlet
	number  int // of the outlet: how often it was replaced
	backlog Backlog
	fails   int       // in a row
	since   time.Time // of the first of these
	sent    time.Time // when a message was taken last
}

func newCourier(d *Dispatcher, o Outlet) *courier {
	return &courier{
		d: d, name: o.Name, outlet: o, tried: map[int64]tries{}, ended: make(chan struct{}),
		wake: make(chan struct{}, 1), changed: make(chan struct{}, 1), refused: telemetry.NewBurst(3, time.Minute, nil), overfull: telemetry.NewBurst(1, time.Minute, nil),
	}
}

// tries are the attempts with one message.
type tries struct {
	n   int
	due time.Time // of the next
}

func (c *courier) poke() { signal(c.wake) }

// full counts and tells what a full queue cost.
func (c *courier) full(lost, folded int) {
	if lost == 0 && folded == 0 {
		return
	}
	c.d.metrics.lost.WithLabelValues(c.name, lostFull).Add(float64(lost))
	c.d.metrics.folded.WithLabelValues(c.name).Add(float64(folded))
	if n, ok := c.overfull.Allow(); ok {
		c.d.deps.Logger.Warn("too much waits for a sink: updates were lost, or the oldest messages became one digest",
			"sink", c.name, "updates_lost", lost, "folded", folded, "suppressed", n)
	}
}

func (c *courier) end() { close(c.ended) }

func (c *courier) replace(o Outlet) {
	c.mu.Lock()
	c.outlet = o
	c.number++
	c.mu.Unlock()
	signal(c.changed)
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // it is there already
	}
}

// run delivers until ctx ends, and then what goes without waiting, until hard ends.
func (c *courier) run(ctx, hard context.Context, box Outbox) {
	defer func() { c.release(nil, -1) }()
	for hard.Err() == nil && !c.isEnded() {
		wait, err := c.step(hard, box)
		if err != nil && hard.Err() == nil {
			c.d.deps.Logger.Error("messages that wait for a sink cannot be read or written; trying again", "sink", c.name, "error", err)
			wait = pauseAfterError
		}
		if wait == 0 {
			continue
		}
		if ctx.Err() != nil {
			return // what has to wait, waits for the next start
		}
		c.pause(ctx, wait)
	}
}

func (c *courier) isEnded() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// idle is a wait that ends when something is queued, or at the soonest time.
const idle = time.Duration(-1)

func (c *courier) pause(ctx context.Context, wait time.Duration) {
	var wake chan struct{}
	var timer <-chan time.Time
	switch {
	case wait != idle:
		timer = time.After(wait)
	case c.soonest.IsZero():
		wake = c.wake
	default:
		wake, timer = c.wake, time.After(time.Until(c.soonest))
	}
	select {
	case <-ctx.Done():
	case <-c.ended:
	case <-c.changed:
		c.after = 0
		clear(c.tried)
	case <-wake:
	case <-timer:
	}
	c.soonest = time.Time{}
}

// step does one thing and returns how long to wait before the next.
func (c *courier) step(ctx context.Context, box Outbox) (time.Duration, error) {
	q, backlog, err := box.Next(ctx, c.name, c.after)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	c.backlog = backlog
	outlet, number := c.outlet, c.number
	c.mu.Unlock()
	switch {
	case q == nil && c.after == 0:
		clear(c.tried)
		return idle, nil
	case q == nil:
		c.after = 0 // round again, at once unless all that is left has to wait
		if c.soonest.IsZero() {
			return 0, nil
		}
		return idle, nil
	}
	c.release(outlet.Sink, number)
	now := time.Now()
	cfg := &c.d.now.Load().cfg
	switch {
	case q.Gone:
		return 0, c.drop(ctx, box, q, lostGone)
	case now.Sub(q.At) > cfg.MaxAge:
		return 0, c.drop(ctx, box, q, lostExpired)
	}
	if due := c.tried[q.Seq].due; now.Before(due) {
		c.after = q.Seq
		if c.soonest.IsZero() || due.Before(c.soonest) {
			c.soonest = due
		}
		return 0, nil
	}
	if left, wait := c.allowance(outlet.Limits.PerMinute, now); left == 0 {
		return wait, nil
	} else if left == 1 && backlog.Waiting > 1 && c.failing() == 0 {
		n, err := box.Fold(ctx, c.name, now)
		c.d.metrics.folded.WithLabelValues(c.name).Add(float64(n))
		c.after = 0
		clear(c.tried)
		if err != nil || n == 0 {
			return pauseAfterError, err
		}
		return 0, c.forward(ctx, box, &outlet)
	}
	return c.deliver(ctx, box, q, &outlet)
}

// forward delivers the digest that Fold has just made.
func (c *courier) forward(ctx context.Context, box Outbox, outlet *Outlet) error {
	q, _, err := box.Next(ctx, c.name, 0)
	if err != nil || q == nil {
		return err
	}
	_, err = c.deliver(ctx, box, q, outlet) // what it would wait for is seen by the next step
	return err
}

// allowance is how many messages may be sent now, and when the next may be if none.
func (c *courier) allowance(perMinute int, now time.Time) (left int, wait time.Duration) {
	for len(c.attempts) > 0 && now.Sub(c.attempts[0]) >= time.Minute {
		c.attempts = c.attempts[1:]
	}
	if left = perMinute - len(c.attempts); left > 0 {
		return left, 0
	}
	return 0, time.Minute - now.Sub(c.attempts[len(c.attempts)-perMinute])
}

func (c *courier) failing() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fails
}

// deliver sends one message.
func (c *courier) deliver(hard context.Context, box Outbox, q *Queued, outlet *Outlet) (time.Duration, error) {
	cfg := &c.d.now.Load().cfg
	m := &q.Message
	m.Link = ""
	if m.Incident != nil && cfg.Link != "" {
		m.Link = cfg.linkTo(m.Incident.ID)
	}
	for i := range m.Digest {
		m.Digest[i].Link = ""
		if cfg.Link != "" {
			m.Digest[i].Link = cfg.linkTo(m.Digest[i].ID)
		}
	}
	before := c.tried[q.Seq]
	if before.n > 0 {
		c.d.metrics.retries.WithLabelValues(c.name).Inc()
	}
	began := time.Now()
	c.attempts = append(c.attempts, began)
	ctx, cancel := context.WithTimeout(hard, cfg.Timeout)
	receipt, err := safely(ctx, outlet.Sink, m, q.Before)
	timedOut := ctx.Err() != nil
	cancel()
	c.d.metrics.seconds.WithLabelValues(c.name).Observe(time.Since(began).Seconds())
	switch {
	case err == nil:
		c.succeeded(q)
		if len(receipt) > MaxReceipt {
			receipt = ""
		}
		c.after = q.Seq // one that failed before has its turn when the others had theirs
		return 0, box.Done(context.WithoutCancel(hard), q, &receipt)
	case hard.Err() != nil:
		return pauseAfterError, fmt.Errorf("cut off at the end of the run: %w", err) // nobody asks: run ends
	case IsPermanent(err):
		c.d.metrics.failed.WithLabelValues(c.name, failedRefused).Inc()
		c.failed(q, err, "")
		return 0, c.drop(hard, box, q, lostRefused)
	}
	reason := failedTemporary
	if timedOut {
		reason = failedTimeout
	}
	c.after = q.Seq
	c.tried[q.Seq] = tries{before.n + 1, time.Now().Add(c.spread(before.n + 1))}
	return c.failed(q, err, reason), nil
}

func (c *courier) drop(ctx context.Context, box Outbox, q *Queued, reason string) error {
	delete(c.tried, q.Seq)
	if err := box.Done(ctx, q, nil); err != nil {
		return err
	}
	c.d.metrics.lost.WithLabelValues(c.name, reason).Inc()
	if reason != lostRefused {
		if n, ok := c.refused.Allow(); ok {
			c.d.deps.Logger.Warn("a message to a sink was given up", "sink", c.name, "reason", reason, "about", q.Message.Key, "suppressed", n)
		}
	}
	return nil
}

// succeeded forgets that it failed.
func (c *courier) succeeded(q *Queued) {
	delete(c.tried, q.Seq)
	c.d.metrics.sent.WithLabelValues(c.name).Inc()
	c.mu.Lock()
	fails, since := c.fails, c.since
	c.fails, c.since, c.sent = 0, time.Time{}, time.Now()
	c.backlog.Waiting = max(0, c.backlog.Waiting-1)
	waiting := c.backlog.Waiting
	c.mu.Unlock()
	if fails > 0 {
		c.d.deps.Logger.Info("a sink takes messages again", "sink", c.name, "failed_for", time.Since(since).Round(time.Second).String(), "waiting", waiting)
	}
}

// release closes the sink that was used before, when another takes its place.
func (c *courier) release(next Sink, number int) {
	if c.used != nil && c.usedAs != number {
		if closer, ok := c.used.(io.Closer); ok {
			if err := closer.Close(); err != nil {
				c.d.deps.Logger.Warn("a sink was not closed cleanly", "sink", c.name, "error", err)
			}
		}
	}
	c.used, c.usedAs = next, number
}

// safely turns a panic in a sink into a refusal of this message.
func safely(ctx context.Context, s Sink, m *Message, before Receipt) (r Receipt, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Permanent(fmt.Errorf("the sink panicked: %v", p))
		}
	}()
	return s.Send(ctx, m, before)
}
