// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidewatch/incident"
)

// Heard is what is remembered of an incident: who was told what of it. It is kept on
// disk with the incident, so that what follows an event does not depend on which run
// of the program sees it.
type Heard struct {
	Told   []Told    `json:"told,omitempty"`
	Since  time.Time `json:"since,omitzero"`   // by the clock: when it was told first, or again after it was over
	Rounds int       `json:"rounds,omitempty"` // of escalation
	Notes  int       `json:"notes,omitempty"`  // messages made so far; numbers them
	Due    time.Time `json:"-"`                // by the clock: when to plan again without an event; zero: no need
}

// Told is what one sink was told last.
type Told struct {
	Sink     string         `json:"sink"`
	State    incident.State `json:"state"`
	Severity int            `json:"severity"`        // rank
	At       time.Time      `json:"at"`              // by the clock
	Line     time.Time      `json:"line"`            // of the newest line of its timeline then, in flow time
	Lines    int            `json:"lines,omitempty"` // how many there were
}

// Note is a message for one sink. The incident is not in it: who delivers it adds the
// incident as it is then.
type Note struct {
	Sink    string
	Message Message
}

// Plan compares an incident with what was told of it and returns what is to be told
// now, in order. h is changed accordingly. It goes by states and not by events, which
// may have been lost or taken together; t is "" when time alone has passed.
func (r *Router) Plan(t incident.EventType, inc *incident.Incident, h *Heard, now time.Time) []Note {
	p := plan{r: r, inc: inc, h: h, now: now, line: newest(inc)}
	h.Told = slices.DeleteFunc(h.Told, func(told Told) bool { _, known := r.sinks[told.Sink]; return !known })
	h.Due = time.Time{}
	if known := len(h.Told); known > 0 {
		for i := range known {
			p.follow(&h.Told[i], t)
		}
	}
	if begins(t, inc) {
		for _, sink := range r.Sinks(inc, now) {
			if !slices.ContainsFunc(h.Told, func(told Told) bool { return told.Sink == sink }) {
				p.introduce(sink)
			}
		}
		if opens := r.opens(inc, now); !opens.IsZero() && inc.State.Active() {
			p.again(opens)
		}
	}
	if len(h.Told) > 0 {
		p.escalate()
	}
	return p.out
}

// begins reports whether who has not heard of an incident should: it goes on and nobody
// takes care of it, or it began and ended between two savings. A part of another
// incident is not told of by itself.
func begins(t incident.EventType, inc *incident.Incident) bool {
	if inc.State.Active() {
		return stateOf(inc) != incident.Acknowledged
	}
	return inc.State == incident.Resolved && (t == incident.Opened || t == incident.Reopened) &&
		inc.Reason != incident.ReasonAbsorbed && inc.Reason != incident.ReasonOverflow
}

// plan is one Plan under way.
type plan struct {
	r    *Router
	inc  *incident.Incident
	h    *Heard
	now  time.Time
	line time.Time
	out  []Note
}

// newest is when the last thing happened that is worth an update: the timeline has it.
func newest(inc *incident.Incident) time.Time {
	for i := range slices.Backward(inc.Timeline) {
		if inc.Timeline[i].Event != incident.Restored {
			return inc.Timeline[i].At
		}
	}
	return inc.Detected
}

// introduce tells a sink of the incident for the first time.
func (p *plan) introduce(sink string) {
	if p.h.Since.IsZero() {
		p.h.Since = p.now
	}
	p.h.Told = append(p.h.Told, Told{Sink: sink})
	told := &p.h.Told[len(p.h.Told)-1]
	p.say(told, Trigger, incident.Opened)
	if !p.inc.State.Active() {
		p.say(told, Resolve, incident.ResolvedEvent)
	}
}

