// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"sync"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// queue holds incidents that a model is to be asked about, the most severe first, of
// equals the one that has waited longest. It holds the newest state of each. When it is
// full the least severe, of these the newest, is lost: its rules' assessment stands.
type queue struct {
	cfg     *Config
	metrics *metrics
	wake    chan struct{}

	mu      sync.Mutex // guards what follows
	waiting map[string]*waiter
	ranks   [4]int               // how many wait, by severity
	asked   map[string]bool      // that somebody is asking about right now
	again   map[string]time.Time // failed: when it may be asked about again
	number  uint64
}

type waiter struct {
	inc    incident.Incident
	due    time.Time
	number uint64 // order of arrival
}

// maxAgain bounds the incidents whose failure is remembered. One that is forgotten is
// asked about again when it has changed materially, as after a restart.
const maxAgain = 4096

func newQueue(cfg *Config, m *metrics) *queue {
	return &queue{
		cfg: cfg, metrics: m, wake: make(chan struct{}, 1), waiting: map[string]*waiter{}, asked: map[string]bool{}, again: map[string]time.Time{},
	}
}

// take looks at what changed. It never blocks for long.
func (q *queue) take(events []incident.Event, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range events {
		inc := &events[i].Incident
		w := q.waiting[inc.ID]
		switch {
		case !q.wants(inc, now):
			q.drop(inc.ID)
		case w != nil: // the newest state, at its old place
			q.put(inc, w.due, w.number)
		default:
			q.add(inc, now)
		}
	}
	q.metrics.waiting.Set(float64(len(q.waiting)))
	q.nudge()
}

// wants reports whether a model should be asked about an incident as it is.
func (q *queue) wants(inc *incident.Incident, now time.Time) bool {
	switch {
	case inc.Severity.Rank() < q.cfg.MinSeverity.Rank(), inc.Category == detect.Operational, inc.Assessment == nil:
		return false // too small, or nothing that anybody did
	case inc.State == incident.Closed, inc.Verdict != "":
		return false // a person has judged
	case inc.Reason == incident.ReasonAbsorbed, inc.Reason == incident.ReasonOverflow:
		return false // part of another, or about nothing in particular
	case inc.Unjudged():
		return true
	}
	at, failed := q.again[inc.ID]
	return failed && !inc.ByModel() && !now.Before(at)
}

func (q *queue) add(inc *incident.Incident, now time.Time) {
	if len(q.waiting) >= q.cfg.Queue {
		q.metrics.lost.Inc()
		lower := 0
		for _, n := range q.ranks[:inc.Severity.Rank()] {
			lower += n
		}
		if lower == 0 { // told without a search: thousands may come at once
			return
		}
		q.drop(q.least())
	}
	q.number++
	q.put(inc, now.Add(q.cfg.Settle), q.number)
}

func (q *queue) put(inc *incident.Incident, due time.Time, number uint64) {
	q.drop(inc.ID)
	q.waiting[inc.ID] = &waiter{*inc, due, number}
	q.ranks[inc.Severity.Rank()]++
}

func (q *queue) drop(id string) {
	if w := q.waiting[id]; w != nil {
		q.ranks[w.inc.Severity.Rank()]--
		delete(q.waiting, id)
	}
}

// least is the id of the least severe that waits, of these the newest.
func (q *queue) least() (id string) {
	for k, w := range q.waiting {
		if o := q.waiting[id]; o == nil || o.before(w) {
			id = k
		}
	}
	return id
}

// before reports whether it is asked about before another.
func (w *waiter) before(o *waiter) bool {
	if a, b := w.inc.Severity.Rank(), o.inc.Severity.Rank(); a != b {
		return a > b
	}
	return w.number < o.number
}

func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// next waits for an incident that is due and takes it out; nil when ctx ends. Who takes
// it says when it is done.
func (q *queue) next(ctx context.Context) *incident.Incident {
	for {
		inc, wait := q.pop(time.Now())
		if inc != nil {
			return inc
		}
		var timer <-chan time.Time
		if wait > 0 {
			timer = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-q.wake:
		case <-timer:
		}
	}
}

// pop takes out the first that is due, or says how long until one is; 0: nobody waits.
func (q *queue) pop(now time.Time) (*incident.Incident, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var best *waiter
	var soonest time.Duration
	for id, w := range q.waiting {
		if q.asked[id] {
			continue // its answer will tell whether it still wants to be asked about
		}
		if wait := w.due.Sub(now); wait > 0 {
			if soonest == 0 || wait < soonest {
				soonest = wait
			}
			continue
		}
		if best == nil || w.before(best) {
			best = w
		}
	}
	if best == nil {
		return nil, soonest
	}
	q.drop(best.inc.ID)
	delete(q.again, best.inc.ID)
	q.asked[best.inc.ID] = true
	q.metrics.waiting.Set(float64(len(q.waiting)))
	return &best.inc, 0
}

// done says how it went with an incident that was taken out: when it may be asked about
// again without having changed; the zero time is never.
func (q *queue) done(id string, again time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.asked, id)
	delete(q.again, id)
	if !again.IsZero() {
		if len(q.again) >= maxAgain {
			for other := range q.again { // any
				delete(q.again, other)
				break
			}
		}
		q.again[id] = again
	}
	q.nudge()
}
