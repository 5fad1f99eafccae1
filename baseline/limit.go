// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"

	"tidewatch/flow"
)

const (
	limitAge   = 28 * hoursOfDay // hours known before limits are set: four whole weeks
	limitFloor = 10              // growth up to so many grains is nobody's concern
)

// limit holds how much may be expected of a device: the medians of the hours of
// the day, in log values, as they were when it was four weeks old or approved last,
// and since then moved by Config.Growth a week at most. A device that was taught
// to send more, step by step, is still judged by what it may have grown to.
type limit struct {
	since int64                            // Unix hour at which it was set
	mid   [numMeasures][hoursOfDay]float32 // log values
	sigma [numMeasures]float32             // mean sigma over the day
	tail  [numMeasures]float32             // see Normal.Tail; a longer tail forgives more
}

// turn numbers the weeks of a device. They begin at different hours, so that not
// all devices are worked on at once.
func (s *Store) turn(addr flow.Addr, hour int64) int64 {
	return (hour + offset(addr)) / hoursOfWeek
}

// offset spreads devices over the hours of a week.
func offset(addr flow.Addr) int64 {
	h := uint64(0)
	for _, b := range addr {
		h = (h ^ uint64(b)) * 0x100000001b3 // as FNV-1a does
	}
	return int64(h >> 32 % hoursOfWeek)
}

// stepLimit moves the limits at the end of a device's week.
func (s *Store) stepLimit(p *past, hour int64) {
	if hour-p.first < limitAge {
		return
	}
	v, m := &s.scratch.view, &s.scratch.model
	v.fill(s, p, hour)
	step := float32(math.Log1p(s.cfg.Growth))
	fresh := p.limit == nil
	if fresh {
		p.limit = &limit{since: hour}
	}
	for k := range numMeasures {
		m.fit(v, k)
		for h := range hoursOfDay {
			p.limit.mid[k][h] = toward(p.limit.mid[k][h], m.raw[h], step, fresh)
		}
		p.limit.tail[k] = toward(p.limit.tail[k], m.up.tail, step, fresh)
		p.limit.sigma[k] = toward(p.limit.sigma[k], m.meanSigma(), step*p.limit.sigma[k], fresh)
	}
	p.plan.from = 0
}

// toward moves a value to another by a step at most.
func toward(now, to, step float32, fresh bool) float32 {
	if fresh {
		return to
	}
	return min(max(to, now-step), now+step)
}

func (m *model) meanSigma() float32 {
	sum := float32(0)
	for kind := range m.spread {
		for _, s := range m.spread[kind] {
			sum += s
		}
	}
	return m.up.stretch * sum / (dayTypes * hoursOfDay)
}

// excess is by how much, in log values, the median of an hour of the day lies over
// its limit.
func (l *limit) excess(k Measure, h int, raw float32) float32 {
	if l == nil {
		return 0
	}
	return float32(max(0, l.beyond(k, h, float64(raw))))
}

// beyond is how far over its limit the median of an hour of the day lies; below it,
// it is negative. An hour earlier or later than usual is no growth.
func (l *limit) beyond(k Measure, h int, raw float64) float64 {
	mid := &l.mid[k]
	allowed := max(mid[h], mid[(h+1)%hoursOfDay], mid[(h+hoursOfDay-1)%hoursOfDay], float32(math.Log1p(limitFloor)))
	return raw - float64(allowed)
}

// narrow is what sigmas are multiplied with, so that a past that was made wild
// forgives no more than it may have grown to.
func (l *limit) narrow(k Measure, m *model) float32 {
	if l == nil || l.sigma[k] == 0 {
		return 1
	}
	return min(1, l.sigma[k]/m.meanSigma())
}

// steep is how surprise grows, no slower than it may have come to.
func (l *limit) steep(k Measure, m *model) float32 {
	if l == nil {
		return m.up.tail
	}
	return max(m.up.tail, l.tail[k])
}
