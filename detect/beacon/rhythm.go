// SPDX-License-Identifier: Apache-2.0

package beacon

import (
	"math"
	"slices"

	"tidewatch/window"
)

// rhythm is what the connections of one pair amount to, each measure from 0, not
// at all like a clock, to 1. Its lists are memory to work in.
type rhythm struct {
	timing   float64 // how alike the intervals are, or their ratios when they grow
	size     float64 // how alike the sizes are
	call     float64 // median bytes that a call sends
	presence float64 // how evenly the calls lie over the time
	duration float64 // how long it has gone on
	period   float64 // seconds, the median interval
	jitter   float64 // share of the period: median deviation, doubled, as a uniform jitter of so much has
	grows    bool
	ratio    float64 // of an interval to the one before, when they grow

	gaps, sizes, sorted, ratios []int64
	hours                       []int
}

const (
	burst    = 20   // connections within 1/20 of the longer intervals are one call
	bins     = 12   // pieces of a short time in which calls are counted
	calls    = 240  // so many calls are as telling as a day: one every six minutes of it
	widest   = 0.5  // the widest jitter that is looked for, to each side
	growing  = 1.15 // ratio from which intervals grow
	alike    = 0.15 // ratios that differ less are alike (Fibonacci's settle within 4 %)
	minRatio = 10   // ratios at least: beyond a client's patience with a server that is down
)

// measure judges the newest connections of a pair; ok is false when there are too
// few to say anything.
func (b *rhythm) measure(now int64, r *window.Pair, least int) (ok bool) {
	b.gaps, b.sizes = r.Starts(b.gaps[:0], b.sizes[:0])
	raw := float64(len(b.gaps))
	g, ratio, grown := b.growth()
	// A client whose server is down waits longer each time, too.
	if b.grows = g >= widest && 2*r.Failed() < r.Count(); !b.grows {
		b.merge()
	}
	if len(b.gaps) < least-1 && !b.grows {
		return false
	}
	b.sorted = append(b.sorted[:0], b.gaps...)
	slices.Sort(b.sorted)
	b.period = float64(median(b.sorted))
	if b.period < 2 {
		return false // whole seconds tell no rhythm here
	}
	b.timing = (skewScore(b.sorted, 1) + b.spread() + b.regular()) / 3
	if b.grows = b.grows && g > b.timing; b.grows {
		b.timing, b.presence, b.ratio = g, g, ratio
		b.duration = min(1, math.Log(grown)/math.Log(100))
	} else {
		b.presence = b.even(now, r)
		b.duration = b.lasting(r, float64(r.Count())*float64(len(b.gaps))/raw)
	}
	b.sorted = append(b.sorted[:0], b.sizes...)
	slices.Sort(b.sorted)
	b.size, b.call = 0, float64(median(b.sorted))
	if m := float64(median(b.sorted)); m >= 1 {
		b.size = (skewScore(b.sorted, 32) + max(0, 1-deviation(b.sorted, m)/m)) / 2
	}
	return true
}

// merge joins the connections of one call: what begins within a twentieth of the
// longer intervals of the one before belongs to it.
func (b *rhythm) merge() {
	if len(b.gaps) < 4 {
		return
	}
	b.sorted = append(b.sorted[:0], b.gaps...)
	slices.Sort(b.sorted)
	short := b.sorted[len(b.sorted)*9/10] / burst
	n, owed := 0, int64(0)
	for i, g := range b.gaps {
		if g <= short {
			owed += g
			if n > 0 {
				b.sizes[n-1] += b.sizes[i]
			}
			continue
		}
		b.gaps[n], b.sizes[n] = g+owed, b.sizes[i]
		owed = 0
		n++
	}
	b.gaps, b.sizes = b.gaps[:n], b.sizes[:n]
}

// spread is RITA's score of the median absolute deviation.
func (b *rhythm) spread() float64 {
	b.jitter = 2 * deviation(b.sorted, b.period) / b.period
	return max(0, 1-b.jitter/2)
}

// skewScore is 1 less RITA's Bowley skew, which is none when the quartiles lie
// within a twentieth of the median, or within so much that clocks and headers
// explain it.
func skewScore(sorted []int64, grain float64) float64 {
	q1, q2, q3 := quantile(sorted, 1), quantile(sorted, 2), quantile(sorted, 3)
	if q3-q1 <= grain+q2/20 || q2 == q1 || q2 == q3 {
		return 1
	}
	return 1 - math.Abs((q1+q3-2*q2)/(q3-q1))
}

func quantile(sorted []int64, quarter int) float64 {
	return float64(sorted[min(len(sorted)*quarter/4, len(sorted)-1)])
}

func median(sorted []int64) int64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

// deviation is the median distance of sorted values from m. It walks from both
// sides of m outwards.
func deviation(sorted []int64, m float64) float64 {
	hi, _ := slices.BinarySearch(sorted, int64(math.Ceil(m)))
	lo, d := hi-1, 0.0
	for range len(sorted)/2 + 1 {
		left, right := math.Inf(1), math.Inf(1)
		if lo >= 0 {
			left = m - float64(sorted[lo])
		}
		if hi < len(sorted) {
			right = float64(sorted[hi]) - m
		}
		if left < right {
			d = left
			lo--
		} else {
			d = right
			hi++
		}
	}
	return d
}

