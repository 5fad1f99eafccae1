// SPDX-License-Identifier: Apache-2.0

package app

import "time"

// tickBounds are the upper bounds of the histogram of tick times, in seconds. The
// p99 aimed at is half a second at 10 000 devices.
func tickBounds() [10]float64 {
	return [10]float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1}
}

// ticks counts how long it took to end a second of flow time: closing bins,
// judging, folding findings, learning.
type ticks struct {
	count   uint64
	sum     float64
	buckets [10]uint64 // cumulative, as Prometheus counts
}

func (t *ticks) observe(d time.Duration) {
	t.count++
	t.sum += d.Seconds()
	for i, bound := range tickBounds() {
		if d.Seconds() <= bound {
			t.buckets[i]++
		}
	}
}

func (t *ticks) byBound() map[float64]uint64 {
	out := map[float64]uint64{}
	for i, bound := range tickBounds() {
		out[bound] = t.buckets[i]
	}
	return out
}
