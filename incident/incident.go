// SPDX-License-Identifier: Apache-2.0

// Package incident folds findings into incidents. A finding is what one
// detector saw at one tick; an incident is the story of one cause: it opens,
// is updated, escalates, changes its vector, calms down, is resolved, and may be
// reopened. Each change is an Event with a snapshot, and events are all that
// later stages see.
//
// The package is pure: time comes with the findings, so the same findings give
// the same events and the same ids, live and from a file.
package incident

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tidewatch/detect"
)

// State is where an incident stands in its life.
type State string

// The states of the contract. A Book sets Open and Resolved; Mitigated holds while an
// action keeps the traffic away, see Incident.Act; the others are set by people.
const (
	Open         State = "open"
	Acknowledged State = "acknowledged"
	Mitigated    State = "mitigated"
	Resolved     State = "resolved"
	Closed       State = "closed"
)

// Active reports whether the incident still goes on.
func (s State) Active() bool { return s != Resolved && s != Closed }

// The scopes of an incident.
const (
	ScopeHost   = "host"
	ScopePrefix = "prefix"
)

// The reasons of a resolved incident.
const (
	ReasonQuiet     = "quiet"     // nothing abnormal for the quiet time of its category
	ReasonRecovered = "recovered" // what was missing is back
	ReasonAbsorbed  = "absorbed"  // it is part of the incident named by Parent
	ReasonRestart   = "restart"   // open when an earlier run ended, and not seen since
	ReasonOverflow  = "overflow"  // it gave its place in a full book to a more severe one
)

// Incident is one cause about one subject, as it stands in analyze's output, in
// the API, in webhooks and in the store.
type Incident struct {
	ID       string          `json:"id" doc:"stable text id; the same flows give the same id"`
	Category detect.Category `json:"category"`
	Kind     string          `json:"kind"`
	Kinds    []string        `json:"kinds,omitempty" doc:"all kinds seen, when more than one was"`
	Vector   string          `json:"vector,omitempty" doc:"how it is attacked now, or was last; mixed when several vectors hold at once"`
	Vectors  []string        `json:"vectors,omitempty" doc:"all vectors seen, when more than one was"`
	Peaks    []VectorPeak    `json:"vector_peaks,omitempty" doc:"what each vector carried at its strongest, of those whose rate is known"`
	Subject  string          `json:"subject" doc:"address or prefix concerned: victim of an attack, sender of data"`
	Scope    string          `json:"scope" enum:"host,prefix"`

	Severity        detect.Severity `json:"severity" enum:"low,medium,high,critical" doc:"highest so far"`
	CurrentSeverity detect.Severity `json:"current_severity" enum:"low,medium,high,critical" doc:"as judged lately"`
	Score           float64         `json:"score" minimum:"0" maximum:"1" doc:"highest so far"`
	State           State           `json:"state" enum:"open,acknowledged,mitigated,resolved,closed"`
	Reason          string          `json:"reason,omitempty" doc:"why it was resolved"`
	Acknowledged    bool            `json:"acknowledged,omitempty" doc:"a person looks after it; said while the state is mitigated, which does not tell"`
	Verdict         Verdict         `json:"verdict,omitempty" enum:"normal,attack,uncertain,duplicate" doc:"what a person says it was"`

	Started  time.Time `json:"started" doc:"first abnormal moment"`
	Detected time.Time `json:"detected" doc:"when it was first judged abnormal"`
	LastSeen time.Time `json:"last_seen" doc:"last abnormal moment known so far"`
	Updated  time.Time `json:"updated" doc:"last change of this object"`
	Ended    time.Time `json:"ended,omitzero" doc:"last abnormal moment; absent while open"`

	Indicators []Indicator     `json:"indicators" nullable:"false"`
	Baseline   detect.Baseline `json:"baseline"`
	Metrics    detect.Metrics  `json:"metrics"`
	Top        detect.Top      `json:"top"`
	Evidence   []detect.Flow   `json:"evidence,omitempty" doc:"some of the flows, at most 20"`
	Filter     *TrafficFilter  `json:"filter,omitempty" doc:"shortest combination of fields, beside the subject as destination, that most of the attack has and little of the minutes before"`
	Assessment *Assessment     `json:"assessment,omitempty" doc:"what it is judged to be; never changes score and severity"`
	Rules      *Assessment     `json:"rules_assessment,omitempty" doc:"what the rules say while a model's assessment stands"`
	Judged     *Basis          `json:"judged,omitempty" doc:"what the incident was when a model was asked; when that changes materially the rules' assessment is back until the model has answered anew"`
	Actions    []Action        `json:"actions" nullable:"false" doc:"what is done about it, or proposed, oldest first, at most 16"`

	Previous string   `json:"previous,omitempty" doc:"id of the last incident of the same cause and subject before this one, as far as it is known"`
	Parent   string   `json:"parent,omitempty" doc:"id of the incident that absorbed this one, or of which a person says that this is a duplicate"`
	Children []string `json:"children,omitempty" doc:"ids of absorbed incidents and of duplicates, at most 16"`

	Earlier []Chapter `json:"earlier,omitempty" doc:"what happened to this device before: of each earlier stage the newest incident, in the order of stages"`
	Later   []Chapter `json:"later,omitempty" doc:"what happened to this device afterwards: of each later stage the newest incident"`

	ActionsDropped int `json:"actions_dropped,omitempty" doc:"actions that gave way to newer ones"`

	Timeline        []Entry `json:"timeline" nullable:"false"`
	TimelineDropped int     `json:"timeline_dropped,omitempty" doc:"entries that gave way to newer ones"`
}

