// SPDX-License-Identifier: Apache-2.0

package mitigate

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"tidewatch/decision"
)

// hand keeps one actuator at what the ledger wants: it looks at what is in force there,
// brings in force what is missing, and takes back what is too much. It does so whenever
// a decision changes, and again every few seconds, so that what somebody else removed
// comes back and what was left by an earlier run goes.
type hand struct {
	desk *Desk
	of   *Named
	wake chan struct{}

	done  map[string]time.Time // what it has brought in force here, until when
	tries map[string]try
}

// try is a failure that is to be repeated.
type try struct {
	at   time.Time
	wait time.Duration
}

// The times of a hand.
const (
	look     = 5 * time.Second
	oneCall  = time.Minute // for an actuator to answer; those that ask others have limits of their own
	retry    = time.Second // doubled up to
	retryMax = 30 * time.Second
	atOnce   = 8 // rules that are taken back side by side
)

func newHand(d *Desk, of *Named) *hand {
	return &hand{desk: d, of: of, wake: make(chan struct{}, 1), done: map[string]time.Time{}, tries: map[string]try{}}
}

func (h *hand) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *hand) run(ctx context.Context) {
	for {
		h.reconcile(ctx)
		wait := look
		for _, t := range h.tries {
			wait = min(wait, max(time.Until(t.at.Add(t.wait)), 10*time.Millisecond))
		}
		again := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			again.Stop()
			return
		case <-h.wake:
		case <-again.C:
		}
		again.Stop()
	}
}

// reconcile makes one round.
func (h *hand) reconcile(ctx context.Context) {
	wanted, ending := h.desk.share(h.of.Name)
	held, known := h.look(ctx)
	seen, back := map[string]bool{}, map[string]bool{}
	h.takeAllBack(ctx, ending, seen, back) // first: what is to go waits for nothing that is to come
	for _, d := range wanted {
		seen[d.ID] = true
		if !h.desk.deps.Clock().Before(d.Until) {
			continue // it has ended there by itself, and ends here at the next tick
		}
		until, there := held[d.ID]
		if !known {
			until, there = h.done[d.ID]
		}
		if there && d.State == decision.Active && h.done[d.ID].Equal(d.Until) && near(until, d.Until) && d.Error == "" {
			continue
		}
		if h.early(d.ID) {
			continue
		}
		// The calls before may have taken long, and somebody may have ended some meanwhile.
		_, ending = h.desk.share(h.of.Name)
		h.takeAllBack(ctx, ending, seen, back)
		if now := h.desk.wanted(d.ID); now != nil {
			h.bring(ctx, now)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(held)) {
		if !seen[id] && !h.desk.knows(id) { // left by an earlier run, or by a mistake of ours
			h.desk.deps.Logger.Warn("taking back what no decision stands behind", "actuator", h.of.Name, "id", id)
			_ = h.call(ctx, "withdraw", func(ctx context.Context) error { return h.of.Withdraw(ctx, &decision.Decision{ID: id, Via: h.of.Name}) }) // again in the next round
		}
	}
	for id := range h.done {
		if !seen[id] {
			delete(h.done, id)
		}
	}
	for id := range h.tries {
		if !seen[id] {
			delete(h.tries, id)
		}
	}
}

// near reports whether an actuator's end is the one wanted: kernels and routers count in
// whole seconds or in their own.
func near(have, want time.Time) bool { return have.Sub(want).Abs() <= 2*time.Second }

// look asks what is in force.
func (h *hand) look(ctx context.Context) (held map[string]time.Time, known bool) {
	err := h.call(ctx, "look", func(ctx context.Context) (err error) {
		held, known, err = h.of.Held(ctx)
		return err
	})
	if err != nil {
		return nil, false
	}
	return held, known
}

// bring has a rule in force.
func (h *hand) bring(ctx context.Context, d *decision.Decision) {
	err := h.call(ctx, "apply", func(ctx context.Context) error { return h.of.Apply(ctx, d) })
	h.after(d.ID, err)
	if err == nil {
		h.done[d.ID] = d.Until
	}
	h.desk.outcome(ctx, func(b *book) { b.applied(d.ID, d.Until, err) })
}

// takeAllBack takes back what was not looked at in this round, several at a time: who
// presses the panic button must not wait for one slow answer after the other.
func (h *hand) takeAllBack(ctx context.Context, ending []*decision.Decision, seen, back map[string]bool) {
	var mu sync.Mutex // guards what the hand remembers; nothing else runs meanwhile
	var all sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, d := range ending {
		if back[d.ID] {
			continue
		}
		seen[d.ID], back[d.ID] = true, true
		mu.Lock()
		early := h.early(d.ID)
		mu.Unlock()
		if early {
			continue
		}
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			err := h.call(ctx, "withdraw", func(ctx context.Context) error { return h.of.Withdraw(ctx, d) })
			mu.Lock()
			if h.after(d.ID, err); err == nil {
				delete(h.done, d.ID)
			}
			mu.Unlock()
			h.desk.outcome(ctx, func(b *book) { b.takenBack(d.ID, err) })
		})
	}
	all.Wait()
}

// early reports whether it is too early to try something again.
func (h *hand) early(id string) bool {
	t, failed := h.tries[id]
	return failed && time.Since(t.at) < t.wait
}

func (h *hand) after(id string, err error) {
	if err == nil {
		delete(h.tries, id)
		return
	}
	t := h.tries[id]
	h.tries[id] = try{time.Now(), min(max(2*t.wait, retry), retryMax)}
}

// call bounds and measures one call of the actuator.
func (h *hand) call(ctx context.Context, what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, oneCall)
	defer cancel()
	begin := time.Now()
	err := f(ctx)
	h.desk.metrics.called(h.of.Name, what, err, time.Since(begin))
	return err
}

// share is what one actuator has to do with.
func (d *Desk) share(name string) (wanted, ending []*decision.Decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wanted = d.book.those(func(x *decision.Decision) bool { return x.Via == name && !x.DryRun && x.State.Wanted() })
	ending = d.book.those(func(x *decision.Decision) bool { return x.Via == name && !x.DryRun && x.State == decision.Expiring })
	return wanted, ending
}

// wanted is a decision that is to be in force, nil when it is not (any more).
func (d *Desk) wanted(id string) *decision.Decision {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.book.live[id]
	if x == nil || !x.State.Wanted() {
		return nil
	}
	c := x.Clone()
	return &c
}

// knows reports whether a decision is not over.
func (d *Desk) knows(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.book.live[id] != nil
}

// outcome has the book take what came of something.
func (d *Desk) outcome(ctx context.Context, f func(b *book)) {
	d.mu.Lock()
	d.book.advance(d.deps.Clock())
	f(d.book)
	_ = d.commit(ctx) // logged, and tried again
	d.mu.Unlock()
	d.tell()
}
