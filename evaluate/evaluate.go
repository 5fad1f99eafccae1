// SPDX-License-Identifier: Apache-2.0

// Package evaluate scores incidents against labels: which attacks were found,
// with the right vector, after how long, and how often normal traffic alarmed.
//
// An attack counts as found only by an incident of the right category, kind and
// subject and of severity high or above (beacon and scan: medium), with at most
// one further incident about the same cause. What has no detector is missed, and
// the report says so.
package evaluate

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// Result is what judging one capture gave.
type Result struct {
	Path      string // as in the label
	Incidents []incident.Incident
	Devices   int           // internal addresses seen; at least 1 is counted
	Duration  time.Duration // of the traffic; zero takes the label's
	Attack    time.Time     // first packet of the attack; zero takes the label's
	Began     time.Time     // of the traffic

	// Own tells which addresses are devices; nil: those of private networks.
	Own func(netip.Addr) bool
}

// Capture is the score of one labelled capture.
type Capture struct {
	Path    string `json:"path"`
	Class   string `json:"class"`
	Subtype string `json:"subtype"`
	Expect  string `json:"expect"` // attack, quiet or none
	Ran     bool   `json:"ran"`
	OK      bool   `json:"ok"`     // attack: found; quiet: nothing above the limit
	Reason  string `json:"reason"` // why not, or what was found

	Incident        string          `json:"incident,omitempty"` // id of what found the attack
	Severity        detect.Severity `json:"severity,omitempty"` // of it; quiet: the highest seen
	Vector          string          `json:"vector,omitempty"`
	VectorExpected  []string        `json:"vector_expected,omitempty"`
	VectorRight     bool            `json:"vector_right"`
	SecondsToDetect float64         `json:"seconds_to_detect"` // from the attack's first packet; 0 when not found
	Further         int             `json:"further"`           // other alerted incidents about the same cause
	Others          int             `json:"others"`            // alerted incidents about something else

	// Verdicts counts what was judged of the incidents: of an attack those about it, of
	// quiet captures all.
	Verdicts map[incident.Judgement]int `json:"verdicts,omitempty"`
	// Judged are those incidents.
	Judged []incident.Incident `json:"-"`

	DeviceWeeks float64                 `json:"device_weeks,omitempty"` // quiet only
	Alerts      map[detect.Severity]int `json:"alerts,omitempty"`       // quiet only: incidents by severity
}

// Score judges each labelled capture by the result of the same path. Labels
// without a result are listed as not run; results without a label are an error.
func Score(results []Result, labels []Label) (*Report, error) {
	table, err := expectations()
	if err != nil {
		return nil, fmt.Errorf("evaluate: %w", err)
	}
	byPath := make(map[string]*Result, len(results))
	for i := range results {
		byPath[results[i].Path] = &results[i]
	}
	report := &Report{Version: 1}
	for i := range labels {
		l := &labels[i]
		want := find(table, l)
		c := Capture{Path: l.Path, Class: l.Class, Subtype: l.Subtype, Expect: want.expect, VectorExpected: want.vectors}
		if r := byPath[l.Path]; r != nil {
			c.Ran = true
			delete(byPath, l.Path)
			c.score(&want, l, r)
		}
		report.Captures = append(report.Captures, c)
	}
	for i := range results {
		if byPath[results[i].Path] != nil {
			return nil, fmt.Errorf("evaluate: no label for %s", results[i].Path)
		}
	}
	report.total()
	return report, nil
}

func (c *Capture) score(want *expectation, l *Label, r *Result) {
	switch want.expect {
	case ExpectAttack:
		c.attack(want, l, r)
	case ExpectQuiet:
		c.quiet(want, l, r)
	default:
		c.Reason = "the label does not say what should be found"
		c.Others = len(r.Incidents)
	}
}

// attack looks for the incident that is the labelled attack: of those that fit,
// the one detected first.
func (c *Capture) attack(want *expectation, l *Label, r *Result) {
	var best, weak, near *incident.Incident
	for i := range r.Incidents {
		inc := &r.Incidents[i]
		switch {
		case inc.Category != want.category || !want.subject(l, inc):
		case !slices.Contains(want.kinds, inc.Kind):
			near = inc
		case inc.Severity.Rank() < want.severity.Rank():
			weak = inc
		case best == nil || inc.Detected.Before(best.Detected):
			best = inc
		}
	}
	for i := range r.Incidents {
		inc := &r.Incidents[i]
		if inc.Category == want.category || about(l, inc) {
			c.judged(inc)
		}
		switch {
		case inc == best || inc.Severity.Rank() < detect.Medium.Rank():
		case inc.Category == want.category || about(l, inc):
			c.Further++
		default:
			c.Others++
		}
	}
	switch {
	case best == nil && weak != nil:
		c.Reason = fmt.Sprintf("seen, but only as %s", weak.Severity)
		c.Severity = weak.Severity
	case best == nil && near != nil:
		c.Reason = "seen as " + near.Kind
	case best == nil && len(r.Incidents) > 0:
		c.Reason = "nothing about it"
	case best == nil:
		c.Reason = "nothing at all"
	default:
		c.found(want, l, r, best)
	}
}

func (c *Capture) found(want *expectation, l *Label, r *Result, best *incident.Incident) {
	c.OK, c.Reason = c.Further <= 1, best.Headline()
	if !c.OK {
		c.Reason = fmt.Sprintf("told %d times: %s", c.Further+1, best.Headline())
	}
	c.Incident, c.Severity, c.Vector = best.ID, best.Severity, best.Vector
	c.VectorRight = slices.Contains(want.vectors, best.Vector)
	began := r.Attack
	if began.IsZero() {
		began = l.First
	}
	if !began.IsZero() {
		c.SecondsToDetect = max(0, best.Detected.Sub(began).Seconds())
	}
}

func (c *Capture) judged(inc *incident.Incident) {
	if inc.Assessment == nil {
		return
	}
	if c.Verdicts == nil {
		c.Verdicts = map[incident.Judgement]int{}
	}
	c.Verdicts[inc.Assessment.Verdict]++
	c.Judged = append(c.Judged, *inc)
}

// subject reports whether the incident is about one of the label's addresses.
func (e *expectation) subject(l *Label, inc *incident.Incident) bool {
	if e.anySubject || len(l.Who) == 0 {
		return true
	}
	p, err := inc.Prefix()
	return err == nil && p.IsSingleIP() && slices.Contains(l.Who, p.Addr())
}

// about reports whether the incident concerns one of the label's addresses, as
// its subject or within it.
func about(l *Label, inc *incident.Incident) bool {
	p, err := inc.Prefix()
	return err == nil && slices.ContainsFunc(l.Who, p.Contains)
}

func (c *Capture) quiet(want *expectation, l *Label, r *Result) {
	c.Alerts = map[detect.Severity]int{}
	highest := -1
	for i := range r.Incidents {
		inc := &r.Incidents[i]
		c.Alerts[inc.Severity]++
		c.judged(inc)
		if rank := inc.Severity.Rank(); rank > highest {
			highest, c.Severity = rank, inc.Severity
			c.Reason = inc.Headline()
		}
	}
	if highest < 0 {
		c.Reason = "nothing"
	}
	c.OK = highest <= want.severity.Rank()
	span := r.Duration
	if span == 0 {
		span = l.Duration
	}
	c.DeviceWeeks = float64(max(1, r.Devices)) * span.Hours() / (7 * 24)
}
