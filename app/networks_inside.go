// SPDX-License-Identifier: Apache-2.0

package app

import (
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// inside tells the judge of networks about single devices. It looks at all of them, once
// a tick, and only when a network is far from its past, or may have dropped.
type inside struct {
	engine *Engine
	told   map[flow.Addr]int64 // Unix second of a device's newest finding that is told of: see hear
	blind  []bool              // by network, of second seen
	seen   int64
	excess [baseline.HourBytesOut + 1]excesses // by measure, memory of one tick
	lack   [baseline.HourBytesOut + 1]excesses
}

// toldFor is how long a finding counts, in seconds: for the hour that it is part of.
const toldFor = 3600

// hear notes the devices that findings are about: of medium or above, or of a volume of
// which it is known what carries it, which is no news of their network either.
func (x *inside) hear(found []detect.Finding, now int64) {
	for i := range found {
		f := &found[i]
		ordinary := f.Kind == "volume" && f.Ordinary
		if !f.Subject.IsSingleIP() || f.Severity.Rank() < detect.Medium.Rank() && !ordinary || f.Category == detect.Operational {
			continue
		}
		a := flow.AddrFrom(f.Subject.Addr())
		if _, known := x.told[a]; known || len(x.told) < maxHurt {
			x.told[a] = now
		}
	}
}

// sweep forgets what no longer counts.
func (x *inside) sweep(now int64) {
	for a, at := range x.told {
		if at <= now-toldFor {
			delete(x.told, a)
		}
	}
}

// Told implements volume.Inside.
func (x *inside) Told(network int, m baseline.Measure, low bool, but func(network int) bool) (sum float64) {
	totals := x.engine.networks.totals
	of := &x.excess[m]
	if low {
		of = &x.lack[m]
	}
	if of.at != totals.At() {
		of.at = totals.At()
		x.sum(of, m, low)
	}
	for k := network; k < totals.Len(); k++ { // those inside it have higher numbers
		if of.by[k] != 0 && totals.Within(k, network) && !but(k) {
			sum += of.by[k]
		}
	}
	return sum
}

// excesses are how much devices that need no telling carry beyond their past, or lack,
// by their most specific network.
type excesses struct {
	at int64 // Unix second that it holds for
	by []float64
}

// sum looks at all devices, once for all networks that ask in a tick.
func (x *inside) sum(of *excesses, m baseline.Measure, low bool) {
	e, until := x.engine, time.Unix(of.at, 0)
	from := until.Add(-fiveMinutes)
	if m == baseline.HourBytesIn || m == baseline.HourBytesOut {
		from = until.Truncate(time.Hour)
	}
	if of.by == nil {
		of.by = make([]float64, e.networks.totals.Len())
	}
	clear(of.by)
	for _, s := range e.shards {
		past := keyed{s.past, s.who}
		for i := range s.window.Devices() {
			d, ok := s.window.Device(i)
			if !ok {
				continue
			}
			a := d.Addr()
			at, told := x.told[a]
			told = told && at > e.now-toldFor || e.attacked.around(a, d.Network(), e.networks.totals.Networks, e.now/3600)
			if !told {
				if p := e.planned.Over(a, from, until, "volume"); !p.NoAlert && p.Expect <= 1 {
					continue
				}
			}
			usual, _ := past.At(a, until, m)
			more := float64(valueOf(d, m)) - usual.Median
			if low {
				more = -more
			}
			of.by[d.Network()] += max(more, 0)
		}
	}
}

func valueOf(d window.Device, m baseline.Measure) uint64 {
	var s window.Sums
	if m == baseline.HourBytesIn || m == baseline.HourBytesOut {
		s = d.ClosedHour()
	} else {
		s = d.Closed5()
	}
	switch m {
	case baseline.BytesIn, baseline.HourBytesIn:
		return s.Bytes[window.In]
	case baseline.PacketsIn:
		return s.Packets[window.In]
	default:
		return s.Bytes[window.Out]
	}
}

// Seen implements volume.Inside.
func (x *inside) Seen(network int, from, to int64) bool {
	e := x.engine
	if x.seen != to { // all networks ask in one tick
		x.seen = to
		clear(x.blind)
		for _, s := range e.shards {
			for i := range s.window.Devices() {
				d, ok := s.window.Device(i)
				if ok && !x.blind[d.Network()] && d.Touched() > to-86400 && !e.outages.Saw(d.Exporter(), from, to) {
					x.blind[d.Network()] = true
				}
			}
		}
		for i := len(x.blind) - 1; i > 0; i-- {
			if around := e.networks.totals.Parent(i); x.blind[i] {
				x.blind[around] = true
			}
		}
	}
	return !x.blind[network]
}
