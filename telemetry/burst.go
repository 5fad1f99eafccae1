// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"sync"
	"time"
)

// Burst is a brake for one kind of log line in a hot loop, where a stranger
// decides how often the line would be written. The first lines of each interval
// pass; the rest are counted, and the count goes out with the next line that passes:
//
//	if n, ok := refused.Allow(); ok {
//		log.Warn("datagram refused", "exporter", from, "suppressed", n)
//	}
//
// It allocates nothing and may be used by several goroutines.
type Burst struct {
	first    int
	interval time.Duration
	now      func() time.Time

	mu         sync.Mutex // guards what follows
	until      time.Time  // end of the current interval
	passed     int        // in the current interval
	suppressed uint64     // since a line last passed
}

// NewBurst lets the first lines of each interval pass. now is the clock; nil is
// the system's.
func NewBurst(first int, interval time.Duration, now func() time.Time) *Burst {
	if now == nil {
		now = time.Now
	}
	return &Burst{first: first, interval: interval, now: now}
}

// Allow reports whether a line may be written, and how many lines were held back
// since the last one.
func (b *Burst) Allow() (suppressed uint64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.now(); !t.Before(b.until) {
		b.until, b.passed = t.Add(b.interval), 0
	}
	if b.passed >= b.first {
		b.suppressed++
		return 0, false
	}
	b.passed++
	suppressed, b.suppressed = b.suppressed, 0
	return suppressed, true
}

// Suppressed returns and clears the count of lines held back that no line has
// told of yet, for a last word at the end of a run.
func (b *Burst) Suppressed() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.suppressed
	b.suppressed = 0
	return n
}
