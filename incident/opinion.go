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

// Opinion is what came of asking a model about an incident.
type Opinion struct {
	Assessment Assessment
	Basis      Basis  // what the incident was when it was asked about
	Error      string // why there is no assessment, in plain words; empty when there is one
}

// ErrStale is the error of an opinion about what the incident no longer is.
var ErrStale = errors.New("the incident has changed materially meanwhile")

// Assess puts an opinion beside what the rules say. It changes what is said of the
// incident and nothing of the incident itself: not its score, its severity or its state.
// The opinion stands until the incident changes materially; then the rules' assessment
// is back. at is flow time. The error is, or wraps, ErrNotFound, ErrStale, or ErrState
// when a person has closed the incident or the rules say nothing of it.
func (b *Book) Assess(at time.Time, id string, o *Opinion) (Event, error) {
	e := b.find(id)
	if e == nil {
		return Event{}, ErrNotFound
	}
	inc := &e.inc
	rules := inc.byRules()
	if inc.State == Closed || rules == nil {
		return Event{}, fmt.Errorf("%w: it is %s", ErrState, inc.State)
	}
	basis := inc.Basis()
	if why := o.Basis.Differs(&basis); why != "" {
		return Event{}, fmt.Errorf("%w: %s", ErrStale, why)
	}
	if at = at.UTC(); at.Before(inc.Updated) {
		at = inc.Updated
	}
	t := AssessedEvent
	if o.Error != "" {
		t = Updated // a failure is no news
		if inc.Rules != nil {
			return Event{}, fmt.Errorf("%w: %s has judged it", ErrState, inc.Assessment.By)
		}
		rules.Error = clean(o.Error, maxNote)
	} else {
		inc.Assessment, inc.Rules = heed(&o.Assessment, rules, inc.Severity), rules
		rules.Error = ""
		inc.line(b.cfg.MaxTimeline, Entry{At: at, Event: AssessedEvent, Text: opinionText(inc.Assessment)})
	}
	inc.Judged, inc.Updated, e.written = &basis, at, at
	return Event{At: at, Type: t, Incident: inc.Clone()}, nil
}

// Unjudged reports whether no model was asked about the incident as it is now.
func (i *Incident) Unjudged() bool { return i.Judged == nil }

// ByModel reports whether a model's judgement stands.
func (i *Incident) ByModel() bool { return i.Rules != nil }

// byRules is what the rules say, whether or not a model's judgement stands.
func (i *Incident) byRules() *Assessment {
	if i.Rules != nil {
		return i.Rules
	}
	return i.Assessment
}

// ruled takes what the rules say now. What a model has said is put away when the
// incident is no longer what it was asked about.
func (e *entry) ruled(b *Book, now *Assessment) {
	inc, before := &e.inc, e.inc.byRules()
	stands := inc.Rules != nil
	if stands {
		inc.Rules = now
	} else {
		inc.Assessment = now
	}
	if inc.Judged == nil {
		return
	}
	why := "the rules no longer judge it"
	if now != nil {
		basis := inc.Basis()
		if why = inc.Judged.Differs(&basis); why == "" {
			now.Error = before.Error // it stands as long as nobody asks again
			return
		}
	}
	if stands {
		e.note(b, Updated, "what "+inc.Assessment.By+" said no longer holds: "+why, nil)
		inc.Assessment, inc.Rules = now, nil
	}
	inc.Judged = nil
}

// heed is the assessment that stands when a model has spoken: the model may explain,
// suspect more than the rules do, and make people look sooner. It may not talk a threat
// away: what it calls legitimate and the rules do not is uncertain, and to be reviewed.
// What we have computed stays.
func heed(model, rules *Assessment, severity detect.Severity) *Assessment {
	a := model.clone()
	a.Error = ""
	a.AttackerBs, a.Stolen = rules.AttackerBs, rules.Stolen
	if a.Priority == "" || rules.Priority != "" && rules.Priority < a.Priority { // p1 comes first
		a.Priority = rules.Priority
	}
	if a.Severity.Rank() > severity.Rank() {
		a.Severity = severity
	}
	if a.Verdict != Legitimate || rules.Verdict == Legitimate {
		return a
	}
	if a.Severity.Rank() < rules.Severity.Rank() {
		a.Severity = rules.Severity
	}
	a.Reasons = slices.Insert(a.Reasons, 0, fmt.Sprintf("likely legitimate, review: the model is %.0f %% sure that it is; the rules say %s, %.0f %% sure",
		100*a.Confidence, rules.Verdict, 100*rules.Confidence))
	a.Verdict, a.Confidence, a.Review = Unclear, 0.5, true
	return a
}

// clean leaves of a text what prints in one line.
func clean(s string, limit int) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s))
	return strings.TrimSpace(string(runes[:min(limit, len(runes))]))
}

func opinionText(a *Assessment) string {
	if a.Review {
		return "judged by " + a.By + ": likely legitimate, review"
	}
	return fmt.Sprintf("judged by %s: %s, %.0f %% sure", a.By, a.Verdict, 100*a.Confidence)
}
