// SPDX-License-Identifier: Apache-2.0

// Package webflood finds attacks on web servers that no packet rate betrays, since
// their connections come about like any other.
//
// Slow requests (slow_http): connections that each send a line now and then, never
// end, and get no answer, until the server has no place left for others.
//
// Floods of requests (http_flood): more connections from each of many sources than
// people make, or many times the usual number whose sizes are all alike.
package webflood

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
	MinHeld     float64 `yaml:"min_held"`            // fewer unfinished requests held open at once are never judged
	PerSource   float64 `yaml:"per_source"`          // so many of them per source are no browser's
	Growth      float64 `yaml:"growth"`              // times what the server usually holds, or is asked by sources that are all alike
	MinRequests float64 `yaml:"min_requests"`        // fewer connections/s that came about are never judged
	SourceRate  float64 `yaml:"requests_per_source"` // so many of them per second from one source are not one person's
	Sigma       float64 `yaml:"sigma"`               // deviations above the device's past that count as abnormal
}

// DefaultConfig suits servers with a few hundred workers (Apache httpd 2.4 has
// 400 unless told otherwise, nginx 512 connections a worker). A browser waits for one
// web socket or long poll a page, so that two of everybody are not people's. A page
// of a hundred objects, each in a connection of its own (no keep-alive), read in ten
// seconds, makes ten connections a second; twenty such readers at once make 200.
func DefaultConfig() Config {
	return Config{MinHeld: 400, PerSource: 2, Growth: 3, MinRequests: 200, SourceRate: 10, Sigma: 3}
}

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	if c.MinHeld < 1 || c.PerSource < 1 || c.Growth < 1 {
		return errors.New("min_held, per_source and growth must be at least 1")
	}
	if c.MinRequests < 1 || c.SourceRate < 1 || c.Sigma <= 0 {
		return errors.New("min_requests and requests_per_source must be at least 1, and sigma positive")
	}
	return nil
}

// Past tells what is normal for a device.
type Past interface {
	At(addr flow.Addr, at time.Time, m baseline.Measure) (baseline.Normal, bool)
}

// Detector keeps nothing between ticks but memory to work in.
type Detector struct {
	cfg  Config
	past Past
	top  []window.Entry
}

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense. A nil past means that no device
// has one.
func New(cfg Config, past Past) (*Detector, error) {
	d := &Detector{past: past}
	err := d.Configure(cfg)
	return d, err
}

// Configure judges by other limits from the next tick on. It must not run beside
// Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("webflood: %w", err)
	}
	d.cfg = cfg
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "webflood" }

// Detect judges every busy server whose traffic was revised since the last tick.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	for i := range w.Revised() {
		h := w.Host(i)
		if f, ok := d.slow(w, h); ok {
			out = append(out, f)
		}
		if f, ok := d.requests(w, h); ok {
			out = append(out, f)
		}
	}
	return out
}

// finding begins one.
func (d *Detector) finding(w *window.Window, h *window.Host, vector string, from, to int64) detect.Finding {
	return detect.Finding{
		Detector: d.Name(), Category: detect.DDoSAttack, Kind: "ddos", Vector: vector, Subject: detect.HostSubject(h.Addr), At: w.At(),
		Started: time.Unix(from, 0).UTC(), Last: time.Unix(max(to, from), 0).UTC(), Baseline: detect.NoBaseline(),
	}
}

// add weighs an indicator in.
func add(f *detect.Finding, i *detect.Indicator) {
	f.Indicators = append(f.Indicators, *i)
	f.Score = detect.Plus(f.Score, i.Weight)
}
