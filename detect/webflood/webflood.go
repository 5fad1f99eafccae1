// SPDX-License-Identifier: Apache-2.0

// Package webflood finds attacks on web servers that no packet rate betrays. So
// far that is one: slow requests (slow_http), many connections from few sources
// that each send a line now and then, never end, and get no answer, until the
// server has no place left for others.
package webflood

import (
	"errors"
	"fmt"
	"time"

	"tidewatch/detect"
	"tidewatch/window"
)

// Config holds the limits. All must be passed.
type Config struct {
	MinHeld   float64 `yaml:"min_held"`   // fewer unfinished requests held open at once are never judged
	PerSource float64 `yaml:"per_source"` // so many of them per source are no browser's
	Growth    float64 `yaml:"growth"`     // times what the server held ten minutes before
}

// DefaultConfig suits servers with a few hundred workers (Apache httpd 2.4 has
// 400 unless told otherwise, nginx 512 connections a worker). A browser opens six
// connections to a server.
func DefaultConfig() Config { return Config{MinHeld: 400, PerSource: 8, Growth: 3} }

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	if c.MinHeld < 1 || c.PerSource < 1 || c.Growth < 1 {
		return errors.New("min_held, per_source and growth must be at least 1")
	}
	return nil
}

// Detector keeps nothing.
type Detector struct{ cfg Config }

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense.
func New(cfg Config) (*Detector, error) {
	d := &Detector{}
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

const (
	// Routers cut a long flow after a minute (active timeout), so the minutes
	// before the running one are the newest that are known.
	newest, oldest = 1, 3
	// before is with how long ago, in minutes, a server is compared.
	before = 10
)

// Detect judges every busy server whose traffic was revised since the last tick.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	now := w.Now / 60
	for i := range w.Revised() {
		h := w.Host(i)
		for minute := now - newest; minute >= now-oldest; minute-- {
			if !h.HeldMany(minute, d.cfg.MinHeld) {
				continue
			}
			if f, ok := d.judge(h, minute); ok {
				f.At = w.At()
				out = append(out, f)
				break
			}
		}
	}
	return out
}

// judge tells whether what a server held in a minute is an attack.
func (d *Detector) judge(h *window.Host, minute int64) (f detect.Finding, ok bool) {
	conns, sources := h.Held(minute)
	past, _ := h.Held(minute - before)
	each := conns / float64(max(sources, 1))
	if each < d.cfg.PerSource || conns < d.cfg.Growth*past {
		return f, false
	}
	started := minute
	for m := minute - 1; m > minute-before && h.HeldMany(m, max(1, conns/10)); m-- {
		started = m
	}
	f = detect.Finding{
		Detector: d.Name(), Category: detect.DDoSAttack, Kind: "ddos", Vector: "slow_http", Subject: detect.HostSubject(h.Addr),
		Started: time.Unix(60*started, 0).UTC(), Last: time.Unix(max(h.HeldUntil()+1, 60*started), 0).UTC(),
		Baseline: detect.NoBaseline(), Metrics: detect.Metrics{Sources: sources},
	}
	add := func(name string, observed, expected float64, unit string, weight float64) {
		f.Indicators = append(f.Indicators, detect.Indicator{Name: name, Observed: observed, Expected: expected, Unit: unit, Weight: weight})
		f.Score = detect.Plus(f.Score, weight)
	}
	add("held_connections", conns, d.cfg.MinHeld, "connections", 0.4)
	add("connections_per_source", each, d.cfg.PerSource, "connections", 0.2)
	add("held_growth", conns, past, "connections", 0.2)
	f.Severity = detect.SeverityOf(f.Score)
	return f, true
}
