// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"testing"
)

// While five times as much is expected, neither that nor the usual is odd.
func TestTimes(t *testing.T) {
	usual := Normal{Median: 100e6, P99: 120e6, Ever: 150e6, Spread: 0.15}
	n := usual.Times(5)
	if n.Median != 500e6 || n.P99 != 600e6 || n.Ever != 750e6 {
		t.Errorf("%+v", n)
	}
	for value, want := range map[float64]float64{
		100e6: 0, 300e6: 0, 500e6: 0,
		50e6:   usual.Sigma(50e6),
		1000e6: usual.Sigma(1000e6) - usual.Sigma(500e6),
	} {
		if got := n.Sigma(value); math.Abs(got-want) > 1e-9 {
			t.Errorf("%g is %g deviations off, want %g", value, got, want)
		}
	}
	if got := usual.Times(1); got != usual {
		t.Errorf("once the usual is %+v", got)
	}
}
