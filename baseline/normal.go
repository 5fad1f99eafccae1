// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"time"

	"tidewatch/flow"
)

// Basis says how much past an answer rests on. It converts to detect.Baseline.
type Basis struct {
	Level   string // hour_of_week, hour_of_day or global: the finest with more than seven hours
	Samples int
	AgeDays int
	Version string // of the baseline; empty until there are versions
}

// Normal is what a device's past says of one measure at one hour.
type Normal struct {
	Median  float64 // of that hour, when the device is at work
	Spread  float64 // one calibrated sigma upward, in natural-log units
	Low     float64 // one downward, likewise; 0 = as upward
	P99     float64 // of that hour of the day
	Recent  float64 // what this hour came to on most of the last days, whether or not the past explains it
	Ever    float64 // the busiest five minutes of any hour that is remembered and trusted
	Basis   Basis
	Shared  bool    // the past is of several addresses; one alone may be far below it
	Knee    float64 // from so many sigmas on z grows as the deviation to the power of Tail; 0 is 3
	Tail    float64 // at most 1, which is what a bell curve has; 0 is 1
	LowTail float64 // downward, likewise
	measure Measure
	rest    float64 // what deviations downward are counted from; 0 = from Median
}

// Sigma is how many calibrated deviations value lies above (positive) or below
// the median. Between the median at work and that at rest nothing is unusual.
func (n *Normal) Sigma(value float64) float64 {
	d := n.measure.log(value) - n.measure.log(n.Median)
	if d < 0 && n.rest > 0 {
		d = min(0, n.measure.log(value)-n.measure.log(n.rest))
	}
	spread, tail := n.side(d)
	z := d / spread
	if knee := n.knee(); tail > 0 && tail < 1 && math.Abs(z) > knee {
		z = math.Copysign(knee*math.Pow(math.Abs(z)/knee, tail), z)
	}
	return z
}

func (n *Normal) knee() float64 {
	if n.Knee == 0 {
		return 3
	}
	return n.Knee
}

// side is one sigma and the tail of deviations above the median, or below it.
func (n *Normal) side(d float64) (spread, tail float64) {
	if d < 0 && n.Low > 0 {
		return n.Low, n.LowTail
	}
	return n.Spread, n.Tail
}

// Times returns what is normal while factor times the usual volume is expected:
// anything from the usual to that. A factor of at most 1 changes nothing.
func (n Normal) Times(factor float64) Normal { //nolint:gocritic // a copy is what is wanted
	if factor > 1 {
		if n.rest == 0 { // what was expected to grow and did not is as usual
			n.rest = n.Median
		}
		n.Median, n.P99, n.Ever = n.Median*factor, n.P99*factor, n.Ever*factor
	}
	return n
}

// Above is the value that lies z deviations above the median.
func (n *Normal) Above(z float64) float64 {
	spread, tail := n.side(z)
	if knee := n.knee(); tail > 0 && tail < 1 && math.Abs(z) > knee {
		z = math.Copysign(knee*math.Pow(math.Abs(z)/knee, 1/tail), z)
	}
	from := n.Median
	if z < 0 && n.rest > 0 {
		from = n.rest
	}
	return n.measure.value(n.measure.log(from) + z*spread)
}

// plan is what a device's past says of the 24 hours from one on. It is made when
// it is first asked for, from the hours before, and so is the same whenever that
// is. Learning reaches judging a day later at most.
type plan struct {
	from  int64 // Unix hour; 0 = none
	known bool
	hours [hoursOfDay]entry
	ever  [numMeasures]float32
	tail  [numMeasures]float32
	knee  [numMeasures]float32
	low   [numMeasures]calibrated // of deviations downward; its stretch is relative to the upward one
	shift Shift
}

type entry struct {
	level   level
	samples uint16
	mid     [numMeasures]float32
	up      [numMeasures]float32 // at work
	recent  [numMeasures]float32 // what it came to on most of the last days, see lately
	sigma   [numMeasures]float32
	p99     [numMeasures]float32
}

// level is how fine the past is at an hour.
type level uint8

