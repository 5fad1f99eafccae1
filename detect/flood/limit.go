// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/gaissmai/bart"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// maxGroups bounds the groups, for nobody keeps an overview of more.
const maxGroups = 4096

// longestHold leaves room in the seconds that are kept.
const longestHold = window.RingSeconds - 20

// Group has limits of its own for the devices of a network. What it does not set,
// or sets to 0, is as in the smallest group around it, or as without any.
type Group struct {
	Prefix   netip.Prefix  `yaml:"prefix"`              // network, or one address
	MinPPS   float64       `yaml:"min_pps,omitempty"`   // as flood.min_pps
	MinConns float64       `yaml:"min_conns,omitempty"` // as flood.min_conns
	OutPPS   float64       `yaml:"out_pps,omitempty"`   // as flood.out_pps
	OutConns float64       `yaml:"out_conns,omitempty"` // as flood.out_conns
	Hold     time.Duration `yaml:"hold,omitempty"`      // as flood.hold
	Stop     float64       `yaml:"stop,omitempty"`      // as flood.stop
}

// levels are the floors of a group, by direction.
type levels struct {
	pps, conns [2]float64
	hold       int // seconds
	stop       float64
	from       netip.Prefix // the group; the zero value is all others
}

// ladder resolves the groups.
type ladder struct {
	base   levels
	groups bart.Table[*levels]
	pps    float64 // the least of all, at which an attack may go on
	conns  float64
}

func newLadder(c *Config) *ladder {
	l := &ladder{base: levels{
		pps: [2]float64{window.In: c.MinPPS, window.Out: c.OutPPS}, conns: [2]float64{window.In: c.MinConns, window.Out: c.OutConns},
		hold: seconds(c.Hold), stop: c.Stop,
	}}
	l.lower(&l.base)
	groups := slices.Clone(c.Groups)
	slices.SortStableFunc(groups, func(a, b Group) int { return cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()) })
	for i := range groups {
		g := &groups[i]
		own := *l.of(g.Prefix.Addr()) // only wider ones are in it yet
		own.from = g.Prefix.Masked()
		for _, v := range [...]struct {
			to   *float64
			from float64
		}{
			{&own.pps[window.In], g.MinPPS},
			{&own.conns[window.In], g.MinConns},
			{&own.pps[window.Out], g.OutPPS},
			{&own.conns[window.Out], g.OutConns},
			{&own.stop, g.Stop},
		} {
			if v.from != 0 {
				*v.to = v.from
			}
		}
		if g.Hold != 0 {
			own.hold = seconds(g.Hold)
		}
		l.groups.Insert(own.from, &own)
		l.lower(&own)
	}
	return l
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// lower keeps the least of all limits.
func (l *ladder) lower(o *levels) {
	pps, conns := o.stop*min(o.pps[0], o.pps[1]), o.stop*min(o.conns[0], o.conns[1])
	if l.pps == 0 || pps < l.pps {
		l.pps = pps
	}
	if l.conns == 0 || conns < l.conns {
		l.conns = conns
	}
}

// of is what holds for an address.
func (l *ladder) of(a netip.Addr) *levels {
	if own, ok := l.groups.Lookup(a); ok {
		return own
	}
	return &l.base
}

// validate reports the first limit that makes no sense.
func (c *Config) validateLimits() error {
	if c.MinPPS <= 0 || c.MinConns <= 0 || c.OutPPS <= 0 || c.OutConns <= 0 {
		return errors.New("min_pps, min_conns, out_pps and out_conns must be positive")
	}
	if c.Stop <= 0 || c.Stop > 1 {
		return errors.New("stop is a share of the limit: above 0 and at most 1")
	}
	if c.Hold < 0 || c.Hold > longestHold*time.Second {
		return fmt.Errorf("hold must lie between 0s and %ds, not %v", longestHold, c.Hold)
	}
	if len(c.Groups) > maxGroups {
		return fmt.Errorf("at most %d groups, not %d", maxGroups, len(c.Groups))
	}
	seen := make(map[netip.Prefix]int, len(c.Groups))
	for i := range c.Groups {
		g := &c.Groups[i]
		if err := g.validate(); err != nil {
			return fmt.Errorf("group %d: %w", i+1, err)
		}
		if other, ok := seen[g.Prefix.Masked()]; ok {
			return fmt.Errorf("group %d: %s is group %d already", i+1, g.Prefix, other)
		}
		seen[g.Prefix.Masked()] = i + 1
	}
	return nil
}

