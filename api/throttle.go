// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/netip"
	"sync"
	"time"
)

const (
	freeFailures = 10              // wrong tokens at once before somebody waits
	perFailure   = 6 * time.Second // and then one in this time: ten a minute
	maxPeers     = 1024            // addresses remembered; all others share one account
)

// throttle slows down who guesses tokens. Each address has an account of failures
// that shrinks with time; who has used it up waits, right or wrong, and others do
// not. At 130 bits guessing is hopeless anyway: this keeps a short token safe.
type throttle struct {
	now func() time.Time

	mu    sync.Mutex
	until map[netip.Prefix]time.Time // when the account is empty again
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, until: map[netip.Prefix]time.Time{}}
}

// wait is how long the next attempt of an address has to wait.
func (t *throttle) wait(who netip.Prefix) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	full := t.until[t.account(who)].Add(-(freeFailures - 1) * perFailure)
	return max(full.Sub(t.now()), 0)
}

// failed puts a wrong token on the account of an address.
func (t *throttle) failed(who netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.until) >= maxPeers {
		for p, until := range t.until {
			if !until.After(now) {
				delete(t.until, p)
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

// account is the address, or the shared one when there is no room for another.
func (t *throttle) account(who netip.Prefix) netip.Prefix {
	if _, known := t.until[who]; !known && len(t.until) >= maxPeers {
		return netip.Prefix{}
	}
	return who
}
