// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// made is 16 days of values five minutes apart: a day's wave and noise, changed from
// day 14 on.
func made(change func(i int, v float64) float64) (at []time.Time, v []float64) {
	r := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for i := range 16 * 288 {
		x := 100 + 40*math.Sin(2*math.Pi*float64(i)/288) + 3*r.NormFloat64()
		if i >= 14*288 {
			x = change(i-14*288, x)
		}
		at, v = append(at, start.Add(time.Duration(i)*5*time.Minute)), append(v, x)
	}
	return at, v
}

// TestSeries: what is strange stands out of the past, in any unit.
func TestSeries(t *testing.T) {
	const clear = 1.3
	for name, tc := range map[string]struct {
		change func(int, float64) float64
		within int // values after the change; 0 = nothing may be told
	}{
		"ordinary": {func(_ int, v float64) float64 { return v }, 0},
		"a spike": {func(i int, v float64) float64 {
			if i == 10 {
				return v + 60
			}
			return v
		}, 11},
		"a gap": {func(i int, v float64) float64 {
			if i == 10 {
				return 0
			}
			return v
		}, 11},
		"another level":   {func(_ int, v float64) float64 { return v + 30 }, 12},
		"a lower level":   {func(_ int, v float64) float64 { return v - 30 }, 12},
		"flat":            {func(int, float64) float64 { return 100 }, 144},
		"jumping about":   {func(i int, v float64) float64 { return v + 15*float64(i%2*2-1) }, 12},
		"the wave is off": {func(i int, v float64) float64 { return v - 80*math.Sin(2*math.Pi*float64(i)/288) }, 144},
	} {
		for _, unit := range []float64{1e-6, 1, -1e9} {
			at, v := made(tc.change)
			s := NewSeries()
			first := -1
			for i := range v {
				score := s.Add(at[i], unit*v[i])
				if i >= 3*288 && score > clear && first < 0 {
					first = i - 14*288
				}
			}
			if tc.within == 0 && first >= 0 || tc.within > 0 && (first < 0 || first > tc.within) {
				t.Errorf("%s in units of %g: told at %d, want within %d", name, unit, first, tc.within)
			}
		}
	}
}

// TestSeriesLooksAtNothingLater: a score is the same whatever comes after it, and what
// is no number changes nothing.
func TestSeriesLooksAtNothingLater(t *testing.T) {
	at, v := made(func(i int, x float64) float64 { return x * float64(i%7) })
	whole, part := NewSeries(), NewSeries()
	for i := range v {
		a := whole.Add(at[i], v[i])
		if i < 3000 {
			if b := part.Add(at[i], v[i]); a != b || math.IsNaN(a) {
				t.Fatalf("value %d: %g and %g", i, a, b)
			}
			for _, odd := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				if got := part.Add(at[i], odd); got != 0 {
					t.Fatalf("%g scores %g", odd, got)
				}
			}
		}
	}
	flat := NewSeries()
	for i := range v {
		if got := flat.Add(at[i], 45); got > 0.01 {
			t.Fatalf("a flat line scores %g", got)
		}
	}
	if n := len(whole.all.newest) + len(whole.signs[0].newest); n > 2*seriesPast {
		t.Errorf("%d numbers are kept", n)
	}
}
