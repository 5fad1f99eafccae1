// SPDX-License-Identifier: Apache-2.0

// Package offhours finds devices that work at an hour at which they never do: a
// camera at three in the morning. A device without regular hours has none that
// are off.
package offhours

import (
	"errors"
	"fmt"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Config holds the limits.
type Config struct {
	MinBytes  uint64  `yaml:"min_bytes"`  // five minutes with less are never judged
	Share     float64 `yaml:"share"`      // share of the mean five minutes of its busy hours that they must reach; raising it finds less
	LearnDays int     `yaml:"learn_days"` // days that a device must be known before it is judged, with traffic on two thirds of them
}

// DefaultConfig judges after two weeks, from 5 MB in five minutes, and a quarter of what is usual, on.
func DefaultConfig() Config { return Config{MinBytes: 5e6, Share: 0.25, LearnDays: 14} }

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.MinBytes < 256_000:
		return errors.New("min_bytes must be at least 256000: with less a device counts as idle")
	case c.Share < 0 || c.Share > 1:
		return errors.New("share must lie between 0 and 1")
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
}

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense.
func New(cfg Config, past Past) (*Detector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("offhours: %w", err)
	}
	return &Detector{cfg: cfg, past: past}, nil
}

// Configure judges by other limits from the next tick on. It must not run beside
// Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("offhours: %w", err)
	}
	d.cfg = cfg
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "offhours" }

// Detect judges the last five minutes of all devices once a minute.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	if !w.Minute || d.past == nil {
		return out
	}
	_, slot := d.past.Slot(w.Now / 3600)
	for i := range w.Devices() {
		dev, ok := w.Device(i)
		if !ok || dev.Touched() < w.Now-120 {
			continue
		}
		five := dev.Five()
		bytes := five.Bytes[window.In] + five.Bytes[window.Out]
		if bytes < d.cfg.MinBytes {
			continue
		}
		h := d.past.Habits(dev.Addr())
		if h == nil || !h.Learned(w.Now/3600, d.cfg.LearnDays) || float64(bytes) < d.cfg.Share*h.Busy()/12 {
			continue
		}
		if is, samples := h.Idle(slot); is != baseline.NotIdle {
			out = append(out, d.finding(w, dev, h, is, samples))
		}
	}
	return out
}

// finding is medium at an hour at which the device never works on any day, or,
// for a server or a thing, on this day of the week. People come in on a Saturday.
func (d *Detector) finding(w *window.Window, dev window.Device, h *baseline.Habits, is baseline.Idle, samples int) detect.Finding {
	five := dev.Five()
	bytes := five.Bytes[window.In] + five.Bytes[window.Out]
	f := detect.Finding{
		Detector: d.Name(), Category: detect.BaselineAnomaly, Kind: "off_hours",
		Subject: detect.HostSubject(dev.Addr()), At: w.At(), Last: w.At(),
		Started: time.Unix(w.Now+1-300, 0).UTC(), Score: 0.4, Severity: detect.Low,
		Baseline: detect.Baseline{Level: "hour_of_week", Samples: samples, AgeDays: h.AgeDays(w.Now / 3600)},
		Metrics: detect.Metrics{
			Bytes: bytes, Packets: five.Packets[window.In] + five.Packets[window.Out],
			BitsPerSecond: 8 * float64(bytes) / 300, DurationSeconds: 300, OffHoursShare: 1,
		},
	}
	role, _ := h.Role()
	if is == baseline.IdleEveryDay {
		f.Baseline.Level = "hour_of_day"
	}
	if is == baseline.IdleEveryDay || role == baseline.Server || role == baseline.Thing {
		f.Score, f.Severity = 0.6, detect.Medium
	}
	f.Indicators = []detect.Indicator{
		{Name: "idle_hour", Observed: float64(bytes), Expected: 0, Unit: "bytes", Weight: f.Score},
	}
	return f
}
