// SPDX-License-Identifier: Apache-2.0

package app

import (
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// inside tells the judge of networks about single devices. It looks at all of them,
// and so is asked only about networks that are far from their past, and for drops.
type inside struct {
	engine *Engine
	told   map[flow.Addr]int64 // Unix second of a device's newest finding of medium or above
	blind  []bool              // by network, of second seen
	seen   int64
}

// toldFor is how long a finding counts, in seconds: for the hour that it is part of.
const toldFor = 3600

// hear notes the devices that findings are about.
func (x *inside) hear(found []detect.Finding, now int64) {
	for i := range found {
		f := &found[i]
		if !f.Subject.IsSingleIP() || f.Severity.Rank() < detect.Medium.Rank() || f.Category == detect.Operational {
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
	e := x.engine
	layout, until := e.networks.totals, time.Unix(e.networks.totals.At(), 0)
	from := until.Add(-fiveMinutes)
	if m == baseline.HourBytesIn || m == baseline.HourBytesOut {
		from = until.Truncate(time.Hour)
	}
	for _, s := range e.shards {
		past := keyed{s.past, s.who}
		for i := range s.window.Devices() {
			d, ok := s.window.Device(i)
			if !ok || !layout.Within(d.Network(), network) || but(d.Network()) {
				continue
			}
			a := d.Addr()
			if at, told := x.told[a]; !told || at <= e.now-toldFor {
				if p := e.planned.Over(a, from, until, "volume"); !p.NoAlert && p.Expect <= 1 {
					continue
				}
			}
			usual, _ := past.At(a, until, m)
			value := float64(valueOf(d, m))
			if low {
				sum += max(usual.Median-value, 0)
			} else {
				sum += max(value-usual.Median, 0)
			}
		}
	}
	return sum
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