func (g *Group) validate() error {
	switch {
	case !g.Prefix.IsValid():
		return errors.New("a prefix is needed, such as 192.0.2.0/24")
	case g.Prefix.Addr().Is4In6(): // no flow has such an address
		return fmt.Errorf("%s: IPv4 in IPv6 form, write it as IPv4, such as 192.0.2.0/24", g.Prefix)
	case g.MinPPS < 0 || g.MinConns < 0 || g.OutPPS < 0 || g.OutConns < 0:
		return fmt.Errorf("%s: limits must not be negative; 0 is as in the group around it", g.Prefix)
	case g.Stop < 0 || g.Stop > 1:
		return fmt.Errorf("%s: stop is a share of the limit: at most 1", g.Prefix)
	case g.Hold < 0 || g.Hold > longestHold*time.Second:
		return fmt.Errorf("%s: hold must lie between 0s and %ds, not %v", g.Prefix, longestHold, g.Hold)
	}
	return nil
}

// limits are the floors raised by what the device's past explains, and lowered
// while an attack goes on.
type limits struct {
	pps, conns float64 // from which on an attack is found, or goes on
	alarm      float64 // packets/s from which on one is found
	alarmConns float64 // likewise of unanswered connections/s
	floor      float64 // packets/s that the configuration demands
	learned    float64 // packets/s that the past explains; 0 = it says nothing
	usual      float64 // packets/s of the busiest five minutes, 99 of 100 days
	hold       int
	stop       float64 // share of them below which an attack is over
	bytes      baseline.Normal
	known      bool
	basis      detect.Baseline
}

const (
	// A five-minute mean is what is learned; five seconds of them may well be twice as busy.
	burstiness = 2
	// bulk is the size of packets by which sent bytes, which are learned, become
	// packets, which are not: who sends much sends full packets.
	bulk = 1000
)

func (d *Detector) limits(addr flow.Addr, at time.Time, dir window.Direction) limits {
	own := d.ladder.of(addr.Netip())
	l := limits{pps: own.pps[dir], floor: own.pps[dir], conns: own.conns[dir], hold: own.hold, stop: own.stop, basis: detect.NoBaseline()}
	if d.past == nil {
		return l
	}
	measure := baseline.BytesIn
	if dir == window.Out {
		measure = baseline.BytesOut
	}
	if n, ok := d.past.At(addr, at, measure); ok {
		l.bytes, l.known, l.basis = n, true, detect.Baseline(n.Basis)
		if dir == window.Out {
			l.learn(&n, d.cfg.Sigma, bulk)
		}
	}
	if dir == window.In {
		if n, ok := d.past.At(addr, at, baseline.PacketsIn); ok {
			l.learn(&n, d.cfg.Sigma, 1)
		}
	}
	return l
}

// learn raises the limit of packets to what the past explains; unit is what it
// counts for each packet.
func (l *limits) learn(n *baseline.Normal, sigma, unit float64) {
	l.learned, l.usual = burstiness*n.Above(sigma)/300/unit, n.P99/300/unit
	l.pps = max(l.pps, l.learned)
}

// running is an attack that was found lately.
type running struct {
	on  netip.Prefix
	dir window.Direction
}

// memory is for how many seconds after its last second over a limit an attack
// goes on below it, above the stop level: no longer than its incident stays open
// by default.
const memory = 60

// goesOn lowers the limits to the stop level while an attack goes on, so that one
// that sways about its limit does not end with each sway.
func (d *Detector) goesOn(w *window.Window, on netip.Prefix, dir window.Direction, l *limits) {
	l.alarm, l.alarmConns = l.pps, l.conns
	if last, ok := d.running[running{on, dir}]; ok && w.Now-last <= memory {
		l.pps, l.conns = l.stop*l.pps, l.stop*l.conns
	}
}

// remember notes an attack under way.
func (d *Detector) remember(w *window.Window, on netip.Prefix, dir window.Direction) {
	d.running[running{on, dir}] = w.Now
}

// forget drops those that are over, once a minute.
func (d *Detector) forget(w *window.Window) {
	if !w.Minute {
		return
	}
	for k, last := range d.running {
		if w.Now-last > memory {
			delete(d.running, k)
		}
	}
}
