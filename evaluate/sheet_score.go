// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// late is for how long after an event an incident may still begin that is about it:
// the longest active timeout, and the quiet time of attacks.
const late = 7 * time.Minute

// SheetScore is what was said about one capture beside its sheet.
type SheetScore struct {
	Path   string       `json:"path"`
	Format string       `json:"format"`
	Flows  int          `json:"labelled_flows,omitempty"`
	Lost   int          `json:"left_out,omitempty"` // rows that cannot be read, and what is beyond the bounds of a sheet
	Events []EventScore `json:"events"`

	BenignDevices int                         `json:"benign_devices"`
	DeviceWeeks   float64                     `json:"device_weeks"`
	Alerts        map[detect.Severity]int     `json:"alerts"` // incidents about benign devices
	PerDeviceWeek map[detect.Severity]float64 `json:"alerts_per_device_week"`
	Alarmed       []Alarm                     `json:"alarmed"` // benign devices with an incident of medium or above
	Beside        int                         `json:"beside"`  // other alerted incidents: about concerned devices at other times, or networks

	Confusion []Confused `json:"confusion"`
}

// EventScore is one labelled event and what was said about it.
type EventScore struct {
	Name     string    `json:"name"`
	Class    string    `json:"class"`
	Expect   string    `json:"expect"` // attack, or none: not scored
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Detected bool      `json:"detected"`   // an alert about somebody concerned, at the time
	Right    bool      `json:"kind_right"` // of the category, kind and severity that is expected
	Said     string    `json:"said,omitempty"`
	Seconds  float64   `json:"seconds_to_detect,omitempty"`
	Incident string    `json:"incident,omitempty"`
}

// Alarm is one benign device with an alert.
type Alarm struct {
	Device   string          `json:"device"`
	Kind     string          `json:"kind"`
	Severity detect.Severity `json:"severity"`
}

// Confused is one row of a confusion matrix: what a class was called, and how often.
type Confused struct {
	Class string         `json:"class"`
	Said  map[string]int `json:"said"` // kinds; "nothing"
}

// ScoreSheet judges a sheet by the result of its capture.
func ScoreSheet(s *Sheet, r *Result) (*SheetScore, error) {
	table, err := expectations()
	if err != nil {
		return nil, fmt.Errorf("evaluate: %w", err)
	}
	s.place(r.Began)
	out := &SheetScore{
		Path: s.Path, Format: s.Format, Flows: s.Flows, Lost: s.Lost, Events: []EventScore{},
		Alerts: map[detect.Severity]int{}, PerDeviceWeek: map[detect.Severity]float64{}, Alarmed: []Alarm{}, Confusion: []Confused{},
	}
	used := map[string]bool{}
	for i := range s.Events {
		e := &s.Events[i]
		want := find(table, &Label{Class: e.Class, Subtype: e.Subtype})
		out.Events = append(out.Events, e.score(&want, r.Incidents, used))
	}
	own := r.Own
	if own == nil {
		own = netip.Addr.IsPrivate
	}
	benign := slices.Clone(s.Benign)
	benign = slices.DeleteFunc(benign, func(a netip.Addr) bool { return !own(a) })
	out.benign(benign, r, used)
	out.confuse()
	return out, nil
}

// score looks for the first alert about an event, one of the right kind before others.
func (e *Event) score(want *expectation, all []incident.Incident, used map[string]bool) EventScore {
	out := EventScore{Name: e.Name, Class: e.Class, Expect: want.expect, From: e.From, To: e.To}
	for i := range all {
		inc := &all[i]
		if inc.Severity.Rank() < detect.Medium.Rank() || !e.concerns(inc) {
			continue
		}
		used[inc.ID] = true
		if want.expect != ExpectAttack {
			if out.Said == "" {
				out.Said, out.Incident = inc.Kind, inc.ID
			}
			continue
		}
		right := inc.Severity.Rank() >= want.severity.Rank() &&
			(want.category == "-" || want.category == inc.Category) && (len(want.kinds) == 0 || slices.Contains(want.kinds, inc.Kind))
		seconds := max(0, inc.Detected.Sub(e.From).Seconds())
		if !out.Detected || right && !out.Right || right == out.Right && seconds < out.Seconds {
			out.Detected, out.Right, out.Said, out.Seconds, out.Incident = true, right, inc.Kind, seconds, inc.ID
		}
	}
	return out
}

// concerns reports whether an incident is about an event: at its time, and about one
// of those concerned, as its subject or at its other end.
func (e *Event) concerns(inc *incident.Incident) bool {
	if inc.Started.After(e.To.Add(late)) || inc.LastSeen.Before(e.From) {
		return false
	}
	if len(e.Who) == 0 {
		return true
	}
	p, err := inc.Prefix()
	if err == nil && slices.ContainsFunc(e.Who, p.Contains) {
		return true
	}
	for _, ends := range [2][]detect.Share{inc.Top.Sources, inc.Top.Destinations} {
		for i := range ends {
			if a, err := netip.ParseAddr(ends[i].Key); err == nil && slices.Contains(e.Who, a) {
				return true
			}
		}
	}
	return false
}

// benign counts the incidents about devices with nothing but benign traffic.
func (c *SheetScore) benign(devices []netip.Addr, r *Result, used map[string]bool) {
	c.BenignDevices = len(devices)
	for i := range r.Incidents {
		inc := &r.Incidents[i]
		p, err := inc.Prefix()
		_, innocent := slices.BinarySearchFunc(devices, p.Addr(), netip.Addr.Compare)
		switch {
		case err == nil && p.IsSingleIP() && innocent && !used[inc.ID]:
			c.Alerts[inc.Severity]++
			if inc.Severity.Rank() >= detect.Medium.Rank() {
				c.Alarmed = append(c.Alarmed, Alarm{Device: inc.Subject, Kind: inc.Kind, Severity: inc.Severity})
			}
		case !used[inc.ID] && inc.Severity.Rank() >= detect.Medium.Rank():
			c.Beside++
		}
	}
	c.DeviceWeeks = float64(len(devices)) * r.Duration.Hours() / (7 * 24)
	for severity, n := range c.Alerts {
		if c.DeviceWeeks > 0 {
			c.PerDeviceWeek[severity] = float64(n) / c.DeviceWeeks
		}
	}
}

// confuse counts events by class and what they were called, and benign devices.
func (c *SheetScore) confuse() {
	rows := map[string]map[string]int{}
	count := func(class, said string) {
		if rows[class] == nil {
			rows[class] = map[string]int{}
		}
		rows[class][cmp.Or(said, nothing)]++
	}
	for i := range c.Events {
		if e := &c.Events[i]; e.Expect == ExpectAttack {
			count(e.Class, e.Said)
		}
	}
	loud := map[string]bool{}
	for _, a := range c.Alarmed {
		if !loud[a.Device] {
			count(benignDevices, a.Kind)
		}
		loud[a.Device] = true
	}
	for range c.BenignDevices - len(loud) {
		count(benignDevices, "")
	}
	for _, class := range slices.Sorted(maps.Keys(rows)) {
		c.Confusion = append(c.Confusion, Confused{Class: class, Said: rows[class]})
	}
}

const (
	nothing       = "nothing"
	benignDevices = "benign devices"
)

// Text is what a class was called, in one line.
func (c *Confused) Text() string {
	out := make([]string, 0, len(c.Said))
	for _, said := range slices.Sorted(maps.Keys(c.Said)) {
		out = append(out, said+" "+strconv.Itoa(c.Said[said]))
	}
	return strings.Join(out, ", ")
}
