// SPDX-License-Identifier: Apache-2.0

// Package peers finds devices that talk to unusually many, or unusually
// strange, new peers: a server that asks the internet for the first time, a
// workstation that opens sessions to half the network. A browser's next web
// site is the least of news.
package peers

import (
	"errors"
	"fmt"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Config holds the limits. The weights say how much one new peer counts; a plain
// one counts 1.
type Config struct {
	Peers       float64 `yaml:"peers"`        // more new peers on a day than this, by weight, are unusual; raising it finds less
	MinBytes    uint64  `yaml:"min_bytes"`    // new peers that together carried less are never judged
	Sigma       float64 `yaml:"sigma"`        // deviations above the device's own usual day of news that their bytes must exceed
	LearnDays   int     `yaml:"learn_days"`   // days that a device must be known before it is judged, with traffic on two thirds of them
	WebWeight   float64 `yaml:"web_weight"`   // a workstation's or gateway's new web site or name server; all of them reach half of peers at most
	AloneWeight float64 `yaml:"alone_weight"` // a new peer outside of a server or a thing
	FirstWeight float64 `yaml:"first_weight"` // such a peer of a device that never asked the outside for anything
	RareFactor  float64 `yaml:"rare_factor"`  // multiplies the weight of a peer outside that no other device asks
	FirstBytes  uint64  `yaml:"first_bytes"`  // a device that asked the outside for less than this in a month never asked it for anything
}

// DefaultConfig holds the default of mission row B5, five new peers, and a floor of 10 MB.
func DefaultConfig() Config {
	return Config{
		Peers: 5, MinBytes: 10e6, Sigma: 3, LearnDays: 7,
		WebWeight: 0.1, AloneWeight: 2, FirstWeight: 6, RareFactor: 1.5, FirstBytes: 1e6,
	}
}

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Peers <= 0 || c.Sigma <= 0 || c.MinBytes == 0:
		return errors.New("peers, sigma and min_bytes must be positive")
	case c.WebWeight < 0 || c.AloneWeight < 0 || c.FirstWeight < 0:
		return errors.New("weights cannot be negative")
	case c.RareFactor < 1:
		return errors.New("rare_factor must be at least 1")
	case c.LearnDays < 1:
		return errors.New("learn_days must be at least 1")
	}
	return nil
}

// Past tells what is usual for a device.
type Past interface {
	Habits(addr flow.Addr) *baseline.Habits
	PeerKey(p *window.Peer) uint32
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
		return nil, fmt.Errorf("peers: %w", err)
	}
	return &Detector{cfg: cfg, past: past}, nil
}

// Configure judges by other limits from the next tick on. It must not run beside
// Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	d.cfg = cfg
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "peers" }

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

// news is what is new with a device today.
type news struct {
	count        int     // new peers
	weight       float64 // by weight
	web          float64 // that of web sites and name servers, which count for half of the limit at most
	bytes        float64
	limit        baseline.NewLimits
	first        bool // it never asked the outside before
	rare         int  // peers of the running hour that no other device asks
	started      int64
	last         int64
	role         baseline.Role
	sent         uint64
	peers        [10]*window.Peer // the heaviest of the running hour
	destinations int
}

// judge weighs the new peers of the day; those of earlier hours of it count
// plainly, because nothing but their number is kept.
func (d *Detector) judge(w *window.Window, c *window.Contacts, h *baseline.Habits) (n news, ok bool) {
	n.role, _ = h.Role()
	n.first = h.Outside() < float64(d.cfg.FirstBytes)
	n.started = w.Now
	all := c.Peers()
	for i := range all {
		p := &all[i]
		if p.Tie&window.Served != 0 || h.KnowsPeer(d.past.PeerKey(p)) {
			continue
		}
		n.count++
		n.bytes += float64(p.Bytes())
		n.sent += p.Sent
		n.started, n.last = min(n.started, p.First), max(n.last, p.Last)
		weight := d.weight(p, &n)
		if p.Tie&window.Outside != 0 && w.Common(p.Addr) <= 1 {
			weight *= d.cfg.RareFactor
			n.rare++
		}
		if n.browses(p) {
			n.web += weight
		} else {
			n.weight += weight
		}
		n.keep(p)
	}
	if n.last < w.Now-120 || 4*n.bytes < float64(d.cfg.MinBytes) {
		return n, false // nothing that goes on: the cheap way out for most devices
	}
	today := h.Today(d.day)
	if 10*n.bytes < float64(today.PeerBytes) {
		return n, false // the news are those of an earlier hour, which were judged
	}
	// What the earlier ones outside were asked for is not kept; web, as with most.
	earlier := window.Peer{Tie: window.Outside, Service: flow.ProtoTCP<<16 | 443}
	n.weight += float64(today.Inside)
	if n.alone() {
		n.weight += float64(today.Outside) * d.weight(&earlier, &n)
	} else {
		n.web += float64(today.Outside) * d.weight(&earlier, &n)
	}
	n.weight += min(n.web, d.cfg.Peers/2) // browsing alone is never unusual
	n.count += int(today.Inside) + int(today.Outside)
	n.bytes += float64(today.PeerBytes)
	n.limit = h.NewLimits(d.cfg.Sigma)
	n.first = n.first && n.alone()
	return n, n.limit.Known && n.weight > d.cfg.Peers && (n.first || float64(n.count) > n.limit.Peers) &&
		n.bytes >= max(float64(d.cfg.MinBytes), n.limit.Bytes)
}

