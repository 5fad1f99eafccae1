// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"cmp"
	"net/netip"
	"slices"

	"tidewatch/detect"
	"tidewatch/window"
)

// Prefixes finds attacks on a prefix: traffic that nobody asked for, to many of its
// hosts, too little to each to be told of (carpet bombing). It judges a prefix as a
// Detector judges a host, by limits of its own.
type Prefixes struct {
	d      *Detector
	past   Past // by baseline.NetworkKey
	judged []target
}

// target is a prefix that is over its limits.
type target struct {
	net     netip.Prefix
	pps     float64 // of the attack
	limit   float64
	focused bool // nearly all of it goes to one block inside
	dropped bool // another prefix is the subject
	finding detect.Finding
}

// NewPrefixes returns an error when a limit makes no sense. A nil past means that no
// network has one.
func NewPrefixes(cfg *Config, past Past) (*Prefixes, error) {
	d, err := New(cfg, nil)
	if err != nil {
		return nil, err
	}
	return &Prefixes{d: d, past: past}, nil
}

// Configure is Detector.Configure.
func (p *Prefixes) Configure(cfg *Config) error { return p.d.Configure(cfg) }

// Name is that of the detector whose rules it follows.
func (p *Prefixes) Name() string { return p.d.Name() }

// Detect judges the prefixes that are followed, of all shards at the same tick: those
// around each other may lie in different ones.
func (p *Prefixes) Detect(windows []*window.Window, out []detect.Finding) []detect.Finding {
	p.judged = p.judged[:0]
	p.d.forget(windows[0])
	for _, w := range windows {
		for i := range w.Prefixes() {
			if x := w.Prefix(i); x != nil {
				p.look(w, x)
			}
		}
	}
	if len(p.judged) == 0 {
		return out
	}
	p.settle()
	for i := range p.judged {
		if t := &p.judged[i]; !t.dropped {
			p.d.remember(windows[0], t.net, window.In)
			out = append(out, t.finding)
		}
	}
	return out
}

// look judges one prefix.
func (p *Prefixes) look(w *window.Window, x *window.Prefix) {
	d := p.d
	w.Seconds(&x.Host, &d.s)
	l := p.prefixLimits(x.Net, w.At())
	d.goesOn(w, x.Net, window.In, &l)
	c, ok := p.judge(x, &l)
	if !ok {
		return
	}
	f := d.finding(w, &x.Host, &c)
	f.Subject = x.Net
	hosts := p.hosts(x, &c)
	f.Indicators = append(f.Indicators, detect.Indicator{
		Name: "spread_targets", Observed: float64(hosts), Expected: float64(d.cfg.Prefix.Hosts), Unit: "addresses", Weight: 0.2,
	})
	f.Score = detect.Plus(f.Score, 0.2)
	f.Severity = detect.SeverityOf(f.Score)
	if x.Rate() == 1 {
		f.Metrics.Destinations = hosts
	}
	f.Top.Destinations, f.Metrics.TopDestinationShare = p.heaviest(x)
	f.Examine(&x.Host, c.classes())
	if f.Score < d.cfg.Score {
		return
	}
	t := target{net: x.Net, pps: c.pps, limit: c.limits.pps, finding: f}
	if !c.byRate {
		t.limit = c.pps * c.limits.conns / c.conns
	}
	blocks, total := x.HeaviestBlocks(d.top[:0], 1)
	t.focused = len(blocks) > 0 && float64(blocks[0].Weight-blocks[0].Over) >= mostOf*float64(total)
	d.top = blocks
	p.judged = append(p.judged, t)
}

const (
	mostOf = 0.8 // what carries so much of an attack is what it is about
	fewer  = 4   // fewer attacked prefixes than this are attacked for themselves; more, for what is around them
)

// settle leaves one subject for each attack: the most specific prefix that explains it.
// What falls on one prefix is about that; what falls on many is about the one around
// them, unless they are few and nothing is left without them.
func (p *Prefixes) settle() {
	slices.SortFunc(p.judged, func(a, b target) int {
		return cmp.Or(cmp.Compare(b.net.Bits(), a.net.Bits()), a.net.Addr().Compare(b.net.Addr()))
	})
	for i := range p.judged {
		around := &p.judged[i]
		inside, rest := 0, around.pps
		most := around.focused
		for k := range p.judged[:i] {
			if t := &p.judged[k]; !t.dropped && around.net.Bits() < t.net.Bits() && around.net.Contains(t.net.Addr()) {
				inside, rest = inside+1, rest-t.pps
				most = most || t.pps >= mostOf*around.pps
			}
		}
		around.dropped = most || inside > 0 && inside < fewer && rest <= around.limit
		for k := range p.judged[:i] {
			if t := &p.judged[k]; !around.dropped && around.net.Contains(t.net.Addr()) {
				t.dropped = true
			}
		}
	}
}

// judge is Detector.judge for a prefix. A wide network always has some traffic that
// nobody answers, in which the begin of an attack is lost: so a long burst is also judged
// by its last seconds.
func (p *Prefixes) judge(x *window.Prefix, l *limits) (c burst, ok bool) {
	d := p.d
	for _, packets := range [...]bool{false, true} {
		c = burst{dir: window.In, limits: *l}
		at, over := d.signal(&x.Host, &c, packets)
		if !over {
			continue
		}
		if d.extent(&c, at); c.seconds() < l.hold {
			continue
		}
		if p.attacked(x, &c) {
			return c, true
		}
		whole := c.from
		c = burst{dir: window.In, limits: *l, horizon: c.horizon, at: c.at, to: c.to}
		if c.from = int((d.s.First+int64(c.to)-lastSeconds)/10*10 - d.s.First); c.from > whole && p.attacked(x, &c) {
			return c, true
		}
	}
	return c, false
}

// attacked reports whether a burst is an attack on the whole prefix.
func (p *Prefixes) attacked(x *window.Prefix, c *burst) bool {
	d := p.d
	d.split(&x.Host, c)
	if conversing(x, c) {
		c.kinds[kindUDP] = kind{}
	}
	if !d.gates(&x.Host, c) || p.few(x, c) || p.hosts(x, c) < d.cfg.Prefix.Hosts {
		return false
	}
	share := p.spread(x)
	c.byRate = c.byRate && c.pps*share > c.limits.pps
	c.byConns = c.byConns && c.conns*share > c.limits.conns && p.many(x, c)
	return c.byRate || c.byConns
}
