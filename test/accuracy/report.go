// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"net/netip"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/scenario"
)

// report is what all seeds together gave.
type report struct {
	Version    int      `json:"version"`
	Devices    int      `json:"devices"`
	Seeds      []uint64 `json:"seeds"`
	TrainDays  int      `json:"train_days"`
	JudgedDays int      `json:"judged_days"`
	Injections []string `json:"injections,omitempty"`
	Flows      uint64   `json:"flows"`
	Packets    uint64   `json:"packets"`
	Bytes      uint64   `json:"bytes"`

	// DeviceWeeks are those judged, without devices that something was done to.
	DeviceWeeks float64 `json:"device_weeks"`
	Medium      float64 `json:"medium_per_device_week"` // false alerts of medium and above
	High        float64 `json:"high_per_device_week"`   // of high and above

	Kinds     *counts        `json:"kinds"`
	Roles     *counts        `json:"roles"`
	Occasions *counts        `json:"occasions"`
	Alerts    []falseAlert   `json:"false_alerts"`
	Events    []injected     `json:"events,omitempty"`
	events    []pendingEvent // until the false alerts of all seeds are known
}

// falseAlert is one incident in which nothing was wrong.
type falseAlert struct {
	Seed     uint64          `json:"seed"`
	Subject  string          `json:"subject"`
	Role     string          `json:"role"`
	Occasion string          `json:"occasion"`
	Category detect.Category `json:"category"`
	Kind     string          `json:"kind"`
	Vector   string          `json:"vector,omitempty"`
	Severity detect.Severity `json:"severity"`
	Started  time.Time       `json:"started"`
	Hours    float64         `json:"hours"`
	Sigma    float64         `json:"sigma"`
	Level    string          `json:"baseline_level"`
	Samples  int             `json:"baseline_samples"`
	Signs    []string        `json:"indicators"`
}

// add takes the incidents of one network.
func (r *report) add(seed uint64, s *scenario.Scenario, until time.Time, incidents []incident.Incident) {
	if r.Kinds == nil {
		r.Kinds, r.Roles, r.Occasions = &counts{}, &counts{}, &counts{}
	}
	r.Seeds = append(r.Seeds, seed)
	w := newWorld(s, until)
	for i := range w.devices {
		d := &w.devices[i]
		if weeks := w.weeks(d); weeks > 0 && !w.hit[d.Addr] {
			r.DeviceWeeks += weeks
			r.Roles.row(d.Role).DeviceWeeks += weeks
		}
	}
	for i := range incidents {
		inc := &incidents[i]
		if a, err := netip.ParseAddr(inc.Subject); err == nil && w.hit[a] {
			continue
		}
		f := w.explain(inc)
		f.Seed = seed
		r.Alerts = append(r.Alerts, f)
		name := string(f.Category) + "/" + f.Kind
		if f.Vector != "" {
			name += "/" + f.Vector
		}
		r.Kinds.row(name).count(f.Severity)
		r.Roles.row(f.Role).count(f.Severity)
		r.Occasions.row(f.Occasion).count(f.Severity)
	}
	truth := s.Truth()
	for i := range truth {
		if t := &truth[i]; t.Injection != "" {
			r.events = append(r.events, pendingEvent{seed: seed, truth: *t, role: w.role(t.Subject), incidents: about(incidents, t.Subject)})
		}
	}
}

// finish computes what needs all seeds.
func (r *report) finish() {
	var all row
	for i := range r.Kinds.Rows {
		all.plus(&r.Kinds.Rows[i])
	}
	r.Medium, r.High = float64(all.medium())/r.DeviceWeeks, float64(all.high())/r.DeviceWeeks
	for i := range r.Kinds.Rows {
		r.Kinds.Rows[i].DeviceWeeks = r.DeviceWeeks
	}
	for i := range r.Occasions.Rows {
		r.Occasions.Rows[i].DeviceWeeks = r.DeviceWeeks
	}
	r.Kinds.sort()
	r.Roles.sort()
	r.Occasions.sort()
	rises := map[string]float64{} // false alerts by role that could be taken for a find
	for i := range r.Alerts {
		if a := &r.Alerts[i]; a.Kind != silence && a.Severity.Rank() >= detect.Medium.Rank() {
			rises[a.Role]++
		}
	}
	for i := range r.events {
		e := &r.events[i]
		weeks := r.Roles.row(e.role).DeviceWeeks
		if weeks == 0 { // something was done to all devices of the role: it has no rate of its own
			weeks = r.DeviceWeeks
		}
		r.Events = append(r.Events, e.judge(rises[e.role]/weeks))
	}
}

// counts are rows in the order they were first seen, then by size.
type counts struct {
	Rows []row `json:"rows"`
}

// row is how many incidents of each severity there were.
type row struct {
	Name        string  `json:"name"`
	Severities  [4]int  `json:"low_medium_high_critical"`
	DeviceWeeks float64 `json:"device_weeks"`
}

func (r *row) count(s detect.Severity) { r.Severities[max(s.Rank(), 0)]++ }
func (r *row) medium() int             { return r.Severities[1] + r.high() }
func (r *row) high() int               { return r.Severities[2] + r.Severities[3] }

func (r *row) plus(o *row) {
	for i, n := range o.Severities {
		r.Severities[i] += n
	}
}

// chance is how likely at least one false alert falls into some weeks of a device.
func chance(perWeek, weeks float64) float64 { return 1 - math.Exp(-perWeek*weeks) }