// Indicator is a detector's evidence with its sentence for people. Weight is its
// share in the score; indicators taken over from a related finding weigh 0.
type Indicator struct {
	detect.Indicator
	Text string `json:"text"`
}

// Entry is one line of an incident's timeline.
type Entry struct {
	At     time.Time          `json:"at"`
	Event  EventType          `json:"event"`
	Text   string             `json:"text"`
	Values map[string]float64 `json:"values,omitempty"`
}

// EventType says what happened to an incident.
type EventType string

// The changes of an incident. When several happen in one tick the event carries
// the first of this list, and the timeline has them all.
const (
	Opened        EventType = "opened"
	Reopened      EventType = "reopened"
	ResolvedEvent EventType = "resolved"
	Escalated     EventType = "escalated"
	VectorChanged EventType = "vector_changed"
	KindChanged   EventType = "kind_changed"
	ActedEvent    EventType = "acted" // something is done about it, or no longer, or proposed; mostly between ticks
	Deescalated   EventType = "deescalated"
	Related       EventType = "related"  // another finding or incident has the same cause
	Restored      EventType = "restored" // taken over from an earlier run
	// What people did; these come by themselves, between ticks.
	AcknowledgedEvent EventType = "acknowledged"
	ClosedEvent       EventType = "closed"
	FeedbackEvent     EventType = "feedback"
	CommentedEvent    EventType = "commented"
	AssessedEvent     EventType = "assessed" // what a model says, likewise; it changes nothing of the incident
	Updated           EventType = "updated"
)

func (t EventType) rank() int {
	order := [...]EventType{
		AssessedEvent, CommentedEvent, FeedbackEvent, AcknowledgedEvent, ClosedEvent, Updated, Restored, Related, Deescalated, ActedEvent, KindChanged, VectorChanged, Escalated,
		ResolvedEvent, Reopened, Opened,
	}
	return slices.Index(order[:], t)
}

// Event is one change of one incident, with the incident as it is after it. The
// snapshot shares no memory with the Book.
type Event struct {
	At       time.Time
	Type     EventType
	Incident Incident
}

// Prefix returns the subject as a prefix; a host has all its bits.
func (i *Incident) Prefix() (netip.Prefix, error) { return parseSubject(i.Subject) }

func parseSubject(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("read subject %q: %w", s, err)
	}
	return p.Masked(), nil
}

func subjectText(p netip.Prefix) (text, scope string) {
	if p.IsSingleIP() {
		return p.Addr().String(), ScopeHost
	}
	return p.String(), ScopePrefix
}

// Clone returns a copy that shares no memory that either side may change.
func (i *Incident) Clone() Incident {
	c := *i
	c.Kinds, c.Vectors = slices.Clone(i.Kinds), slices.Clone(i.Vectors)
	c.Peaks = slices.Clone(i.Peaks)
	c.Indicators = append([]Indicator{}, i.Indicators...)
	c.Actions = make([]Action, len(i.Actions))
	for n := range i.Actions {
		c.Actions[n] = i.Actions[n].clone()
	}
	c.Timeline = append([]Entry{}, i.Timeline...)
	c.Children = slices.Clone(i.Children)
	c.Earlier, c.Later = slices.Clone(i.Earlier), slices.Clone(i.Later)
	c.Top = cloneTop(&i.Top)
	c.Evidence, c.Filter, c.Assessment = slices.Clone(i.Evidence), i.Filter.clone(), i.Assessment.clone()
	c.Rules, c.Judged = i.Rules.clone(), i.Judged.clone()
	return c
}

func cloneTop(t *detect.Top) detect.Top {
	return detect.Top{
		Sources: slices.Clone(t.Sources), Destinations: slices.Clone(t.Destinations),
		Ports: slices.Clone(t.Ports), ASNs: slices.Clone(t.ASNs), Countries: slices.Clone(t.Countries),
	}
}
