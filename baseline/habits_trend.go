// SPDX-License-Identifier: Apache-2.0

package baseline

import "math"

const (
	trendMemory = 30  // observations that a habitTrend remembers
	trendFew    = 5   // fewer say nothing
	trendFloor  = 0.3 // smallest spread believed, in natural-log units: a third
)

// habitTrend is mean, variance and height of a series of logs, with exponential
// forgetting (West 1979, with a constant weight once the memory is full).
type habitTrend struct {
	n               uint8
	mean, vari, top float32
}

func (t *habitTrend) learn(x float64) {
	y := float32(x)
	if t.n < trendMemory {
		t.n++
	}
	a := 1 / float32(t.n)
	if t.n == 1 {
		t.top = y
	}
	d := y - t.mean
	t.mean += a * d
	t.vari = (1 - a) * (t.vari + a*d*d)
	t.top = max(y, t.top-(t.top-t.mean)/(4*trendMemory)) // the height sinks slowly
}

// limit is what lies sigmas above the mean, and no lower than ever; ok is false
// with too few observations.
func (t *habitTrend) limit(sigmas float64) (x float64, ok bool) {
	spread := max(math.Sqrt(float64(t.vari)), trendFloor)
	return max(float64(t.mean)+sigmas*spread, float64(t.top)), t.n >= trendFew
}
