// SPDX-License-Identifier: Apache-2.0

// Package upload finds devices that send far more to outside than they receive,
// and far more so than they ever do. It judges what a device exchanges as
// client; what a server answers is asked for.
package upload

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Config holds the limits.
type Config struct {
	Ratio     float64 `yaml:"ratio"`      // bytes sent over received above this are unusual; raising it finds less
	MinBytes  uint64  `yaml:"min_bytes"`  // a device that sent less in about half a day is never judged
	Sigma     float64 `yaml:"sigma"`      // deviations above the device's own usual ratio, in log space, that it must exceed
	Far       float64 `yaml:"far"`        // times the ratio must lie above the device's own limit: twice is far
	LearnDays int     `yaml:"learn_days"` // days that a device must be known before it is judged, with traffic on two thirds of them
}

// DefaultConfig holds the default of mission row B5, five times, and a floor of 50 MB.
func DefaultConfig() Config {
	return Config{Ratio: 5, MinBytes: 50e6, Sigma: 3, Far: 2, LearnDays: 7}
}

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Ratio <= 0 || c.Sigma <= 0 || c.MinBytes == 0:
		return errors.New("ratio, sigma and min_bytes must be positive")
	case c.Far < 1:
		return errors.New("far must be at least 1")
	case c.LearnDays < 1:
		return errors.New("learn_days must be at least 1")
	}
	return nil
}

// Past tells what is usual for a device.
type Past interface {
	Habits(addr flow.Addr) *baseline.Habits
}

// Detector keeps nothing between ticks.
type Detector struct {
	cfg  Config
	past Past
}

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense.
func New(cfg Config, past Past) (*Detector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("upload: %w", err)
	}
	return &Detector{cfg: cfg, past: past}, nil
}

// Configure judges by other limits from the next tick on. It must not run beside
// Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	d.cfg = cfg
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "upload" }

// Detect judges, once a minute, every device that met anybody in it.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	if !w.Minute || d.past == nil {
		return out
	}
	for i := range w.Contacts() {
		c := w.Contact(i)
		if c == nil || c.Sent <= uint64(d.cfg.Ratio*float64(c.Received)) || 4*c.Sent < d.cfg.MinBytes {
			continue // this hour adds nothing lopsided: the cheap way out for most devices
		}
		h := d.past.Habits(c.Addr)
		if h == nil || !h.Learned(w.Now/3600, d.cfg.LearnDays) {
			continue
		}
		u := h.Upload(w.Now/3600, c.Sent, c.Received, d.cfg.Sigma)
		limit := max(d.cfg.Ratio, d.cfg.Far*u.Limit)
		if u.Known && u.Ratio > limit && u.Sent >= max(float64(d.cfg.MinBytes), u.Most) {
			if f, ok := d.finding(w, c, h, &u); ok {
				out = append(out, f)
			}
		}
	}
	return out
}

// finding turns an upload into numbers beside expected numbers. Alone it is
// medium, and high when it is also thrice what the device may send (mission B6); ok
// is false when nothing goes out any more.
func (d *Detector) finding(w *window.Window, c *window.Contacts, h *baseline.Habits, u *baseline.Upload) (f detect.Finding, ok bool) {
	f = detect.Finding{
		Detector: d.Name(), Category: detect.BaselineAnomaly, Kind: "upload_ratio",
		Subject: detect.HostSubject(c.Addr), At: w.At(), Score: 0.65, Severity: detect.Medium,
		Baseline: detect.Baseline{Level: "global", Samples: h.Days(), AgeDays: h.AgeDays(w.Now / 3600)},
		Metrics:  detect.Metrics{Bytes: uint64(u.Sent), UploadRatio: u.Ratio},
	}
	started, last := w.Now, int64(0)
	for i := range c.Peers() {
		p := &c.Peers()[i]
		if p.Tie&(window.Outside|window.Served) != window.Outside || p.Sent <= p.Received {
			continue
		}
		started, last = min(started, p.First), max(last, p.Last)
		f.Top.Destinations = append(f.Top.Destinations, detect.Share{Key: p.Addr.String(), Bytes: p.Sent, Share: float64(p.Sent) / max(float64(c.Sent), 1)})
	}
	if last < w.Now-120 {
		return f, false
	}
	slices.SortFunc(f.Top.Destinations, func(a, b detect.Share) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Key, b.Key))
	})
	f.Metrics.Destinations = uint64(len(f.Top.Destinations))
	f.Top.Destinations = f.Top.Destinations[:min(len(f.Top.Destinations), 10)]
	f.Metrics.TopDestinationShare = f.Top.Destinations[0].Share
	f.Started, f.Last = time.Unix(started, 0).UTC(), time.Unix(last+1, 0).UTC()
	f.Metrics.DurationSeconds = f.Last.Sub(f.Started).Seconds()
	f.Indicators = []detect.Indicator{
		{Name: "upload_ratio", Observed: u.Ratio, Expected: max(d.cfg.Ratio, d.cfg.Far*u.Limit), Unit: "ratio", Weight: 0.4},
	}
	if u.Sent > 3*u.Most {
		f.Score, f.Severity = 0.8, detect.High
		f.Indicators = append(f.Indicators, detect.Indicator{Name: "upload_bytes", Observed: u.Sent, Expected: u.Most, Unit: "bytes", Weight: 0.4})
	}
	return f, true
}
