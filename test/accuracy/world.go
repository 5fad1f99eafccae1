// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/scenario"
)

// world is what is known of one network.
type world struct {
	devices    []scenario.Device
	byAddr     map[netip.Addr]*scenario.Device
	hit        map[netip.Addr]bool // devices that something was done to
	site       []scenario.Occasion
	own        map[netip.Addr][]scenario.Occasion // of one device
	start      time.Time
	until, end time.Time // the judged time
}

func newWorld(s *scenario.Scenario, until time.Time) *world {
	cfg := s.Config()
	w := &world{
		devices: s.Devices(), byAddr: map[netip.Addr]*scenario.Device{}, hit: map[netip.Addr]bool{},
		own: map[netip.Addr][]scenario.Occasion{}, start: cfg.Start, until: until, end: cfg.Start.Add(cfg.Duration),
	}
	occasions := s.Occasions()
	for i := range occasions {
		if o := &occasions[i]; o.Subject.IsValid() {
			w.own[o.Subject] = append(w.own[o.Subject], *o)
		} else {
			w.site = append(w.site, *o)
		}
	}
	for i := range w.devices {
		w.byAddr[w.devices[i].Addr] = &w.devices[i]
	}
	truth := s.Truth()
	for i := range truth {
		if truth[i].Injection != "" {
			w.hit[truth[i].Subject] = true
		}
	}
	return w
}

// weeks is how much of the judged time the device was there.
func (w *world) weeks(d *scenario.Device) float64 {
	from, to := d.Since, d.Until
	if from.Before(w.until) {
		from = w.until
	}
	if to.After(w.end) {
		to = w.end
	}
	return max(0, to.Sub(from).Hours()/(7*24))
}

func (w *world) role(a netip.Addr) string {
	if d := w.byAddr[a]; d != nil {
		return d.Role
	}
	return "no device"
}

// newcomer is how long a device counts as new: until its hours have eight samples.
const newcomer = 9 * 24 * time.Hour

// explain tells what was going on when an incident began. The first that holds
// is named; an incident shortly after an occasion belongs to it.
func (w *world) explain(inc *incident.Incident) falseAlert {
	a, err := netip.ParseAddr(inc.Subject)
	if err != nil {
		a = netip.Addr{} // a prefix
	}
	d := w.byAddr[a]
	f := falseAlert{
		Subject: inc.Subject, Role: w.role(a),
		Category: inc.Category, Kind: inc.Kind, Vector: inc.Vector, Severity: inc.Severity,
		Started: inc.Started, Hours: inc.LastSeen.Sub(inc.Started).Hours(), Sigma: inc.Metrics.Sigma,
		Level: inc.Baseline.Level, Samples: inc.Baseline.Samples, Signs: []string{},
	}
	for i := range inc.Indicators {
		f.Signs = append(f.Signs, inc.Indicators[i].Name)
	}
	f.Occasion = w.occasion(inc, a, d)
	return f
}

// occasion names what was going on; d is nil when the subject is no device.
func (w *world) occasion(inc *incident.Incident, a netip.Addr, d *scenario.Device) string {
	for _, name := range []string{"collector down", "user away", "public holiday", "software update", "month end", "weekend", "Monday morning"} {
		for _, list := range [][]scenario.Occasion{w.site, w.own[a]} {
			for i := range list {
				if o := &list[i]; o.Name == name && inc.Started.Before(o.End.Add(time.Hour)) && inc.LastSeen.After(o.Start) {
					return name
				}
			}
		}
	}
	switch {
	case d == nil:
	case d.Since.After(w.start) && inc.Started.Before(d.Since.Add(newcomer)):
		return "new device"
	case d.Until.Before(w.end) && inc.LastSeen.After(d.Until.Add(-time.Hour)):
		return "device gone"
	case d.Backup && inc.Started.Hour() < 8:
		return "nightly backup"
	}
	return "nothing special"
}

func (c *counts) row(name string) *row {
	for i := range c.Rows {
		if c.Rows[i].Name == name {
			return &c.Rows[i]
		}
	}
	c.Rows = append(c.Rows, row{Name: name})
	return &c.Rows[len(c.Rows)-1]
}

// sort puts the rows with most alerts first.
func (c *counts) sort() {
	slices.SortFunc(c.Rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.medium(), a.medium()), cmp.Compare(b.high(), a.high()), cmp.Compare(a.Name, b.Name))
	})
}

// pendingEvent is one injection with all incidents about its device.
type pendingEvent struct {
	seed      uint64
	truth     scenario.Truth
	role      string
	incidents []incident.Incident
}

// injected is one injection and what was said about it.
type injected struct {
	Seed     uint64          `json:"seed"`
	Name     string          `json:"name"`
	Role     string          `json:"role"`
	Subject  string          `json:"subject"`
	Start    time.Time       `json:"start"`
	Harmless bool            `json:"harmless,omitempty"` // must not be called an attack or a theft
	OK       bool            `json:"ok"`                 // found; harmless: not called an attack
	Said     string          `json:"said,omitempty"`     // kind of the most severe incident
	Severity detect.Severity `json:"severity,omitempty"`
	Sigma    float64         `json:"sigma"`
	Hours    float64         `json:"hours_to_detect"`
	Further  int             `json:"further"` // incidents beside the most severe
	// Chance is how likely a false alert of its role would have looked like a find.
	Chance float64 `json:"chance"`
}

func about(incidents []incident.Incident, subject netip.Addr) (out []incident.Incident) {
	for i := range incidents {
		if incidents[i].Subject == subject.String() {
			out = append(out, incidents[i])
		}
	}
	return out
}

// silence is the kind of an incident about too little traffic. All that is
// injected is more, so it finds nothing.
const silence = "silence"

// judge looks for incidents of medium and above that lie in the event's time,
// or begin within an hour after it.
func (p *pendingEvent) judge(perWeek float64) injected {
	t := &p.truth
	out := injected{
		Seed: p.seed, Name: t.Injection, Role: p.role, Subject: t.Subject.String(), Start: t.Start, Harmless: t.MustNotAlert,
		OK: t.MustNotAlert, Chance: chance(perWeek, (t.End.Sub(t.Start)+time.Hour).Hours()/(7*24)),
	}
	first := time.Time{}
	for i := range p.incidents {
		inc := &p.incidents[i]
		if inc.Kind == silence || inc.Severity.Rank() < detect.Medium.Rank() || inc.Started.Before(t.Start.Add(-10*time.Minute)) || inc.Detected.Before(t.Start) ||
			inc.Started.After(t.End.Add(time.Hour)) {
			continue
		}
		if first.IsZero() || inc.Detected.Before(first) {
			first = inc.Detected
		}
		if out.Said != "" {
			out.Further++
		}
		if inc.Severity.Rank() > out.Severity.Rank() {
			out.Severity, out.Said = inc.Severity, inc.Kind
		}
		out.Sigma = max(out.Sigma, inc.Metrics.Sigma)
		if out.Harmless {
			out.OK = out.OK && inc.Category == detect.BaselineAnomaly
		} else {
			out.OK = true
		}
	}
	if !first.IsZero() {
		out.Hours = first.Sub(t.Start).Hours()
	}
	return out
}
