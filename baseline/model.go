// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"slices"
)

const (
	minSamples = 8      // more than seven (mission B1): from so many hours on a level gives an answer its name
	noiseFloor = 0.15   // smallest spread believed, in natural-log units: 15 %
	madToSigma = 1.4826 // of a normal distribution
	// A median of n samples of a normal distribution has pi/2 times the variance of
	// their mean.
	medianNoise = math.Pi / 2
)

// model is what a device's past says of one measure: a median for every place in
// the week, and how far hours used to be away from it. All in log values.
type model struct {
	global float32
	days   [hoursOfDay]cell
	kinds  [dayTypes][hoursOfDay]cell
	weeks  [hoursOfWeek]cell
	raw    [hoursOfDay]float32           // medians of hours of the day in which the device is at work, not shrunk: what limits are set by
	inUse  [dayTypes][hoursOfDay]float32 // medians of the hours of a kind of day in which it is at work; 0 = too few of them

	spread   [dayTypes][hoursOfDay]float32 // one sigma before calibration
	up, down calibrated                    // for hours above their median, and below
	ever     float32                       // the largest hour that counts
	p99      [hoursOfDay]float32

	bins  [hoursOfWeek][]sample
	all   []sample
	errs  []sample
	ratio []float32
}

// cell is one bin of a level: its median after shrinkage, and the weight in it.
type cell struct{ mid, n float32 }

// fit learns from the samples of a view.
func (m *model) fit(v *view, k Measure) {
	y := v.y[k]
	m.all = m.all[:0]
	m.ever = 0
	for i, w := range v.w {
		if w > 0 {
			m.all = append(m.all, sampleOf(y[i], w))
		}
		if w >= Drifting.weight() {
			m.ever = max(m.ever, y[i])
		}
	}
	m.global, _ = median(m.all)
	m.level(v, y, &tier{
		hoursOfDay, func(p place) int { return int(p.day) },
		func(int) float32 { return m.global }, func(i int) *cell { return &m.days[i] },
	})
	for h := range m.days {
		m.raw[h] = max(m.middle(h), m.atWork(h))
		m.p99[h] = m.quantile(h, 0.99)
	}
	m.level(v, y, &tier{
		dayTypes * hoursOfDay, func(p place) int { return int(p.kind)*hoursOfDay + int(p.day) },
		func(i int) float32 { return m.days[i%hoursOfDay].mid },
		func(i int) *cell { return &m.kinds[i/hoursOfDay][i%hoursOfDay] },
	})
	for i := range dayTypes * hoursOfDay {
		m.inUse[i/hoursOfDay][i%hoursOfDay] = m.atWork(i)
	}
	m.spreads(v, y)
	m.level(v, y, &tier{
		hoursOfWeek, func(p place) int { return int(p.week) },
		func(i int) float32 { return m.parentOfWeek(i) }, func(i int) *cell { return &m.weeks[i] },
	})
}

// parentOfWeek is what an hour of the week borrows from.
func (m *model) parentOfWeek(i int) float32 {
	kind := weekDay
	if d := i / hoursOfDay; d == 0 || d == 6 {
		kind = weekEnd
	}
	return m.kinds[kind][i%hoursOfDay].mid
}

// tier is one level: how many bins it has, which an hour falls into, what a bin
// borrows from, and where its cell is.
type tier struct {
	bins   int
	bin    func(place) int
	parent func(int) float32
	out    func(int) *cell
}

// level computes the cells of one level: the medians of its bins, drawn towards
// their parents by noise/between, the ratio of the variance inside a bin to that of
// bins around their parents.
func (m *model) level(v *view, y []float32, t *tier) {
	for i := range t.bins {
		m.bins[i] = m.bins[i][:0]
	}
	for i, w := range v.w {
		if w > 0 {
			b := t.bin(v.places[i])
			m.bins[b] = append(m.bins[b], sampleOf(y[i], w))
		}
	}
	var inside, around, n, mean float64
	for i := range t.bins {
		c := t.out(i)
		c.mid, c.n = median(m.bins[i])
		if c.n < 2 {
			continue
		}
		s := float64(m.bins[i][len(m.bins[i])*3/4].y()-m.bins[i][len(m.bins[i])/4].y()) / 1.349 // from the quartiles
		d := float64(c.mid - t.parent(i))
		inside += s * s
		around += d * d
		mean += float64(c.n)
		n++
	}
	borrow := math.Inf(1)
	if n > 0 {
		inside = max(inside/n, noiseFloor*noiseFloor)
		mean /= n
		between := around/n - medianNoise*inside/mean // what is more than the noise of medians
		if between > 0 {
			borrow = max(inside/between, 0.5)
		}
	}
	for i := range t.bins {
		c := t.out(i)
		up := t.parent(i)
		if math.IsInf(borrow, 1) || c.n == 0 {
			c.mid = up
			continue
		}
		c.mid = (c.n*c.mid + float32(borrow)*up) / (c.n + float32(borrow))
	}
}

