// SPDX-License-Identifier: Apache-2.0

package app

import (
	"time"

	"tidewatch/api"
	"tidewatch/baseline"
)

// bandSigmas is how far a band reaches: three calibrated deviations are what one hour in
// 740 of those that were learned is beyond (the 99.87th percentile).
const bandSigmas = 3

// band is what is usual in one direction at a moment, in bits per second.
type band struct{ low, expected, high float64 }

// asked tells what is normal at a moment.
type asked func(at time.Time, m baseline.Measure) (baseline.Normal, bool)

// bandOf is the band of the hour around a moment: its usual mean, three deviations below
// that, and three above its usual busiest five minutes. ok is false when nothing is learned.
func bandOf(past asked, at time.Time, hourly, busiest baseline.Measure) (b band, ok bool) {
	hour, ok := past(at, hourly)
	if !ok {
		return b, false
	}
	peak, ok := past(at, busiest)
	if !ok {
		return b, false
	}
	const perHour, perFive = 8.0 / 3600, 8.0 / 300
	b.expected = hour.Median * perHour
	b.high = max(b.expected, peak.Above(bandSigmas)*perFive)
	if !hour.Shared { // of several addresses with one past, one may be silent
		b.low = min(b.expected, hour.Above(-bandSigmas)*perHour)
	}
	return b, true
}

// bandEvery is for how long one band holds: what is planned changes it within an hour.
const bandEvery = 300

// banded writes what is usual beside the points of a series. The caller has the mutex.
func banded(points []api.TrafficPoint, past asked) {
	var in, out band
	var of int64
	known := false
	for i := range points {
		p := &points[i]
		if slot := p.At.Unix() / bandEvery; i == 0 || slot != of {
			of = slot
			if in, known = bandOf(past, p.At, baseline.HourBytesIn, baseline.BytesIn); known {
				out, known = bandOf(past, p.At, baseline.HourBytesOut, baseline.BytesOut)
			}
		}
		if known {
			a, b := in, out
			p.InLow, p.InExpected, p.InHigh = &a.low, &a.expected, &a.high
			p.OutLow, p.OutExpected, p.OutHigh = &b.low, &b.expected, &b.high
		}
	}
}