// follow tells a sink that has heard of the incident what became of it.
func (p *plan) follow(told *Told, t incident.EventType) {
	active, was := p.inc.State.Active(), told.State.Active()
	switch {
	case !active && !was: // it is over, and they know
	case !active && p.inc.State == incident.Closed:
		p.say(told, Resolve, incident.ClosedEvent)
	case !active:
		p.say(told, Resolve, incident.ResolvedEvent)
	case !was:
		p.h.Since, p.h.Rounds = p.now, 0
		p.say(told, Trigger, incident.Reopened)
	case p.inc.Severity.Rank() > told.Severity:
		p.say(told, Trigger, incident.Escalated)
	case stateOf(p.inc) == incident.Acknowledged && told.State != incident.Acknowledged:
		p.say(told, Acknowledge, incident.AcknowledgedEvent)
	case p.line.After(told.Line), told.Lines > 0 && linesOf(p.inc) > told.Lines, stateOf(p.inc) != told.State:
		every := p.r.sinks[told.Sink].UpdateEvery
		if every == Never {
			return
		}
		if next := told.At.Add(every); p.now.Before(next) {
			p.again(next)
			return
		}
		if t == "" {
			t = incident.Updated // it was withheld for a while
		}
		p.say(told, Update, t)
	}
}

// escalate tells others when nobody acknowledged the incident in time.
func (p *plan) escalate() {
	if s := stateOf(p.inc); s != incident.Open && s != incident.Mitigated {
		return
	}
	rule := p.r.escalation(p.inc, p.h.Since)
	if rule == nil || p.h.Rounds > 0 && rule.EscalateEvery == 0 {
		return
	}
	due := p.h.Since.Add(rule.EscalateAfter + time.Duration(p.h.Rounds)*rule.EscalateEvery)
	if p.now.Before(due) {
		p.again(due)
		return
	}
	p.h.Rounds++
	if every := rule.EscalateEvery; every > 0 {
		for due = due.Add(every); !due.After(p.now); due = due.Add(every) {
			p.h.Rounds++ // it was missed while the program did not run: told once
		}
		p.again(due)
	}
	for _, sink := range rule.EscalateTo {
		at := slices.IndexFunc(p.h.Told, func(told Told) bool { return told.Sink == sink })
		if at < 0 {
			at = len(p.h.Told)
			p.h.Told = append(p.h.Told, Told{Sink: sink})
		}
		p.say(&p.h.Told[at], Trigger, "")
		p.out[len(p.out)-1].Message.Escalated = true
	}
}

// again makes Plan be called at a moment, if not before.
func (p *plan) again(at time.Time) {
	if p.h.Due.IsZero() || at.Before(p.h.Due) {
		p.h.Due = at
	}
}

// say adds a message and remembers it.
func (p *plan) say(told *Told, s Status, t incident.EventType) {
	p.h.Notes++
	p.out = append(p.out, Note{told.Sink, Message{
		ID: messageID(p.inc.ID, told.Sink, p.h.Notes), Key: p.inc.ID, Status: s, At: p.inc.Updated, Event: t,
	}})
	told.State, told.Severity, told.At, told.Line = stateOf(p.inc), p.inc.Severity.Rank(), p.now, p.line
	told.Lines = linesOf(p.inc)
}

// messageID is the same whenever it is derived; 80 bits do not collide.
func messageID(key, sink string, n int) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{key, sink, strconv.Itoa(n)}, "|")))
	return "msg-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}

// Supersedes lists which waiting messages about the same incident for the same sink a
// new one makes pointless: the newest state wins, but that it began is told even when
// it is over.
func Supersedes(s Status) []Status {
	switch s {
	case Trigger:
		return []Status{Trigger, Update, Acknowledge, Resolve}
	case Resolve:
		return []Status{Update, Acknowledge, Resolve}
	case Acknowledge:
		return []Status{Update, Acknowledge}
	case Update:
		return []Status{Update}
	case Digest, Test:
	}
	return nil
}

// Rank numbers the statuses of what waits.
func (s Status) Rank() int {
	return slices.Index([]Status{Update, Acknowledge, Resolve, Digest, Trigger}, s)
}