// alone reports a device that nobody sits at, so that nobody's curiosity
// explains what it asks.
func (n *news) alone() bool { return n.role == baseline.Server || n.role == baseline.Thing }

// weight is how much a new peer counts, by who asks it for what.
func (d *Detector) weight(p *window.Peer, n *news) float64 {
	if p.Tie&window.Outside == 0 {
		return 1
	}
	if n.alone() {
		if n.first {
			return d.cfg.FirstWeight
		}
		return d.cfg.AloneWeight
	}
	if n.browses(p) {
		return d.cfg.WebWeight
	}
	return 1
}

// browses reports a peer outside that somebody's browser, or the devices behind
// a gateway, may have come to: web and name service.
func (n *news) browses(p *window.Peer) bool {
	if n.alone() || p.Tie&window.Outside == 0 {
		return false
	}
	switch p.Service & 0xffff {
	case 53, 80, 443, 853:
		return true
	}
	return false
}

// keep holds the ten heaviest.
func (n *news) keep(p *window.Peer) {
	at := n.destinations
	if at < len(n.peers) {
		n.destinations++
	} else if at--; n.peers[at].Bytes() >= p.Bytes() {
		return
	}
	for ; at > 0 && n.peers[at-1].Bytes() < p.Bytes(); at-- {
		n.peers[at] = n.peers[at-1]
	}
	n.peers[at] = p
}

// finding turns the news into numbers beside expected numbers. New peers alone
// are medium (mission B6).
func (d *Detector) finding(w *window.Window, c *window.Contacts, h *baseline.Habits, n *news) detect.Finding {
	f := detect.Finding{
		Detector: d.Name(), Category: detect.BaselineAnomaly, Kind: "new_peers",
		Subject: detect.HostSubject(c.Addr), At: w.At(),
		Started: time.Unix(n.started, 0).UTC(), Last: time.Unix(n.last+1, 0).UTC(),
		Score: 0.6, Severity: detect.Medium,
		Baseline: detect.Baseline{Level: "global", Samples: h.Days(), AgeDays: h.AgeDays(w.Now / 3600)},
		Metrics:  detect.Metrics{Bytes: uint64(n.bytes), Destinations: uint64(n.count)},
	}
	add := func(name string, observed, expected float64, unit string, weight float64) {
		f.Indicators = append(f.Indicators, detect.Indicator{Name: name, Observed: observed, Expected: expected, Unit: unit, Weight: weight})
	}
	add("new_peers", n.weight, d.cfg.Peers, "", 0.3)
	add("new_peer_bytes", n.bytes, max(n.limit.Bytes, float64(d.cfg.MinBytes)), "bytes", 0.3)
	if n.first {
		add("first_contact", n.bytes, h.Outside(), "bytes", 0.05)
		f.Score = detect.Plus(f.Score, 0.05)
	}
	if n.rare > 0 {
		add("rare_peers", float64(n.rare), 0, "peers", 0.05)
		f.Score = detect.Plus(f.Score, 0.05)
	}
	for _, p := range n.peers[:n.destinations] {
		f.Top.Destinations = append(f.Top.Destinations, detect.Share{
			Key: p.Addr.String(), Bytes: p.Bytes(), Share: float64(p.Bytes()) / max(n.bytes, 1),
		})
	}
	return f
}
