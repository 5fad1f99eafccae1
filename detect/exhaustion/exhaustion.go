// SPDX-License-Identifier: Apache-2.0

// Package exhaustion finds attacks on the table of connections of a device
// (connection_exhaustion): connections to any TCP service that come about and are
// then kept open with nothing going on, until there is no place for others.
// Unfinished requests to web servers are judged by webflood.
package exhaustion

import (
	"errors"
	"fmt"
	"time"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Config holds the limits. All must be passed.
type Config struct {
	MinOpen   float64 `yaml:"min_open"`   // fewer idle connections held open at once are never judged
	PerSource float64 `yaml:"per_source"` // so many of them per source are no person's; not asked when most new connections stay idle
	Growth    float64 `yaml:"growth"`     // times what the device usually holds
}

// DefaultConfig suits services with the usual bound of 1 024 open files a process
// (Linux and its daemons unless told otherwise). A mail program or a browser opens
// six connections to a server at most.
func DefaultConfig() Config { return Config{MinOpen: 1000, PerSource: 8, Growth: 3} }

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	if c.MinOpen < 1 || c.PerSource < 1 || c.Growth < 1 {
		return errors.New("min_open, per_source and growth must be at least 1")
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
		return fmt.Errorf("exhaustion: %w", err)
	}
	d.cfg = cfg
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "exhaustion" }

const (
	// memory is for how many seconds after the last held connection is known what was held.
	memory = 150
	// idle is the share of new connections in which nothing follows the handshake that
	// no service has: browsers open a few in advance, and customers give up.
	idle = 0.5
	// minute is over how many seconds new connections are counted.
	minute = 60
	// longPiece is how long a record of an idle connection lasts, and it has at most a
	// packet a second: what window counts as held. In nanoseconds.
	longPiece = 10e9
)

// Detect judges every busy device whose traffic was revised since the last tick.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	for i := range w.Revised() {
		h := w.Host(i)
		v := h.HeldIdle()
		if v.Until() < w.Now-memory || h.New(w.Now-memory) {
			continue // while nobody knows what is usual, a pool of connections is one
		}
		open, at := v.Most(w.Now)
		if open < d.cfg.MinOpen || open < d.cfg.Growth*v.Usual() {
			continue
		}
		if f, ok := d.judge(h, open, at); ok {
			f.At = w.At()
			out = append(out, f)
		}
	}
	return out
}

// judge tells whether so many idle connections are an attack.
func (d *Detector) judge(h *window.Host, open float64, at int64) (f detect.Finding, ok bool) {
	v := h.HeldIdle()
	sources := v.Sources(at)
	each := open / float64(max(sources, 1))
	bare := float64(h.Class(window.In, flow.TCPSynAck, at-minute, at).Flows)
	share := bare / max(bare+float64(h.Class(window.In, flow.TCPSession, at-minute, at).Flows), 1)
	if each < d.cfg.PerSource && share < idle {
		return f, false
	}
	started := v.Since(at, max(1, open/10))
	f = detect.Finding{
		Detector: d.Name(), Category: detect.DDoSAttack, Kind: "ddos", Vector: "connection_exhaustion", Subject: detect.HostSubject(h.Addr),
		Started: time.Unix(started, 0).UTC(), Last: time.Unix(max(v.Until()+1, started), 0).UTC(),
		Baseline: detect.NoBaseline(), Metrics: detect.Metrics{Sources: sources},
	}
	add := func(name string, observed, expected float64, unit string, weight float64) {
		f.Indicators = append(f.Indicators, detect.Indicator{Name: name, Observed: observed, Expected: expected, Unit: unit, Weight: weight})
		f.Score = detect.Plus(f.Score, weight)
	}
	add("idle_connections", open, d.cfg.MinOpen, "connections", 0.4)
	add("idle_growth", open, v.Usual(), "connections", 0.2)
	if each >= d.cfg.PerSource {
		add("connections_per_source", each, d.cfg.PerSource, "connections", 0.2)
	}
	if share >= idle {
		add("handshake_only", share, idle, "share", 0.2)
	}
	f.Severity = detect.SeverityOf(f.Score)
	f.ExamineOnly(h, detect.ClassSet(flow.TCPSynAck, flow.TCPAck, flow.TCPSession, flow.TCPOther), held)
	return f, true
}

// held reports whether a flow is a handshake that nothing followed, or a piece of a
// connection in which next to nothing goes on.
func held(s *window.Sample) bool {
	lasted := s.End - s.Start
	return s.Class == flow.TCPSynAck || lasted >= longPiece && int64(s.Packets)*1e9 <= lasted+1e9
}
