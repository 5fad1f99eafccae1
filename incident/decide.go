// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tidewatch/detect"
)

// Act is what a person does about an incident.
type Act string

// The acts of people.
const (
	Acknowledge Act = "acknowledge" // somebody looks after it
	Close       Act = "close"       // a person ends it, with a verdict
	Judge       Act = "feedback"    // a verdict alone
)

// Verdict is what a person says an incident was.
type Verdict string

// The verdicts. An uncertain one moves no threshold and only closes.
const (
	VerdictNormal    Verdict = "normal"
	VerdictAttack    Verdict = "attack"
	VerdictUncertain Verdict = "uncertain"
)

// The errors of decisions.
var (
	ErrDecision = errors.New("no such decision")           // it makes no sense by itself
	ErrState    = errors.New("not possible in this state") // the incident does not allow it (any more)
)

const (
	maxNote = 1000 // letters of a note
	maxBy   = 64   // letters of a name
)

// Decision is what a person decided about an incident.
type Decision struct {
	Action  Act
	Verdict Verdict // of close and feedback
	By      string  // who
	Note    string  // why
}

// Validate reports, wrapping ErrDecision, what is wrong whatever the incident.
// Texts are printed on terminals, so nothing that steers one may stand in them.
func (d *Decision) Validate() error {
	switch {
	case d.Action == Acknowledge && d.Verdict != "":
		return fmt.Errorf("%w: acknowledging takes no verdict", ErrDecision)
	case d.Action == Close && d.Verdict != VerdictNormal && d.Verdict != VerdictAttack && d.Verdict != VerdictUncertain:
		return fmt.Errorf("%w: the verdict is normal, attack or uncertain, not %q", ErrDecision, d.Verdict)
	case d.Action == Judge && d.Verdict != VerdictNormal && d.Verdict != VerdictAttack:
		return fmt.Errorf("%w: the verdict is normal or attack, not %q", ErrDecision, d.Verdict)
	case d.Action != Acknowledge && d.Action != Close && d.Action != Judge:
		return fmt.Errorf("%w: %q", ErrDecision, d.Action)
	}
	return errors.Join(CheckName(d.By), plain("the note", d.Note, maxNote))
}

// CheckName reports, wrapping ErrDecision, whether a name of a person cannot be taken.
func CheckName(by string) error { return plain("the name", by, maxBy) }

// CheckText reports, wrapping ErrDecision, whether a text cannot be shown in a line.
func CheckText(what, s string) error { return plain(what, s, maxNote) }

func plain(what, s string, limit int) error {
	if utf8.RuneCountInString(s) > limit {
		return fmt.Errorf("%w: %s has more than %d letters", ErrDecision, what, limit)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return fmt.Errorf("%w: %s holds characters that do not print", ErrDecision, what)
	}
	return nil
}

// Decide carries a decision out on an incident, with a line in its timeline of at
// most maxTimeline. at is flow time. The error wraps ErrDecision or ErrState, and
// then nothing has changed.
func (i *Incident) Decide(at time.Time, d *Decision, maxTimeline int) (EventType, error) {
	if err := d.Validate(); err != nil {
		return "", err
	}
	if at = at.UTC(); at.Before(i.Updated) {
		at = i.Updated
	}
	var t EventType
	var text string
	switch d.Action {
	case Acknowledge:
		if i.State != Open {
			return "", fmt.Errorf("%w: the incident is %s; one that is open can be acknowledged", ErrState, i.State)
		}
		i.State = Acknowledged
		t, text = AcknowledgedEvent, "acknowledged"
	case Close:
		if i.State == Closed {
			return "", fmt.Errorf("%w: the incident is closed", ErrState)
		}
		i.State, i.Verdict = Closed, d.Verdict
		if i.Ended.IsZero() {
			i.Ended = i.LastSeen
		}
		t, text = ClosedEvent, "closed as "+string(d.Verdict)
	case Judge:
		i.Verdict = d.Verdict
		t, text = FeedbackEvent, "judged as "+string(d.Verdict)
	}
	if d.By != "" {
		text += " by " + d.By
	}
	if d.Note != "" {
		text += ": " + d.Note
	}
	i.Updated = at
	i.line(maxTimeline, Entry{At: at, Event: t, Text: text})
	return t, nil
}

// line adds to the timeline. When it is full the oldest update gives way, else the
// oldest line after the first.
func (i *Incident) line(limit int, l Entry) {
	if len(i.Timeline) >= limit {
		at := slices.IndexFunc(i.Timeline, func(l Entry) bool { return l.Event == Updated })
		i.Timeline = slices.Delete(i.Timeline, max(at, 1), max(at, 1)+1)
		i.TimelineDropped++
	}
	i.Timeline = append(i.Timeline, l)
}

// Decide carries a decision out on an incident that the book holds and returns
// what changed. The error is ErrNotFound for one that it does not hold, else that
// of Incident.Decide. at is flow time.
func (b *Book) Decide(at time.Time, id string, d *Decision) (Event, error) {
	e := b.find(id)
	if e == nil {
		return Event{}, ErrNotFound
	}
	active := e.inc.State.Active()
	t, err := e.inc.Decide(at, d, b.cfg.MaxTimeline)
	if err != nil {
		return Event{}, err
	}
	if active && !e.inc.State.Active() {
		b.activate(e, -1)
		e.unseen = false
		b.stats.Closed++
	}
	e.written = e.inc.Updated
	return Event{At: e.inc.Updated, Type: t, Incident: e.inc.Clone()}, nil
}

// find returns the entry of an incident that the book holds, nil for another.
func (b *Book) find(id string) *entry {
	if n := slices.IndexFunc(b.entries, func(e *entry) bool { return e.inc.ID == id }); n >= 0 {
		return b.entries[n]
	}
	return b.told.find(id)
}

// hush takes a finding about an incident that a person closed, and reports whether
// it did. What goes on after the closing is what the person has judged, and stays
// closed until it was quiet for its quiet time. What is more severe than the
// person has seen is something else, and opens an incident of its own.
func (b *Book) hush(e *entry, f *detect.Finding) bool {
	if e.inc.State != Closed || f.Severity.Rank() > e.inc.Severity.Rank() || b.now.Sub(e.seen) >= e.quiet {
		return false
	}
	if f.Last.After(e.last()) {
		e.heard, e.seen = f.Last, b.now
	}
	b.stats.Hushed++
	return true
}

// last is the last abnormal moment known, also after a person closed it.
func (e *entry) last() time.Time {
	if e.heard.After(e.inc.LastSeen) {
		return e.heard
	}
	return e.inc.LastSeen
}
