// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"slices"
)

// yardstick holds the newest numbers, as they came and sorted.
type yardstick struct {
	most           int
	newest, sorted []float64
}

func (y *yardstick) add(v float64) {
	at, _ := slices.BinarySearch(y.sorted, v)
	y.sorted = slices.Insert(y.sorted, at, v)
	if y.newest = append(y.newest, v); len(y.newest) > y.most {
		at, _ = slices.BinarySearch(y.sorted, y.newest[0])
		y.sorted = slices.Delete(y.sorted, at, at+1)
		y.newest = y.newest[1:]
	}
}

// quantile is 0 without numbers.
func (y *yardstick) quantile(q float64) float64 {
	if len(y.sorted) == 0 {
		return 0
	}
	return y.sorted[min(len(y.sorted)-1, int(q*float64(len(y.sorted))))]
}

// strange says how large a deviation is beside those of the past: 1 is the largest but
// one, since one outlier is no tail; beyond it surprise grows with a power of the
// deviation, the smaller the longer the tail of the past (see model.calibrate). A past
// of less than floor is taken for floor.
func (y *yardstick) strange(size, floor float64) float64 {
	n := len(y.sorted)
	if n < seriesLeast {
		return 0
	}
	const share = 0.95
	far, near := max(y.sorted[n-2], floor), y.quantile(share)
	if size <= far || near <= 0 || near >= far { // within the past, or a past without a tail
		return size / far
	}
	tail := math.Log(bell(2/float64(n+1))/bell(1-share)) / math.Log(max(far/near, 1.01))
	return math.Pow(size/far, min(1, max(slowest, tail)))
}

// trail holds the newest numbers for their means.
type trail struct {
	most   int
	newest []float64
}

func (t *trail) add(v float64) {
	if t.newest = append(t.newest, v); len(t.newest) > t.most {
		t.newest = t.newest[1:]
	}
}

// mean of the newest n; 0 while there are fewer.
func (t *trail) mean(n int) float64 {
	if len(t.newest) < n {
		return 0
	}
	sum := 0.0
	for _, v := range t.newest[len(t.newest)-n:] {
		sum += v
	}
	return sum / float64(n)
}
