// SPDX-License-Identifier: Apache-2.0

// Package threat finds devices that talk with addresses on lists of threat
// intelligence, and marks what other detectors found when it involves one. A list is
// somebody else's word: what it names is suspicious when data is exchanged, and
// alarming when that is much or goes on.
//
// Lists are asked about destinations that the windows keep anyway, never for each flow.
package threat

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Config names the lists and holds the limits.
type Config struct {
	Lists      []string `yaml:"lists"`       // files of addresses and networks, a line each, or CSV; read again at SIGHUP
	MaxEntries int      `yaml:"max_entries"` // entries of all lists together, about 80 bytes each
	Bytes      uint64   `yaml:"bytes"`       // exchanged with a listed address, from which on it is high
	Hours      int      `yaml:"hours"`       // hours of a day with connections to it, from which on it comes back and is high
}

// DefaultConfig has no lists. 25 MB is from where RITA v5 (default_config.hjson,
// modifiers) adds 0.15 to a threat that intelligence names. What is asked in three
// hours of a day is no page that somebody came by.
func DefaultConfig() Config {
	return Config{Lists: []string{}, MaxEntries: 5_000_000, Bytes: 25e6, Hours: 3}
}

// Validate reports the first value that makes no sense. Files are read elsewhere.
func (c *Config) Validate() error {
	switch {
	case c.MaxEntries < 1 || c.MaxEntries > 20_000_000:
		return errors.New("max_entries must lie between 1 and 20000000")
	case c.Bytes == 0:
		return errors.New("bytes must be positive")
	case c.Hours < 2 || c.Hours > 24:
		return errors.New("hours must lie between 2 and 24")
	case slices.Contains(c.Lists, ""):
		return errors.New("lists: an entry is empty; name a file")
	}
	return nil
}

// List finds the narrowest entry that holds an address, and the list that has it. A nil
// List knows none.
type List interface {
	Match(a flow.Addr) (entry netip.Prefix, list string, ok bool)
}

// Kind is that of its findings.
const Kind = "threat_list"

// The scores. A connection that was answered is medium; much data, and coming back,
// add as much as RITA's modifiers do. What nobody answered is only listed.
const (
	answered = 0.6
	more     = 0.15
	tried    = 0.4
	// served is what a device must have sent to a listed address that began it:
	// servers of the public answer scanners all day, with less. Contacts are sampled
	// by 64 KiB, so it takes two of them.
	served = 128 << 10
)

// Detector keeps nothing between ticks but memory to work in.
type Detector struct {
	cfg   Config
	list  List
	met   []contact
	hours []int
}

var _ detect.Detector = (*Detector)(nil)

// New returns an error when a limit makes no sense.
func New(cfg *Config, list List) (*Detector, error) {
	d := &Detector{list: list, hours: make([]int, 0, 24)}
	err := d.Configure(cfg)
	return d, err
}

// Configure judges by other limits from the next tick on. It must not run beside
// Detect. A limit that makes no sense changes nothing.
func (d *Detector) Configure(cfg *Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("threat: %w", err)
	}
	d.cfg = *cfg
	return nil
}

// Use judges by another list from the next tick on. It must not run beside Detect.
func (d *Detector) Use(list List) { d.list = list }

// Name implements detect.Detector.
func (d *Detector) Name() string { return "threat" }

// contact is what one device had to do with one listed address.
type contact struct {
	device, peer flow.Addr
	entry        netip.Prefix
	list         string
	bytes, flows uint64
	first, last  int64
	hours        int
	inward       bool // the peer began it
	answered     bool
}

func (c *contact) order(o *contact) int {
	return cmp.Or(c.device.Netip().Compare(o.device.Netip()), c.peer.Netip().Compare(o.peer.Netip()))
}

// Detect judges, once a minute, every device that had to do with a listed address in it.
func (d *Detector) Detect(w *window.Window, out []detect.Finding) []detect.Finding {
	if !w.Minute || d.list == nil {
		return out
	}
	d.met = d.met[:0]
	for i := range w.Contacts() {
		if c := w.Contact(i); c != nil {
			d.peers(w, c)
		}
	}
	for i := range w.Pairs() {
		if r := w.Pair(i); r != nil && r.Dirty() && !r.Inside() {
			d.pair(w, r)
		}
	}
	slices.SortStableFunc(d.met, func(a, b contact) int { return a.order(&b) })
	for from := 0; from < len(d.met); {
		to, kept := from, from
		for ; to < len(d.met) && d.met[to].device == d.met[from].device; to++ {
			if to > from && d.met[kept].peer == d.met[to].peer {
				d.met[kept].join(&d.met[to])
				continue
			}
			if to > from {
				kept++
			}
			d.met[kept] = d.met[to]
		}
		out = append(out, d.finding(w, d.met[from:kept+1]))
		from = to
	}
	return out
}

// recent is for how many seconds what was met is told: contacts stay for the hour.
const recent = 120

