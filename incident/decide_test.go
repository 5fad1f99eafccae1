// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"tidewatch/detect"
)

func ack() *Decision { return &Decision{Action: Acknowledge, By: "anna", Note: "on it"} }

func closing(v Verdict) *Decision { return &Decision{Action: Close, Verdict: v, By: "anna"} }

// opened is a book with a flood that goes on, and its id.
func opened(t *testing.T) (b *Book, id string) {
	t.Helper()
	b = newBook(t, nil)
	events := b.Apply(at(10), []detect.Finding{flood(5, 10, 0.8, 20_000)}, nil)
	return b, events[0].Incident.ID
}

// goesOn feeds a flood from second from on up to second to.
func goesOn(b *Book, from, to int, score float64) []Event {
	return run(b, from, to, func(s int) []detect.Finding {
		return []detect.Finding{flood(5, float64(s), score, 20_000)}
	})
}

func decide(t *testing.T, b *Book, sec int, id string, d *Decision) Event {
	t.Helper()
	e, err := b.Decide(at(float64(sec)), id, d)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// An acknowledged incident stays so through updates and escalations until it is over.
func TestAcknowledged(t *testing.T) {
	b, id := opened(t)
	e := decide(t, b, 12, id, ack())
	line := e.Incident.Timeline[len(e.Incident.Timeline)-1]
	if e.Type != AcknowledgedEvent || e.Incident.State != Acknowledged || line.Text != "acknowledged by anna: on it" || !line.At.Equal(at(12)) {
		t.Errorf("%+v", e)
	}
	if _, err := b.Decide(at(13), id, ack()); !errors.Is(err, ErrState) {
		t.Errorf("twice: %v", err)
	}
	events := append(goesOn(b, 13, 100, 0.8), goesOn(b, 100, 120, 0.95)...)
	if len(events) == 0 {
		t.Fatal("no events")
	}
	for i := range events {
		if events[i].Incident.State != Acknowledged || events[i].Incident.ID != id {
			t.Fatalf("%s makes it %s", events[i].Type, events[i].Incident.State)
		}
	}
	over := run(b, 120, 300, func(int) []detect.Finding { return nil })
	if last := over[len(over)-1].Incident; last.State != Resolved || b.Active() != 0 {
		t.Errorf("in the end it is %s, %d go on", last.State, b.Active())
	}
	if _, err := b.Decide(at(301), id, ack()); !errors.Is(err, ErrState) {
		t.Errorf("what is over is acknowledged: %v", err)
	}
}

// A closed incident stays closed while its cause goes on, without a word, and what
// comes after it was over is another one.
func TestClosed(t *testing.T) {
	b, id := opened(t)
	e := decide(t, b, 12, id, closing(VerdictNormal))
	if i := e.Incident; e.Type != ClosedEvent || i.State != Closed || i.Verdict != VerdictNormal || i.Ended.IsZero() || b.Active() != 0 {
		t.Errorf("%+v, %d go on", i, b.Active())
	}
	if events := goesOn(b, 13, 2000, 0.8); len(events) != 0 {
		t.Fatalf("the cause goes on, and %s is told", types(events))
	}
	if n := b.Stats().Hushed; n == 0 || b.Stats().Closed != 1 {
		t.Errorf("%+v", b.Stats())
	}
	if events := run(b, 2000, 2061, func(int) []detect.Finding { return nil }); len(events) != 0 {
		t.Fatalf("its end tells %s", types(events))
	}
	events := run(b, 2061, 2070, func(s int) []detect.Finding {
		return []detect.Finding{flood(2061, float64(s), 0.8, 20_000)}
	})
	if len(events) == 0 || events[0].Type != Opened || events[0].Incident.ID == id {
		t.Errorf("what comes after tells %s", types(events))
	}
	// The detector that looks back tells nothing new of what was closed.
	if n := b.Active(); n != 1 {
		t.Errorf("%d go on", n)
	}
}

// Old news of a closed incident opens nothing, and what is worse than the person
// has seen is another incident.
func TestClosedAndWorse(t *testing.T) {
	b, id := opened(t)
	decide(t, b, 12, id, closing(VerdictNormal))
	goesOn(b, 13, 100, 0.8)
	events := goesOn(b, 100, 101, 0.95)
	if len(events) != 1 || events[0].Type != Opened || events[0].Incident.ID == id || events[0].Incident.Severity != detect.Critical {
		t.Fatalf("a worse attack tells %s", types(events))
	}
	if s := events[0].Incident.Started; s.Before(at(98)) {
		t.Errorf("it started %v, in what was closed", s)
	}
	if later := goesOn(b, 101, 130, 0.8); len(later) > 0 && later[0].Incident.ID != events[0].Incident.ID {
		t.Errorf("%+v", later[0])
	}
	if b.Active() != 1 {
		t.Errorf("%d go on", b.Active())
	}
}

// What a person closed explains the anomaly beside it as before.
func TestClosedExplains(t *testing.T) {
	b, id := opened(t)
	decide(t, b, 12, id, closing(VerdictAttack))
	goesOn(b, 13, 1500, 0.8)
	f := flood(1490, 1500, 0.65, 20_000)
	f.Category, f.Kind, f.Vector, f.Severity = detect.BaselineAnomaly, "volume", "", detect.Medium
	if events := b.Apply(at(1500), []detect.Finding{f}, nil); len(events) != 0 {
		t.Errorf("the volume of a closed attack tells %s", types(events))
	}
}

// A restart does not open anew what a person closed.
func TestClosedOverARestart(t *testing.T) {
	b, id := opened(t)
	saved := decide(t, b, 12, id, closing(VerdictNormal)).Incident
	next := newBook(t, nil)
	if err := next.Restore([]Incident{saved}); err != nil || next.Active() != 0 {
		t.Fatalf("%d go on, %v", next.Active(), err)
	}
	if events := goesOn(next, 40, 300, 0.8); len(events) != 0 {
		t.Errorf("after the restart: %s", types(events))
	}
}

func TestDecideOnTheStored(t *testing.T) {
	b, id := opened(t)
	inc := decide(t, b, 11, id, ack()).Incident
	inc.State, inc.Ended, inc.Timeline = Resolved, at(60), inc.Timeline[:0:0]
	judge := &Decision{Action: Judge, Verdict: VerdictAttack, Note: "seen before"}
	for i := range 20 { // people cannot make it grow either
		if _, err := inc.Decide(at(float64(100+i)), judge, 8); err != nil {
			t.Fatal(err)
		}
	}
	if len(inc.Timeline) != 8 || inc.TimelineDropped != 12 || inc.State != Resolved || inc.Verdict != VerdictAttack {
		t.Errorf("%+v", inc)
	}
	if _, err := inc.Decide(at(1), closing(VerdictUncertain), 8); err != nil || inc.State != Closed || !inc.Ended.Equal(at(60)) || inc.Updated.Before(at(119)) {
		t.Errorf("%+v, %v", inc, err)
	}
	if _, err := inc.Decide(at(200), closing(VerdictNormal), 8); !errors.Is(err, ErrState) {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := b.Decide(at(200), "inc-unknown", ack()); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	for name, d := range map[string]*Decision{
		"no action":             {},
		"verdict of an ack":     {Action: Acknowledge, Verdict: VerdictNormal},
		"no verdict":            {Action: Close},
		"comment without text":  {Action: Comment},
		"comment with verdict":  {Action: Comment, Note: "x", Verdict: VerdictNormal},
		"duplicate of nothing":  {Action: Close, Verdict: VerdictDuplicate},
		"duplicate that is not": {Action: Close, Verdict: VerdictNormal, Of: "inc-other"},
		"duplicate of what":     {Action: Close, Verdict: VerdictDuplicate, Of: "inc-\x1b[2J"},
		"feedback of duplicate": {Action: Judge, Verdict: VerdictDuplicate, Of: "inc-other"},
		"uncertain feedback":    {Action: Judge, Verdict: VerdictUncertain},
		"a long note":           {Action: Acknowledge, Note: strings.Repeat("ä", 1001)},
		"a long name":           {Action: Acknowledge, By: strings.Repeat("a", 65)},
		"a note that steers":    {Action: Acknowledge, Note: "fine\x1b[2J"},
		"a note in many lines":  {Action: Acknowledge, Note: "a\nb"},
		"a note that turns":     {Action: Acknowledge, Note: "a\u202eb"},
		"a name that is broken": {Action: Acknowledge, By: "\xff"},
	} {
		before := inc.Clone()
		if _, err := inc.Decide(at(300), d, 8); !errors.Is(err, ErrDecision) || inc.Updated != before.Updated {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The indicator of moved thresholds follows the last word.
func TestFeedbackText(t *testing.T) {
	b, _ := opened(t)
	var last Incident
	for n, note := range []string{"since 2026-11-20 by anna", "since 2026-11-23 by ben"} {
		f := flood(5, float64(11+n), 0.8, 20_000)
		f.Indicators = append(f.Indicators, detect.Indicator{Name: "feedback", Observed: 1.5625 - 0.3125*float64(n), Expected: 1, Detail: note})
		b.Apply(at(float64(11+n)), []detect.Finding{f}, nil)
		for i := range b.All() {
			last = i
		}
	}
	text := last.Indicators[len(last.Indicators)-1].Text
	if want := "the threshold is 1.25 times as high since 2026-11-23 by ben"; text != want {
		t.Errorf("%q, want %q", text, want)
	}
}

// A comment is a line and nothing else, at any time of an incident's life.
func TestComment(t *testing.T) {
	b, id := opened(t)
	for i, sec := range []int{12, 300} {
		e := decide(t, b, sec, id, &Decision{Action: Comment, By: "anna", Note: "provider called"})
		line := e.Incident.Timeline[len(e.Incident.Timeline)-1]
		if e.Type != CommentedEvent || line.Event != CommentedEvent || line.Text != "comment by anna: provider called" || e.Incident.Verdict != "" {
			t.Errorf("%+v", e)
		}
		if want := []State{Open, Resolved}[i]; e.Incident.State != want {
			t.Errorf("at second %d it is %s, not %s", sec, e.Incident.State, want)
		}
		run(b, sec+1, 250, func(int) []detect.Finding { return nil })
	}
}

// A duplicate is closed and names the incident that goes on, which names it.
func TestDuplicate(t *testing.T) {
	b, id := opened(t)
	if _, err := b.Decide(at(12), id, &Decision{Action: Close, Verdict: VerdictDuplicate, Of: id}); !errors.Is(err, ErrDecision) {
		t.Errorf("of itself: %v", err)
	}
	e := decide(t, b, 12, id, &Decision{Action: Close, Verdict: VerdictDuplicate, Of: "inc-other", By: "anna", Note: "same attack"})
	line := e.Incident.Timeline[len(e.Incident.Timeline)-1]
	if i := e.Incident; i.State != Closed || i.Parent != "inc-other" || line.Text != "closed as a duplicate of inc-other by anna: same attack" {
		t.Errorf("%+v", e)
	}
	if events := goesOn(b, 13, 100, 0.8); len(events) != 0 {
		t.Errorf("its cause goes on, and %s is told", types(events))
	}
	other, id := opened(t)
	for n := range 2 * maxChildren {
		if _, err := other.Adopt(at(20), id, fmt.Sprint("inc-", n/2), "anna"); err != nil {
			t.Fatal(err)
		}
	}
	got := other.find(id).inc
	if last := got.Timeline[len(got.Timeline)-1].Text; len(got.Children) != maxChildren || last != "inc-15 was closed as a duplicate of this incident by anna" {
		t.Errorf("%v, %q", got.Children, last)
	}
	if _, err := other.Adopt(at(20), "inc-unknown", id, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}
