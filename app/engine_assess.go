// SPDX-License-Identifier: Apache-2.0

package app

import "tidewatch/incident"

// Assess puts a model's opinion beside what the rules say of an incident that the engine
// holds. The change goes to the sink as all others do.
func (e *Engine) Assess(id string, o *incident.Opinion) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	event, err := e.book.Assess(e.flowTime(), id, o)
	if err == nil && e.sink != nil {
		e.sink([]incident.Event{event})
	}
	return err
}

// Also has another listener hear of every change, after those before it. It is bound by
// what NewEngine says of a sink.
func (e *Engine) Also(hear func([]incident.Event)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	first := e.sink
	e.sink = func(events []incident.Event) {
		if first != nil {
			first(events)
		}
		hear(events)
	}
}
