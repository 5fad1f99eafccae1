// SPDX-License-Identifier: Apache-2.0

package app

import (
	"time"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/incident"
)

// Act puts an action into an incident that the engine holds. The change goes to the sink
// as all others do. What it returns shares no memory with the engine.
func (e *Engine) Act(id string, a *incident.Action) (*incident.Incident, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	event, err := e.book.Act(e.flowTime(), id, a)
	return e.tell(&event, err)
}

// Incident returns one incident that the engine holds: one that goes on or ended lately.
func (e *Engine) Incident(id string) (incident.Incident, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.book.Held(id)
}

// keepEvery is how often, in seconds, what is mitigated is kept under suspicion, which
// lasts for a minute at least.
const keepEvery = 30

// keep has the devices of mitigated incidents stay under suspicion although nothing is
// seen of the attack any more: what passes a filter, or nothing at all behind a blackhole,
// is not usual for them, and what was usual before is still needed to judge the filter by.
func (e *Engine) keep() {
	if e.now-e.kept < keepEvery {
		return
	}
	e.kept = e.now
	for i := range e.book.Ongoing(func(i *incident.Incident) bool { return i.State == incident.Mitigated }) {
		subject, err := i.Prefix()
		if err != nil {
			continue
		}
		e.hurts(&detect.Finding{Category: i.Category, Subject: subject, Last: time.Unix(e.now, 0)})
		switch {
		case i.Category != detect.DDoSAttack:
		case subject.IsSingleIP():
			a := flow.AddrFrom(subject.Addr())
			e.owner(a).windows.Suspect(a, i.Started.Unix(), 0)
		default:
			for _, s := range e.shards {
				s.windows.SuspectPrefix(subject, i.Started.Unix(), 0)
			}
		}
	}
}