// middle is the median of a bin that is sorted already.
func (m *model) middle(bin int) float32 {
	mid, _ := median(m.bins[bin])
	return mid
}

// atWork is the median of a sorted bin without the hours in which the device rested:
// its user was on holiday, or it was switched off. Such hours are normal, and those
// at work are, too; their common median is neither. It is 0 when there are too few.
func (m *model) atWork(bin int) float32 {
	all := m.bins[bin]
	at, _ := slices.BinarySearch(all, sampleOf(resting, 0))
	if at == 0 {
		return 0 // it never rests
	}
	if mid, n := median(all[at:]); n >= minAtWork {
		return mid
	}
	return 0
}

const (
	resting   = 0.2231 // log(1+1/4): a quarter of a grain, background chatter
	minAtWork = 4      // hours at work that are a habit, not an accident
)

// upper is what deviations upward are counted from at an hour of a kind of day,
// given the shrunk median.
func (m *model) upper(kind, day uint8, mid float32) float32 { return max(mid, m.inUse[kind][day]) }

// center is what an hour is compared with: one at work with those at work.
func (m *model) center(p place, y float32) float32 {
	mid := m.kinds[p.kind][p.day].mid
	if y >= resting {
		return m.upper(p.kind, p.day, mid)
	}
	return mid
}

// quantile is a quantile of a sorted bin, of the hours that count in full or a third.
func (m *model) quantile(bin int, q float64) float32 {
	m.ratio = m.ratio[:0]
	for _, s := range m.bins[bin] {
		if s.w() >= Drifting.weight() {
			m.ratio = append(m.ratio, s.y())
		}
	}
	if len(m.ratio) == 0 {
		return 0
	}
	return m.ratio[min(len(m.ratio)-1, int(q*float64(len(m.ratio))))]
}

// spreads computes one sigma for each hour of each kind of day, from the median
// absolute residual there and, as if of eight more hours, that of all hours; then
// it calibrates them.
func (m *model) spreads(v *view, y []float32) {
	const borrow = 8
	for i := range dayTypes * hoursOfDay {
		m.bins[i] = m.bins[i][:0]
	}
	m.errs = m.errs[:0]
	for i, w := range v.w {
		if w == 0 {
			continue
		}
		p := v.places[i]
		e := sampleOf(float32(math.Abs(float64(y[i]-m.center(p, y[i])))), w)
		m.errs = append(m.errs, e)
		b := int(p.kind)*hoursOfDay + int(p.day)
		m.bins[b] = append(m.bins[b], e)
	}
	all, _ := median(m.errs)
	for i := range dayTypes * hoursOfDay {
		own, n := median(m.bins[i])
		s2 := (n*own*own + borrow*all*all) / (n + borrow)
		m.spread[i/hoursOfDay][i%hoursOfDay] = max(float32(madToSigma*math.Sqrt(float64(s2))), noiseFloor)
	}
	m.up, m.down = m.calibrate(v, y, 1), m.calibrate(v, y, -1)
}

// calibrated is how deviations to one side are read. Sigmas are stretched so that
// the largest but one of the past's deviations lies where a bell curve has it among
// so many hours, at knee; beyond it they grow with a power of the deviation, tail.
type calibrated struct{ stretch, tail, knee float32 }

// calibrate looks at the deviations to one side alone. A day without its user must
// not excuse an hour with ten times the traffic, nor the other way round. And one
// outlier is no tail, so the largest of all is left out.
func (m *model) calibrate(v *view, y []float32, side float32) calibrated {
	m.ratio = m.ratio[:0]
	for i, w := range v.w {
		if w >= Drifting.weight() {
			p := v.places[i]
			from := m.kinds[p.kind][p.day].mid
			if side > 0 {
				from = m.upper(p.kind, p.day, from)
			}
			m.ratio = append(m.ratio, side*(y[i]-from)/m.spread[p.kind][p.day])
		}
	}
	n := len(m.ratio)
	if n < 4*minSamples {
		return calibrated{1, 1, 3}
	}
	slices.Sort(m.ratio)
	const share = 0.95
	far, near := m.ratio[n-2], m.ratio[int(share*float64(n))]
	knee, low := bell(2/float64(n+1)), bell(1-share)
	if float64(far) <= knee { // the past lies inside the spread that is believed at least
		return calibrated{1, 1, 3}
	}
	tail := slowest
	if near > 0 {
		tail = min(1, max(slowest, math.Log(knee/low)/math.Log(max(float64(far/near), 1.01))))
	}
	return calibrated{float32(float64(far) / knee), float32(tail), float32(knee)}
}

// slowest is the least power with which surprise grows.
const slowest = 0.25

// bell is how many sigmas a bell curve exceeds with probability p.
func bell(p float64) float64 { return math.Sqrt2 * math.Erfinv(1-2*p) }
