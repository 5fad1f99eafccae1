// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"slices"
)

// scratch is memory that judging reuses.
type scratch struct {
	view   view
	model  model
	levels levels
}

// sample is one hour of one measure: its log value, which is never negative, in the
// upper half, and what it counts in the lower one. The order of such bits is that
// of the values, so samples are sorted as integers.
type sample uint64

func sampleOf(y, w float32) sample {
	return sample(math.Float32bits(y))<<32 | sample(math.Float32bits(w))
}

func (s sample) y() float32 { return math.Float32frombits(uint32(s >> 32)) }
func (s sample) w() float32 { return math.Float32frombits(uint32(s)) }

// view is the past of a device laid out hour by hour: index i is the Unix hour
// from+i.
type view struct {
	from   int64
	places []place
	y      [numMeasures][]float32
	w      []float32
}

// fill lays out the hours [to-days, to) of a device. Hours that were not
// observed, and those before the device was known, count nothing.
func (v *view) fill(s *Store, p *past, to int64) {
	v.from = to - int64(s.cfg.Days)*hoursOfDay
	s.calendar.reach(max(v.from, p.first), to+hoursOfDay)
	n := int(to - v.from)
	v.places = slices.Grow(v.places[:0], n)[:n]
	v.w = slices.Grow(v.w[:0], n)[:n]
	for m := range v.y {
		v.y[m] = slices.Grow(v.y[m][:0], n)[:n]
		clear(v.y[m])
	}
	for i := range n {
		h := v.from + int64(i)
		v.w[i] = 0
		if h >= p.first && s.calendar.saw(h) {
			v.w[i] = 1
		}
		if h >= p.first {
			v.places[i] = s.calendar.place(h)
		}
	}
	p.all(func(r *record) {
		i := r.hour - v.from
		if i < 0 || i >= int64(n) {
			return
		}
		v.w[i] = r.trust.weight()
		for m := range numMeasures {
			v.y[m][i] = float32(m.log(float64(r.Judged(m))))
		}
	})
}

// median is the weighted median of samples, which it sorts; total is the sum of
// their weights. Without weight it is 0.
func median(v []sample) (mid, total float32) {
	for _, s := range v {
		total += s.w()
	}
	if total == 0 {
		return 0, 0
	}
	slices.Sort(v)
	sum := float32(0)
	for i, s := range v {
		sum += s.w()
		if 2*sum > total {
			return s.y(), total
		}
		if 2*sum == total { // exactly half: the middle of the two
			for _, next := range v[i+1:] {
				if next.w() > 0 {
					return (s.y() + next.y()) / 2, total
				}
			}
			return s.y(), total
		}
	}
	return v[len(v)-1].y(), total
}
