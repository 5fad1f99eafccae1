// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"slices"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/window"
)

const (
	windows = 5   // that Lasting counts
	learned = 288 // windows, a day of them, after which it is known how low a device goes
	margin  = 2   // deviations below that
	fade    = 1.0 / 2016
	yield   = 0.01 // deviations that the limit gives way while a drop lasts, so that it is not for ever
)

// lows is how low the five-minute windows of a device go. A past of busiest five
// minutes cannot tell: most windows of most devices lie far below those.
type lows struct {
	sigma  [windows]float32 // of the latest windows
	n      int32            // windows seen
	lowest float32          // that Lasting of five windows were below, fading over a week
	depth  float32          // of the drop under way, 0 = none; known once it is over
	judged int64
}

// drop judges the newest five closed minutes: in every direction in which the
// device always has traffic, Lasting of the last five windows lie more than High
// deviations below the past, and below what was seen of this device before.
func (d *Detector) drop(w *window.Window, dev window.Device) (f detect.Finding, ok bool) {
	if !turn(w, dev.Addr()) {
		return f, false
	}
	s := subject{key: dev.Addr(), now: w.Now, five: dev.Closed5()}
	seconds := w.Now - 300
	low, ok := d.lowered(&s, func() bool {
		return d.sight == nil || d.sight.Saw(dev.Exporter(), seconds-300, seconds)
	})
	if !ok || s.five.Packets[window.Out] == 0 { // a silence to be
		return f, false
	}
	f = d.finding(w, dev, "volume")
	d.tellLow(&f, &s, &low)
	if d.ofPeople(dev.Addr()) {
		f.Score, f.Severity = 0.5, detect.Low
	}
	f.Started = w.At().Add(-windows*300e9 - window.Lateness)
	return f, true
}

// lowered judges one window of a subject, which was seen if seen says so; ok is false
// when there is nothing to tell.
func (d *Detector) lowered(s *subject, seen func() bool) (worst reading, ok bool) {
	l := d.lows[s.key]
	worst, ok = d.below(s)
	if !ok || l == nil && len(d.lows) >= d.cfg.MaxDevices {
		return worst, false
	}
	if l == nil {
		l = &lows{}
		d.lows[s.key] = l
	}
	if !seen() {
		return worst, false
	}
	l.judged = s.now
	l.sigma[l.n%windows] = float32(worst.sigma)
	l.n++
	if l.n < windows {
		return worst, false
	}
	sorted := l.sigma
	slices.Sort(sorted[:])
	m := sorted[d.cfg.Lasting-1]
	limit := min(float32(-d.cfg.High), l.lowest-margin)
	if l.n < learned || m >= limit {
		l.lowest = min(m, l.depth, l.lowest*(1-fade))
		l.depth = 0
		return worst, false
	}
	l.lowest -= yield
	l.depth = min(l.depth, m)
	return worst, worst.sigma < -d.cfg.High // else it is over
}

// tellLow writes a drop into a finding.
func (d *Detector) tellLow(f *detect.Finding, s *subject, low *reading) {
	f.Baseline = detect.Baseline(low.normal.Basis)
	f.Score, f.Severity = 0.65, detect.Medium
	f.Metrics.Sigma = low.sigma
	f.Metrics.DurationSeconds = 300
	f.Metrics.Bytes = s.five.Bytes[window.In] + s.five.Bytes[window.Out]
	f.Metrics.BitsPerSecond = 8 * float64(f.Metrics.Bytes) / 300
	f.Indicators = []detect.Indicator{{
		Name: "volume_" + low.name, Observed: low.value, Expected: low.normal.Median, Unit: "bits/s", Weight: 0.5,
	}}
}

// below finds the direction that dropped least of those that always have traffic.
func (d *Detector) below(s *subject) (worst reading, ok bool) {
	five := &s.five
	for _, m := range [...]struct {
		measure baseline.Measure
		name    string
		bytes   uint64
	}{
		{baseline.BytesOut, "bits_out", five.Bytes[window.Out]},
		{baseline.BytesIn, "bits_in", five.Bytes[window.In]},
	} {
		n, known := d.past.At(s.key, time.Unix(s.now, 0), m.measure)
		if !known || n.Shared || n.Basis.Level == "global" {
			continue
		}
		if _, always := d.steady(&n); !always {
			continue
		}
		if z := n.Sigma(float64(m.bytes)); !ok || z > worst.sigma {
			worst, ok = reading{name: m.name, unit: "bits/s", measure: m.measure, scale: 8.0 / 300, value: float64(m.bytes) * 8 / 300, normal: n, sigma: z}, true
		}
	}
	worst.normal.Median *= worst.scale
	return worst, ok
}
