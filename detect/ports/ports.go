// SPDX-License-Identifier: Apache-2.0

// Package ports finds devices that use, or begin to offer, unusually many
// services they never had to do with.
package ports

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Config holds the limits.
type Config struct {
	Ports     int     `yaml:"ports"`      // more new services on a day than this are unusual; raising it finds less
	MinBytes  uint64  `yaml:"min_bytes"`  // new services that together carried less are never judged
	Sigma     float64 `yaml:"sigma"`      // deviations above the device's own usual day of news that their number must exceed
	LearnDays int     `yaml:"learn_days"` // days that a device must be known before it is judged, with traffic on two thirds of them
}

// DefaultConfig holds the default of mission row B5, ten new ports, and a floor of 1 MB.
func DefaultConfig() Config { return Config{Ports: 10, MinBytes: 1e6, Sigma: 3, LearnDays: 7} }

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Ports < 1 || c.Sigma <= 0 || c.MinBytes == 0:
		return errors.New("ports, sigma and min_bytes must be positive")
	case c.LearnDays < 1:
		return errors.New("learn_days must be at least 1")
	}
	return nil
}

// Past tells what is usual for a device.
type Past interface {
	Habits(addr flow.Addr) *baseline.Habits
	Slot(hour int64) (day uint16, slot int)
}

// Detector keeps nothing between ticks.
type Detector struct {
	cfg  Config
	past Past
	day  uint16
}

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense.
func New(cfg Config, past Past) (*Detector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("ports: %w", err)
	}
	return &Detector{cfg: cfg, past: past}, nil
}

// Configure judges by other limits from the next tick on. It must not run beside
// Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("ports: %w", err)
	}
	d.cfg = cfg
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "ports" }

// Detect judges, once a minute, every device that met anybody in it.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	if !w.Minute || d.past == nil {
		return out
	}
	d.day, _ = d.past.Slot(w.Now / 3600)
	for i := range w.Contacts() {
		c := w.Contact(i)
		if c == nil {
			continue
		}
		h := d.past.Habits(c.Addr)
		if h == nil || !h.Learned(w.Now/3600, d.cfg.LearnDays) {
			continue
		}
		if n, ok := d.judge(w, c, h); ok {
			out = append(out, d.finding(w, c, h, &n))
		}
	}
	return out
}

// news are the services that are new with a device today.
type news struct {
	count, offered int
	bytes          float64
	limit          float64
	started, last  int64
}

func (d *Detector) judge(w *window.Window, c *window.Contacts, h *baseline.Habits) (n news, ok bool) {
	n.started = w.Now
	all := c.Services()
	for i := range all {
		s := &all[i]
		if !fresh(s, h) {
			continue
		}
		n.count++
		if s.Tie&window.Served != 0 {
			n.offered++
		}
		n.bytes += float64(s.Bytes)
		n.started, n.last = min(n.started, s.First), max(n.last, s.Last)
	}
	if n.count == 0 || n.last < w.Now-120 {
		return n, false
	}
	today := h.Today(d.day)
	if 4*n.count < int(today.Services) {
		return n, false // the news are those of an earlier hour, which were judged
	}
	n.count += int(today.Services)
	n.bytes += float64(today.ServiceBytes)
	limit := h.NewLimits(d.cfg.Sigma)
	n.limit = max(limit.Services, float64(d.cfg.Ports))
	return n, limit.Known && float64(n.count) > n.limit && n.bytes >= float64(d.cfg.MinBytes)
}

// fresh reports a service that the device never had to do with. Ports given out
// for the occasion are one service, and no news.
func fresh(s *window.Service, h *baseline.Habits) bool {
	return s.Key&0xffff != window.DynamicPort && !h.KnowsService(baseline.ServiceKey(s))
}

// finding turns the news into numbers beside expected numbers. New ports alone
// are medium (mission B6).
func (d *Detector) finding(w *window.Window, c *window.Contacts, h *baseline.Habits, n *news) detect.Finding {
	f := detect.Finding{
		Detector: d.Name(), Category: detect.BaselineAnomaly, Kind: "new_ports",
		Subject: detect.HostSubject(c.Addr), At: w.At(),
		Started: time.Unix(n.started, 0).UTC(), Last: time.Unix(n.last+1, 0).UTC(),
		Score: 0.6, Severity: detect.Medium,
		Baseline: detect.Baseline{Level: "global", Samples: h.Days(), AgeDays: h.AgeDays(w.Now / 3600)},
		Metrics:  detect.Metrics{Bytes: uint64(n.bytes), Ports: uint64(n.count)},
	}
	f.Indicators = []detect.Indicator{
		{Name: "new_ports", Observed: float64(n.count), Expected: n.limit, Unit: "ports", Weight: 0.2},
	}
	if n.offered > 0 {
		f.Indicators = append(f.Indicators, detect.Indicator{Name: "new_services_offered", Observed: float64(n.offered), Unit: "ports"})
	}
	for i := range c.Services() {
		s := &c.Services()[i]
		if fresh(s, h) {
			key := strconv.Itoa(int(s.Key&0xffff)) + "/" + flow.ProtoName(uint8(s.Key>>16))
			f.Top.Ports = append(f.Top.Ports, detect.Share{Key: key, Bytes: s.Bytes, Share: float64(s.Bytes) / max(n.bytes, 1)})
		}
	}
	slices.SortFunc(f.Top.Ports, func(a, b detect.Share) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Key, b.Key))
	})
	f.Top.Ports = f.Top.Ports[:min(len(f.Top.Ports), 10)]
	return f
}
