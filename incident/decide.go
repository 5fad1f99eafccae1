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
	Comment     Act = "comment"     // a note alone
)

// Verdict is what a person says an incident was.
type Verdict string

// The verdicts. An uncertain one and a duplicate move no threshold and only close.
const (
	VerdictNormal    Verdict = "normal"
	VerdictAttack    Verdict = "attack"
	VerdictUncertain Verdict = "uncertain"
	VerdictDuplicate Verdict = "duplicate" // another incident tells of the same cause
)

// The errors of decisions.
var (
	ErrDecision = errors.New("no such decision")           // it makes no sense by itself
	ErrState    = errors.New("not possible in this state") // the incident does not allow it (any more)
)

const (
	maxNote = 1000 // letters of a note
	maxBy   = 64   // letters of a name, and of an id
)

// Decision is what a person decided about an incident.
type Decision struct {
	Action  Act
	Verdict Verdict // of close and feedback
	Of      string  // of a duplicate: id of the incident that goes on instead
	By      string  // who
	Note    string  // why
}

// Validate reports, wrapping ErrDecision, what is wrong whatever the incident.
// Texts are printed on terminals, so nothing that steers one may stand in them.
func (d *Decision) Validate() error {
	switch {
	case (d.Action == Acknowledge || d.Action == Comment) && d.Verdict != "":
		return fmt.Errorf("%w: this takes no verdict", ErrDecision)
	case d.Action == Comment && d.Note == "":
		return fmt.Errorf("%w: a comment needs a text", ErrDecision)
	case d.Action == Close && !d.Verdict.closes():
		return fmt.Errorf("%w: the verdict is normal, attack, uncertain or duplicate, not %q", ErrDecision, d.Verdict)
	case d.Verdict == VerdictDuplicate && d.Of == "":
		return fmt.Errorf("%w: say of which incident it is a duplicate", ErrDecision)
	case d.Verdict != VerdictDuplicate && d.Of != "":
		return fmt.Errorf("%w: only a duplicate names another incident", ErrDecision)
	case d.Action == Judge && d.Verdict != VerdictNormal && d.Verdict != VerdictAttack:
		return fmt.Errorf("%w: the verdict is normal or attack, not %q", ErrDecision, d.Verdict)
	case d.Action != Acknowledge && d.Action != Close && d.Action != Judge && d.Action != Comment:
		return fmt.Errorf("%w: %q", ErrDecision, d.Action)
	}
	return errors.Join(CheckName(d.By), plain("the note", d.Note, maxNote), plain("the id", d.Of, maxBy))
}

// closes reports whether an incident can be closed with a verdict.
func (v Verdict) closes() bool {
	return v == VerdictNormal || v == VerdictAttack || v == VerdictUncertain || v == VerdictDuplicate
}

// harmless reports whether what a person says makes an incident no part of a device's
// story: it was normal, or is told by another.
func (v Verdict) harmless() bool { return v == VerdictNormal || v == VerdictDuplicate }

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
		switch {
		case i.State == Mitigated && !i.Acknowledged:
			i.Acknowledged = true
		case i.State == Open:
			i.State = Acknowledged
		default:
			return "", fmt.Errorf("%w: the incident is %s; one that nobody has taken and that goes on can be acknowledged", ErrState, i.State)
		}
		t, text = AcknowledgedEvent, "acknowledged"
	case Close:
		if i.State == Closed {
			return "", fmt.Errorf("%w: the incident is closed", ErrState)
		}
		if d.Of == i.ID {
			return "", fmt.Errorf("%w: an incident is no duplicate of itself", ErrDecision)
		}
		i.State, i.Acknowledged, i.Verdict = Closed, false, d.Verdict
		if i.Ended.IsZero() {
			i.Ended = i.LastSeen
		}
		t, text = ClosedEvent, "closed as "+string(d.Verdict)
		if d.Of != "" {
			i.Parent, text = d.Of, "closed as a duplicate of "+d.Of
		}
	case Judge:
		i.Verdict = d.Verdict
		t, text = FeedbackEvent, "judged as "+string(d.Verdict)
	case Comment:
		t, text = CommentedEvent, "comment"
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

// Adopt notes that a person closed another incident as a duplicate of this one. at is
// flow time.
func (i *Incident) Adopt(at time.Time, child, by string, maxTimeline int) EventType {
	if at = at.UTC(); at.Before(i.Updated) {
		at = i.Updated
	}
	if len(i.Children) < maxChildren && !slices.Contains(i.Children, child) {
		i.Children = append(i.Children, child)
	}
	text := child + " was closed as a duplicate of this incident"
	if by != "" {
		text += " by " + by
	}
	i.Updated = at
	i.line(maxTimeline, Entry{At: at, Event: Related, Text: text})
	return Related
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
	active, was := e.inc.State.Active(), e.inc.State
	t, err := e.inc.Decide(at, d, b.cfg.MaxTimeline)
	if err != nil {
		return Event{}, err
	}
	if active && !e.inc.State.Active() {
		b.activate(e, -1)
		e.unseen = false
		b.stats.Closed++
		if was == Mitigated { // it may go on unseen; only when it has been quiet since, it is over
			e.seen = b.now
		}
	}
	e.written = e.inc.Updated
	return Event{At: e.inc.Updated, Type: t, Incident: e.inc.Clone()}, nil
}

// Adopt is Incident.Adopt for an incident that the book holds; the error is ErrNotFound
// for one that it does not hold.
func (b *Book) Adopt(at time.Time, id, child, by string) (Event, error) {
	e := b.find(id)
	if e == nil {
		return Event{}, ErrNotFound
	}
	t := e.inc.Adopt(at, child, by, b.cfg.MaxTimeline)
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