const (
	global level = iota
	hourOfDay
	hourOfWeek
)

func (l level) String() string { return [...]string{"global", "hour_of_day", "hour_of_week"}[l] }

// At returns what is normal for a device at a moment; ok is false without
// enough past. It allocates nothing, and computes once a day for each device.
func (s *Store) At(addr flow.Addr, at time.Time, m Measure) (n Normal, ok bool) {
	p, hour := s.devices[addr], at.Unix()/3600
	if p == nil || int(p.active) < s.cfg.MinDays || hour < 0 {
		return n, false
	}
	if p.plan.from == 0 || hour < p.plan.from || hour >= p.plan.from+hoursOfDay {
		s.prepare(addr, p, hour)
	}
	if !p.plan.known {
		return n, false
	}
	e := &p.plan.hours[hour-p.plan.from]
	n.measure = m
	n.Median, n.Spread = m.value(float64(e.up[m])), float64(e.sigma[m])
	if e.up[m] > e.mid[m] {
		n.rest = max(m.value(float64(e.mid[m])), 1)
	}
	n.Recent = m.value(float64(e.recent[m]))
	low := p.plan.low[m]
	n.Low, n.LowTail = max(n.Spread*float64(low.stretch), noiseFloor), float64(low.tail)
	n.Tail, n.Knee = float64(p.plan.tail[m]), float64(p.plan.knee[m])
	n.P99, n.Ever = m.value(float64(e.p99[m])), m.value(float64(p.plan.ever[m]))
	n.Basis = Basis{Level: e.level.String(), Samples: int(e.samples), AgeDays: int((hour - p.first) / hoursOfDay)}
	return n, true
}

// prepare makes the plan of the day that hour lies in. Days of devices begin at
// different hours, so that not all are worked on at once.
func (s *Store) prepare(addr flow.Addr, p *past, hour int64) {
	from := hour - (hour+offset(addr))%hoursOfDay
	v, m := &s.scratch.view, &s.scratch.model
	v.fill(s, p, from)
	p.plan.from, p.plan.known = from, true
	for k := range numMeasures {
		m.fit(v, k)
		p.plan.ever[k], p.plan.tail[k] = m.ever, p.limit.steep(k, m)
		p.plan.knee[k] = m.up.knee
		p.plan.low[k] = calibrated{m.down.stretch / m.up.stretch, m.down.tail, m.down.knee}
		narrow := m.up.stretch * p.limit.narrow(k, m)
		for i := range p.plan.hours {
			at := s.calendar.place(from + int64(i))
			e := &p.plan.hours[i]
			over := p.limit.excess(k, int(at.day), m.raw[at.day])
			e.mid[k] = max(0, m.weeks[at.week].mid-over)
			e.up[k] = max(0, m.upper(at.kind, at.day, m.weeks[at.week].mid)-over)
			e.recent[k] = lately(v, k, at)
			e.sigma[k] = max(m.spread[at.kind][at.day]*narrow, noiseFloor)
			e.p99[k] = m.p99[at.day]
			e.level, e.samples = m.basis(at)
		}
	}
	if len(m.all) < minSamples {
		p.plan.known = false
	}
	p.plan.shift = s.shifted(p, v, from)
	for k := range numMeasures {
		if up := float32(math.Log(max(p.plan.shift.Factor, 1))); up > 0 && !p.plan.shift.Grew && p.plan.shift.Out == k.out() {
			for i := range p.plan.hours {
				e := &p.plan.hours[i]
				e.recent[k] = max(e.recent[k], e.up[k]+up)
			}
		}
	}
}

// basis is the finest level with enough hours at a place, and how many it has.
func (m *model) basis(at place) (level, uint16) {
	if n := m.weeks[at.week].n; n >= minSamples {
		return hourOfWeek, uint16(n)
	}
	if n := m.kinds[at.kind][at.day].n; n >= minSamples {
		return hourOfDay, uint16(n)
	}
	if n := m.days[at.day].n; n >= minSamples {
		return hourOfDay, uint16(n)
	}
	return global, uint16(min(len(m.all), 1<<16-1))
}
