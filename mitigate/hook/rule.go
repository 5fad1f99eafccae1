// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"context"
	"sync"
	"time"

	"tidewatch/decision"
	"tidewatch/outbound"
)

const (
	// maxRules bounds what is remembered; guard rails allow far fewer at a time.
	maxRules = 10_000
	// remembered is how long a rule that is over is still known, so that a late call
	// does not bring it back.
	remembered = time.Hour
	// slack is left to whoever keeps the ledger, to take a rule back in time.
	slack = 2 * time.Second
	// The pauses between attempts to take back what is over.
	firstPause, maxPause = 2 * time.Second, time.Minute
)

// rule is what is known of one decision in this process.
type rule struct {
	turn chan struct{} // held by the call that is at it

	// For who has the turn, and for who finds no calls.
	told time.Time // end that the other side took last; zero: none
	gone bool      // somebody began to take it back
	done bool      // it was taken back

	// Guarded by Hook.mu.
	calls  int                // that have the turn or wait for it
	last   *decision.Decision // that the other side was told of, or was to be; nil: none
	next   time.Time          // not before it is taken back by itself; zero: never
	pause  time.Duration
	forget time.Time
}

// enter waits for the turn at a decision. A channel serves who waits in order, so calls
// do not overtake each other.
func (h *Hook) enter(ctx context.Context, d *decision.Decision) (*rule, error) {
	h.mu.Lock()
	r := h.rules[d.ID]
	if r == nil {
		r = &rule{turn: make(chan struct{}, 1)}
		h.rules[d.ID] = r
	}
	r.calls++
	h.mu.Unlock()
	select {
	case r.turn <- struct{}{}:
		return r, nil
	case <-ctx.Done():
		h.mu.Lock()
		r.calls--
		h.mu.Unlock()
		return nil, ctx.Err()
	}
}

func (h *Hook) leave(r *rule) {
	h.mu.Lock()
	r.calls--
	if later := time.Now().Add(remembered); later.After(r.forget) {
		r.forget = later
	}
	h.mu.Unlock()
	<-r.turn
}

// arm notes when a rule has to be over. It comes before the call: one that failed may
// have been heard.
func (h *Hook) arm(r *rule, d *decision.Decision) {
	last := d.Clone()
	h.mu.Lock()
	defer h.mu.Unlock()
	r.last, r.pause, r.forget = &last, firstPause, d.Until.Add(remembered)
	if !h.cfg.Expires {
		r.next = d.Until.Add(slack)
	}
}

// full reports whether a decision is one too many to be remembered.
func (h *Hook) full(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rules[id] == nil && len(h.rules) >= maxRules
}

// Run takes back what is over and nobody took back, where the other side does not do so
// by itself: a rule ends at its Until also when whoever keeps the ledger hangs.
func (h *Hook) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			for _, d := range h.overdue(time.Now()) {
				running.Go(func() { h.end(ctx, d) })
			}
		}
	}
}

// overdue finds what is to be taken back now, and forgets what is over for long.
func (h *Hook) overdue(now time.Time) []*decision.Decision {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []*decision.Decision
	for id, r := range h.rules {
		switch waits := !r.done && !r.next.IsZero(); {
		case r.calls > 0:
		case waits && !now.Before(r.next):
			r.next, r.pause = now.Add(r.pause), min(2*r.pause, maxPause)
			out = append(out, r.last)
		case !waits && now.After(r.forget):
			delete(h.rules, id)
		}
	}
	return out
}

// end takes one rule back, unless it was renewed in the meantime.
func (h *Hook) end(ctx context.Context, d *decision.Decision) {
	r, err := h.enter(ctx, d)
	if err != nil {
		return // the program stops
	}
	defer h.leave(r)
	h.mu.Lock()
	renewed := r.last != d
	h.mu.Unlock()
	if renewed || r.done {
		return
	}
	switch err := h.takeBack(ctx, r, d); {
	case err == nil:
		h.log.Info("a rule was over and nobody had taken it back; its hook did", "hook", h.cfg.Name, "decision", d.ID)
	case outbound.IsPermanent(err):
		h.mu.Lock()
		r.next = time.Time{}
		h.mu.Unlock()
		h.log.Error("a rule is over and cannot be taken back", "hook", h.cfg.Name, "decision", d.ID, "error", err)
	case ctx.Err() == nil:
		h.log.Warn("a rule is over and could not be taken back; it is tried again", "hook", h.cfg.Name, "decision", d.ID, "error", err)
	}
}

// takeBack tells the other side; whoever calls it has the turn.
func (h *Hook) takeBack(ctx context.Context, r *rule, d *decision.Decision) error {
	r.gone = true
	if err := h.call(ctx, withdraw, d); err != nil {
		return err
	}
	r.done = true
	return nil
}
