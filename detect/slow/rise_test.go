// SPDX-License-Identifier: Apache-2.0

package slow

import (
	"math"
	"testing"

	"tidewatch/detect"
)

// A device that always sends to a place sends more to it from day 30 on: it is told of
// when the third or fourth such day is over, and high when it is much. One large day, what
// differs from day to day, and a place that all use are not told of.
func TestRise(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		usual    float64 // megabytes a day
		times    func(day int) float64
		others   int // devices that use the place
		severity detect.Severity
		within   int
	}{
		"three times, much":      {300, func(int) float64 { return 3 }, 0, detect.High, 4},
		"three times, little":    {30, func(int) float64 { return 3 }, 0, detect.Medium, 4},
		"twice":                  {300, func(int) float64 { return 2 }, 0, detect.High, 14},
		"a place that all use":   {300, func(int) float64 { return 3 }, 3, "", 0},
		"one large day":          {300, func(day int) float64 { return 1 + 20*b2f(day == 31) }, 0, "", 0},
		"every Saturday in full": {300, func(day int) float64 { return 1 + 3*b2f(day%7 == 6) }, 0, "", 0},
		"from 0.5 to 1 megabyte": {0.5, func(int) float64 { return 2 }, 0, "", 0},
		"as ever":                {300, func(int) float64 { return 1 }, 0, "", 0},
	} {
		for _, v6 := range []bool{false, true} {
			w := newWorld(t, v6)
			const change, days = 30, 45
			first, got := -1, detect.Severity("")
			for day := range days {
				factor := 1.0
				if day >= change || name == "every Saturday in full" {
					factor = tc.times(day)
				}
				for n := range 1 + tc.others {
					w.gives(w.own(n), day, 10, w.host(3, 7), tc.usual*factor*math.Exp(0.25*w.r.NormFloat64()), 0, 443)
				}
				for _, f := range w.judge(day) {
					if f.Subject != detect.HostSubject(w.own(0)) || f.Severity == detect.Low {
						continue
					}
					if first < 0 {
						first = day - change
					}
					if f.Severity.Rank() > got.Rank() {
						got = f.Severity
					}
				}
			}
			if got != tc.severity || tc.severity != "" && (first < 0 || first > tc.within) {
				t.Errorf("%s, IPv6 %v: %q on day %d, want %q within %d", name, v6, got, first+1, tc.severity, tc.within)
			}
		}
	}
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
