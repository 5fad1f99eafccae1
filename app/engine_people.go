// SPDX-License-Identifier: Apache-2.0

package app

import (
	"time"

	"tidewatch/feedback"
	"tidewatch/incident"
)

// flowTime is the time that decisions bear: flow time, and the clock before the
// first flow. The caller has the mutex.
func (e *Engine) flowTime() time.Time {
	if e.now == 0 {
		return time.Now().UTC()
	}
	return time.Unix(e.now, 0).UTC()
}

// FlowTime is flow time, and the clock before the first flow.
func (e *Engine) FlowTime() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.flowTime()
}

// Decide carries a person's decision out on an incident that the engine holds. The
// change goes to the sink as all others do.
func (e *Engine) Decide(id string, d *incident.Decision) (*incident.Incident, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	event, err := e.book.Decide(e.flowTime(), id, d)
	return e.tell(&event, err)
}

// Adopt notes on an incident that the engine holds that another was closed as its
// duplicate.
func (e *Engine) Adopt(id, child, by string) (*incident.Incident, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	event, err := e.book.Adopt(e.flowTime(), id, child, by)
	return e.tell(&event, err)
}

// tell hands one change to the sink, and a copy of its incident back. The engine is locked.
func (e *Engine) tell(event *incident.Event, err error) (*incident.Incident, error) {
	if err != nil {
		return nil, err
	}
	if e.sink != nil {
		e.sink([]incident.Event{*event})
	}
	inc := event.Incident.Clone()
	return &inc, nil
}

// Heed makes the engine judge by the verdicts in a book from now on. The book is the
// engine's then; use it in Verdicts alone.
func (e *Engine) Heed(b *feedback.Book) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.verdicts = b
}

// Verdicts runs f on the book of verdicts, which may be nil, at flow time now.
func (e *Engine) Verdicts(f func(b *feedback.Book, now time.Time)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(e.verdicts, e.flowTime())
}

// Freeze stops learning, or lets it go on. Judging goes on.
func (e *Engine) Freeze(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, k := range e.keepers() {
		k.Freeze(on)
	}
}

// Approve trusts what a device, told by its address or name, does since a moment, and
// returns how many hours are trusted that were not.
func (e *Engine) Approve(device string, since time.Time) (hours int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key, err := keyOf(e.shards[0].who, device, e.now)
	if err != nil {
		return 0, err
	}
	for _, k := range e.keepers() { // one of them knows it
		hours += k.Approve(key, since)
	}
	return hours, nil
}

// Replace judges by a snapshot from now on, and returns what was learned until then
// as another. On an error nothing has changed, else nothing is left for Learned.
func (e *Engine) Replace(snapshot []byte) (before []byte, devices int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	data, devices := e.union().AppendSnapshot(nil), 0
	for _, s := range e.shards {
		n, _ := s.past.Counts()
		devices += n
	}
	for _, k := range e.keepers() {
		// It was checked as a whole by the first, so that it fails in none or there.
		if err := k.Restore(snapshot, k.owns); err != nil {
			return nil, 0, err
		}
	}
	for _, k := range e.keepers() {
		_ = k.TakeJournal(nil)
	}
	return data, devices, nil
}
