// SPDX-License-Identifier: Apache-2.0

package account

import (
	"sync"
	"time"
)

// perFailure is the time after which one failure is forgiven: ten a minute.
const perFailure = 6 * time.Second

// maxAccounts is how many accounts of failures are remembered; all others share one.
const maxAccounts = 1024

// Throttle slows down who guesses. Each has an account of failures that shrinks with
// time; who has used it up waits, right or wrong, and others do not.
type Throttle[K comparable] struct {
	now  func() time.Time
	free int // failures at once before somebody waits

	mu    sync.Mutex
	until map[K]time.Time // when the account is empty again
}

// NewThrottle lets everybody fail so many times at once, and then once in six seconds.
func NewThrottle[K comparable](now func() time.Time, free int) *Throttle[K] {
	return &Throttle[K]{now: now, free: free, until: map[K]time.Time{}}
}

// Wait is how long the next attempt has to wait.
func (t *Throttle[K]) Wait(who K) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	full := t.until[t.account(who)].Add(-time.Duration(t.free-1) * perFailure)
	return max(full.Sub(t.now()), 0)
}

// Failed puts a failure on an account.
func (t *Throttle[K]) Failed(who K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.until) >= maxAccounts {
		for k, until := range t.until {
			if !until.After(now) {
				delete(t.until, k)
			}
		}
	}
	who = t.account(who)
	until := t.until[who]
	if until.Before(now) {
		until = now
	}
	t.until[who] = until.Add(perFailure)
}

// Forgive takes one failure off an account: that of an attempt which was none.
func (t *Throttle[K]) Forgive(who K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	who = t.account(who)
	if until, ok := t.until[who]; ok {
		t.until[who] = until.Add(-perFailure)
	}
}

// account is the one of its own, or the shared one when there is no room for another.
func (t *Throttle[K]) account(who K) K {
	if _, known := t.until[who]; !known && len(t.until) >= maxAccounts {
		var shared K
		return shared
	}
	return who
}
