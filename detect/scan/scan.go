// SPDX-License-Identifier: Apache-2.0

// Package scan finds reconnaissance: own devices that try one port of many hosts or many
// ports of one, quickly or over a day, or log in again and again; and own devices that
// others outside log in to. What the internet tries at public addresses all day is listed
// once for each network, or device, and not for each who tries.
package scan

import (
	"fmt"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Past tells what is usual for a device.
type Past interface {
	Habits(addr flow.Addr) *baseline.Habits
	PeerKey(p *window.Peer) uint32
}

// told is what was listed of a network in this tick.
type told uint8

const (
	nothing told = iota
	inside       // one inside it was
	listed
)

// Detector keeps nothing between ticks but memory to work in.
type Detector struct {
	cfg  Config
	past Past
	a    window.Attempts
	top  []window.Tried
	told []told // by network
}

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense. A nil past means that nothing is
// known of any device.
func New(cfg Config, past Past) (*Detector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	return &Detector{cfg: cfg, past: past}, nil
}

// Configure judges by other limits from the next tick on. It must not run beside Detect.
// A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	d.cfg = cfg
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "scan" }

// Detect judges, once a minute, every device that tried anything in vain in it, and
// everyone that others tried.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	if !w.Minute {
		return out
	}
	for i := range w.Probers(window.Out) {
		if p := w.Prober(window.Out, i); p != nil {
			out = d.own(w, p, out)
		}
	}
	out = d.noise(w, out)
	for i := range w.Probers(window.In) {
		if p := w.Prober(window.In, i); p != nil {
			out = d.victim(w, p, out)
		}
	}
	return out
}

// own judges what a device tries: the shortest span that shows it speaks.
func (d *Detector) own(w *window.Window, p *window.Probes, out []detect.Finding) []detect.Finding {
	for s := range window.NumSpans {
		n, logins := p.Some(s, w.Now)
		hosts, ports := d.cfg.limits(s)
		if n < min(hosts, ports) && logins < d.cfg.Logins {
			continue
		}
		p.Read(s, w.Now, &d.a)
		if n >= min(hosts, ports) {
			if v, ok := d.scans(w, p, s); ok {
				return append(out, d.scanFinding(w, p, &v))
			}
		}
		if v, ok := d.guesses(w, p, s); ok {
			return append(out, d.loginFinding(w, p, &v))
		}
	}
	return out
}

// victim judges what others outside try at a device.
func (d *Detector) victim(w *window.Window, p *window.Probes, out []detect.Finding) []detect.Finding {
	for s := range window.NumSpans {
		_, logins := p.Some(s, w.Now)
		if logins < d.cfg.Logins || s == window.Day {
			continue
		}
		p.Read(s, w.Now, &d.a)
		if v, ok := d.guesses(w, p, s); ok {
			return append(out, d.loginFinding(w, p, &v))
		}
	}
	_, ports := d.cfg.limits(window.Day)
	if n, _ := p.Some(window.Day, w.Now); n < ports || d.covered(w, w.ProberDevice(p).Network()) {
		return out
	}
	p.Read(window.Day, w.Now, &d.a)
	// A hundred a second from a thousand sources are a flood over many ports, too.
	if d.a.Ports >= ports && d.a.PerSecond < floodPerSecond && (!p.Burst() || d.a.Peers < floodSources) {
		out = append(out, d.scannedFinding(w, p))
	}
	return out
}

// noise lists networks that are tried from outside: the smallest that show it, so that one
// listing is enough.
func (d *Detector) noise(w *window.Window, out []detect.Finding) []detect.Finding {
	if len(d.told) != w.Networks() {
		d.told = make([]told, w.Networks())
	}
	clear(d.told)
	for i := w.Networks() - 1; i >= 0; i-- { // those inside come first
		if s := w.Swept(i); s != nil && d.told[i] == nothing {
			n := s.Read(w.Now, d.top)
			if d.top = n.Top; n.Devices >= d.cfg.NoiseHosts && n.PerMinute < floodPerMinute {
				out = append(out, d.sweptFinding(w, i, &n))
				d.told[i] = listed
			}
		}
		if outer := w.NetworkParent(i); d.told[i] != nothing && d.told[outer] == nothing {
			d.told[outer] = inside
		}
	}
	return out
}

// covered reports whether a network, or one around it, is listed.
func (d *Detector) covered(w *window.Window, i int) bool {
	for ; d.told[i] != listed; i = w.NetworkParent(i) {
		if i == 0 {
			return false
		}
	}
	return true
}