// regular is how many more of the intervals keep to the period than would by
// chance. Three widths are tried: within a tenth and a quarter of the period, where
// multiples count too, because calls may be missed; and within half of it, where
// multiples of anything would fit. By chance intervals are memoryless: whole
// seconds, halved in number with each period.
func (b *rhythm) regular() float64 {
	best, n := 0.0, float64(len(b.gaps))
	for _, width := range [...]float64{0.1, 0.25, widest} {
		multiples := width < widest && b.period >= 10
		var in, chance float64
		for _, g := range b.gaps {
			k := 1.0
			if multiples {
				k = max(1, math.Round(float64(g)/b.period))
			}
			if math.Abs(float64(g)-k*b.period) <= max(width*b.period, 1) {
				in++
			}
		}
		side := max(width*b.period, 1)
		from, to := math.Ceil(b.period-side)-1, math.Floor(b.period+side)
		chance = math.Exp2(-from/b.period) - math.Exp2(-to/b.period)
		if multiples {
			chance *= 2 // the sum over all multiples
		}
		if chance < 1 {
			best = max(best, (in/n-chance)/(1-chance))
		}
	}
	return best
}

// growth is how much the ratios of consecutive intervals are alike, when they grow,
// as with Fibonacci numbers or by doubling; grown is the longest interval over the
// shortest. No order of the same intervals by chance has this: eight of ten ratios
// of shuffled ones lie elsewhere.
func (b *rhythm) growth() (score, ratio, grown float64) {
	const scale = 1000
	b.ratios = b.ratios[:0]
	for i := 1; i < len(b.gaps); i++ {
		b.ratios = append(b.ratios, scale*b.gaps[i]/max(b.gaps[i-1], 1))
	}
	if len(b.ratios) < minRatio {
		return 0, 0, 1
	}
	slices.Sort(b.ratios)
	m := float64(median(b.ratios))
	if m < growing*scale {
		return 0, 0, 1
	}
	in := 0.0
	for _, r := range b.ratios {
		if math.Abs(float64(r)-m) <= alike*m {
			in++
		}
	}
	const chance = 0.2
	score = max(0, (in/float64(len(b.ratios))-chance)/(1-chance))
	return score, m / scale, float64(slices.Max(b.gaps)) / float64(max(slices.Min(b.gaps), 1))
}

// even is how evenly the calls lie over the time: 1 less the coefficient of
// variation of the calls in each hour, or in each twelfth of a short time (RITA has
// a twenty-fourth of the day); for calls further apart, the share of those expected
// that came.
func (b *rhythm) even(now int64, r *window.Pair) float64 {
	span := int64(0)
	for _, g := range b.gaps {
		span += g
	}
	if came := float64(len(b.gaps)) * b.period / float64(max(span, 1)); b.period > 900 {
		return min(1, came)
	}
	b.hours = r.Hours(now, b.hours[:0])
	first, last := 0, len(b.hours)-2 // the running hour is not over
	for first < last && b.hours[first] == 0 {
		first++
	}
	for last > first && b.hours[last] == 0 {
		last--
	}
	first++ // nor was the first hour whole
	if last-first < 5 {
		b.hours = b.hours[:0]
		for range bins {
			b.hours = append(b.hours, 0)
		}
		at := int64(0)
		for _, g := range b.gaps {
			at += g
			b.hours[min(at*bins/max(span, 1), bins-1)]++
		}
		first, last = 0, bins-1
	}
	return max(variation(b.hours[first:last+1]), twoLevels(b.hours[first:last+1]))
}

// variation is 1 less the coefficient of variation.
func variation(counts []int) float64 {
	var sum, squares float64
	for _, c := range counts {
		sum += float64(c)
		squares += float64(c) * float64(c)
	}
	n := float64(len(counts))
	mean := sum / n
	if mean == 0 {
		return 0
	}
	return max(0, 1-math.Sqrt(max(0, squares/n-mean*mean))/mean)
}

// twoLevels is RITA's score of two levels: the share of busy hours that have one of
// the two commonest counts, to a twentieth of the largest; it asks for 11 of them.
func twoLevels(counts []int) float64 {
	most, busy := 0, 0
	for _, c := range counts {
		most = max(most, c)
		if c > 0 {
			busy++
		}
	}
	if busy < 11 {
		return 0
	}
	width := (most + 19) / 20
	var levels [21]int
	for _, c := range counts {
		if c > 0 {
			levels[c/width]++
		}
	}
	slices.Sort(levels[:])
	return min(1, float64(levels[20]+levels[19])/float64(max(busy-1, 1)))
}

// lasting is RITA's score of duration: the share of a day that it covers, or of
// twelve hours with calls in each; or the number of calls.
func (b *rhythm) lasting(r *window.Pair, made float64) float64 {
	covered := float64(r.Last()-r.First()) / 86400
	if b.period <= 3600 {
		covered = max(covered, float64(r.Last()-r.First())/(12*3600)*min(1, b.presence))
	}
	return min(1, max(covered, made/calls))
}
