// SPDX-License-Identifier: Apache-2.0

// Package character finds devices of few habits that begin to use a service which
// is out of character for them: a printer that sends mail to strangers, a camera that
// opens a shell somewhere, a web server that joins a VPN. It knows services by their
// ports alone, but for one: what somebody types has a shape of its own, on whatever port.
package character

import (
	"errors"
	"fmt"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Config holds the limits.
type Config struct {
	Services  int     `yaml:"services"`   // a device that used more services than this is not judged: it may use one more
	MinBytes  uint64  `yaml:"min_bytes"`  // with less exchanged over the strange service in an hour nothing is judged
	MuchBytes uint64  `yaml:"much_bytes"` // sent over it in an hour; only from here on it is high
	LikeShare float64 `yaml:"like_share"` // share of the devices of as few habits that use the service, from which on it is not out of character
	LearnDays int     `yaml:"learn_days"` // days that a device must be known before it is judged, with traffic on two thirds of them
	Score     float64 `yaml:"score"`      // findings below this score are not reported
}

// DefaultConfig takes eight services for few: names, time, web plain and encrypted, over
// TCP and UDP, echo requests, and two of the device's own trade. Volumes are
// sampled in grains of 64 KiB, so four of them are known to a half; 100 MB is what
// mission row D2 takes for a substantial upload to one destination.
func DefaultConfig() Config {
	return Config{Services: 8, MinBytes: 256 << 10, MuchBytes: 100e6, LikeShare: 0.1, LearnDays: 7, Score: 0.6}
}

// Validate reports the first limit that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Services < 1 || c.MinBytes == 0:
		return errors.New("services and min_bytes must be positive")
	case c.MuchBytes < c.MinBytes:
		return errors.New("much_bytes must be at least min_bytes")
	case c.LikeShare <= 0 || c.LikeShare > 1:
		return errors.New("like_share must be above 0 and at most 1")
	case c.LearnDays < 1:
		return errors.New("learn_days must be at least 1")
	case c.Score < 0 || c.Score > 1:
		return errors.New("score must lie between 0 and 1")
	}
	return nil
}

// Past tells what is usual for the devices.
type Past interface {
	Habits(addr flow.Addr) *baseline.Habits
	Some(from, to int) []*baseline.Habits
	PeerKey(p *window.Peer) uint32
	Slot(hour int64) (day uint16, slot int)
}

// Detector keeps between ticks which devices it looks at next, and how many of all use
// what some begin to.
type Detector struct {
	cfg    Config
	past   Past
	table  table
	census census
	now    int64 // second of the newest tick
	next   int   // place of the contacts to be looked at next
	// nextPair is that of the pairs.
	nextPair int
}

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense.
func New(cfg Config, past Past) (*Detector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("character: %w", err)
	}
	return &Detector{cfg: cfg, past: past, table: known()}, nil
}

// Configure judges by other limits from the next tick on. It must not run beside
// Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("character: %w", err)
	}
	d.cfg, d.census = cfg, census{}
	return nil
}

// Name implements detect.Detector.
func (d *Detector) Name() string { return "character" }

// news is for how many days a service that was begun is still no habit: the day on
// which it began and the one after it, or midnight would make it one.
const news = 2

// round is in how many seconds each device is looked at once, so that no second has to
// look at all of them.
const round = 60

// Detect judges a part of the devices each second, each device once a minute.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	if d.past == nil {
		return out
	}
	day, _ := d.past.Slot(w.Now / 3600)
	since := day - min(day, news-1)
	passed := w.Now - d.now
	if passed < 0 || passed > round {
		passed = round
	}
	d.now = w.Now
	d.census.begin(since, int(passed))
	d.walk(w.Now / 3600)
	n := w.Contacts()
	for range (n*int(passed) + round - 1) / round {
		if d.next++; d.next >= n {
			d.next = 0
		}
		if c := w.Noted(d.next); c != nil && c.Last >= w.Now-lately && c.Rate() <= 1 {
			out = d.look(w, c, since, out)
		}
	}
	return d.sessions(w, int(passed), since, out)
}

// look judges a device: of the classes that it began to use the one of which there is most.
func (d *Detector) look(w *window.Window, c *window.Contacts, since uint16, out []detect.Finding) []detect.Finding {
	var uses [classes]use
	if !d.measure(w, c, &uses) {
		return out
	}
	h := d.past.Habits(c.Addr)
	if h == nil || !d.few(h, w.Now/3600, since) {
		return out
	}
	best := class(0)
	for k := class(1); int(k) < classes; k++ {
		if uses[k].going(w, &d.cfg) && uses[k].bytes() > uses[best].bytes() && !d.table.asked(h, k, since) {
			best = k
		}
	}
	if best == 0 {
		return out
	}
	return d.judge(w, &begun{c, h, best, uses[best], since}, out)
}

// lately is for how many seconds without traffic a use still goes on: exporters tell of
// it that much later.
const lately = 120

// use is what a device exchanges with outside over the services of a class.
type use struct {
	sent, received uint64
	peers          int
	first, last    int64
	answered       bool
}

func (u *use) bytes() uint64 { return u.sent + u.received }

func (u *use) going(w *window.Window, cfg *Config) bool {
	return u.answered && u.bytes() >= cfg.MinBytes && u.last >= w.Now-lately
}

// asks tells the class for which the device asks a peer outside. Of a peer that is asked
// for several services only the newest is known. Where both ends have the same
// port nobody is known to ask, but for the key exchange of IPsec that is usual.
func (t *table) asks(p *window.Peer) class {
	if p.Tie&window.Outside == 0 || p.Tie&window.Served != 0 {
		return 0
	}
	return t.class(p.Service)
}

// measure sums up the device's uses, and tells whether one is worth a look at its past.
func (d *Detector) measure(w *window.Window, c *window.Contacts, uses *[classes]use) (worth bool) {
	all := c.Peers()
	for i := range all {
		p := &all[i]
		k := d.table.asks(p)
		if k == 0 {
			continue
		}
		u := &uses[k]
		if u.peers == 0 {
			u.first = p.First
		}
		u.sent, u.received, u.peers = u.sent+p.Sent, u.received+p.Received, u.peers+1
		u.first, u.last = min(u.first, p.First), max(u.last, p.Last)
		// What was noted of TCP was a connection (window.Contacts); without one, one-sided
		// packets may be tries.
		u.answered = u.answered || p.Sent > 0 && p.Received > 0 || p.Service>>16 == flow.ProtoTCP
		worth = worth || u.going(w, &d.cfg)
	}
	return worth
}

// few reports a device that is known for long enough and has few habits. Of one whose
// packets were sampled meanwhile that cannot be known: most of what it did was not seen.
func (d *Detector) few(h *baseline.Habits, hour int64, since uint16) bool {
	return h.Learned(hour, d.cfg.LearnDays) && !h.Sampled(hour, d.cfg.LearnDays) && h.Narrow() && h.Uses(since) <= d.cfg.Services
}