// peers looks the peers of a device up.
func (d *Detector) peers(w *window.Window, c *window.Contacts) {
	for i := range c.Peers() {
		p := &c.Peers()[i]
		if p.Tie&window.Outside == 0 || p.Last < w.Now-recent {
			continue
		}
		entry, list, ok := d.list.Match(p.Addr)
		if !ok {
			continue
		}
		m := contact{device: c.Addr, peer: p.Addr, entry: entry, list: list, bytes: p.Bytes(), first: p.First, last: p.Last, inward: p.Tie&window.Served != 0}
		switch {
		case m.inward:
			m.answered = p.Sent >= served
		case p.Service>>16 == flow.ProtoTCP: // a contact of TCP has acknowledged something
			m.answered = true
		default:
			m.answered = p.Received > 0
		}
		d.met = append(d.met, m)
	}
}

// pair looks the destination of a pair up.
func (d *Detector) pair(w *window.Window, r *window.Pair) {
	entry, list, ok := d.list.Match(r.Dest)
	if !ok {
		return
	}
	bytes, _ := r.Sent()
	m := contact{
		device: w.PairOf(r).Addr(), peer: r.Dest, entry: entry, list: list, bytes: bytes, flows: uint64(r.Count()), first: r.First(), last: r.Last(),
		// Of others than TCP flags say nothing; the contacts may.
		answered: r.Service()>>16 == flow.ProtoTCP && r.Failed() < max(r.Count(), 1),
	}
	d.hours = r.Hours(w.Now, d.hours[:0])
	for _, n := range d.hours {
		if n > 0 {
			m.hours++
		}
	}
	d.met = append(d.met, m)
}

// join adds what is known of the same two from elsewhere. Contacts are of the hour and
// both ways, pairs of all their time and one way: neither holds the other.
func (c *contact) join(o *contact) {
	c.bytes, c.flows, c.hours = max(c.bytes, o.bytes), c.flows+o.flows, max(c.hours, o.hours)
	c.first, c.last = min(c.first, o.first), max(c.last, o.last)
	c.inward, c.answered = c.inward && o.inward, c.answered || o.answered
}

// score is that of one contact.
func (d *Detector) score(c *contact) float64 {
	if !c.answered {
		return tried
	}
	score := answered
	if c.bytes >= d.cfg.Bytes {
		score = detect.Plus(score, more)
	}
	if c.hours >= d.cfg.Hours {
		score = detect.Plus(score, more)
	}
	return score
}

// finding turns the contacts of a device into numbers beside expected numbers: the
// worst of them is what it is about.
func (d *Detector) finding(w *window.Window, met []contact) detect.Finding {
	slices.SortStableFunc(met, func(a, b contact) int {
		return cmp.Or(cmp.Compare(d.score(&b), d.score(&a)), cmp.Compare(b.bytes, a.bytes))
	})
	c := &met[0]
	f := detect.Finding{
		Detector: d.Name(), Category: detect.CommandControl, Kind: Kind,
		Subject: detect.HostSubject(c.device), At: w.At(),
		Started: time.Unix(c.first, 0).UTC(), Last: time.Unix(c.last+1, 0).UTC(),
		Score: d.score(c), Baseline: detect.NoBaseline(),
	}
	f.Severity = detect.SeverityOf(f.Score)
	total := uint64(0)
	for i := range met {
		total += met[i].bytes
	}
	for i := range met {
		m := &met[i]
		f.Metrics.Flows += m.flows
		s := detect.Share{Key: m.peer.String(), Bytes: m.bytes, Flows: m.flows, Share: float64(m.bytes) / float64(max(total, 1))}
		if to := &f.Top.Destinations; !m.inward && len(*to) < 10 {
			*to = append(*to, s)
		} else if from := &f.Top.Sources; m.inward && len(*from) < 10 {
			*from = append(*from, s)
		}
		if m.inward {
			f.Metrics.Sources++
		} else {
			f.Metrics.Destinations++
		}
	}
	f.Metrics.Bytes, f.Metrics.DurationSeconds = total, f.Last.Sub(f.Started).Seconds()
	add := func(when bool, i detect.Indicator) {
		if when {
			f.Indicators = append(f.Indicators, i)
		}
	}
	base := f.Score
	if c.answered {
		base = answered
	}
	add(true, detect.Indicator{Name: Indicator, Observed: 1, Unit: "share", Weight: base, Detail: source(c.list, c.entry)})
	add(!c.answered, detect.Indicator{Name: "listed_unanswered", Observed: 1})
	add(c.answered && c.bytes >= d.cfg.Bytes, detect.Indicator{Name: "listed_bytes", Observed: float64(c.bytes), Expected: float64(d.cfg.Bytes), Unit: "bytes", Weight: more})
	add(c.answered && c.hours >= d.cfg.Hours, detect.Indicator{Name: "listed_hours", Observed: float64(c.hours), Expected: float64(d.cfg.Hours), Unit: "clock hours", Weight: more})
	return f
}

// source names a list and its entry.
func source(list string, entry netip.Prefix) string {
	if entry.IsSingleIP() {
		return list + " (" + entry.Addr().String() + ")"
	}
	return list + " (" + entry.String() + ")"
}
