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
	l := d.lows[dev.Addr()]
	five := dev.Closed5()
	worst, ok := d.below(w, dev, &five)
	if !ok || l == nil && len(d.lows) >= d.cfg.MaxDevices {
		return f, false
	}
	if l == nil {
		l = &lows{}
		d.lows[dev.Addr()] = l
	}
	seconds := w.Now - 300
	if d.sight != nil && !d.sight.Saw(dev.Exporter(), seconds-300, seconds) {
		return f, false
	}
	l.judged = w.Now
	l.sigma[l.n%windows] = float32(worst.sigma)
	l.n++
	if l.n < windows {
		return f, false
	}
	sorted := l.sigma
	slices.Sort(sorted[:])
	m := sorted[d.cfg.Lasting-1]
	limit := min(float32(-d.cfg.High), l.lowest-margin)
	if l.n < learned || m >= limit {
		l.lowest = min(m, l.depth, l.lowest*(1-fade))
		l.depth = 0
		return f, false
	}
	l.lowest -= yield
	l.depth = min(l.depth, m)
	if worst.sigma >= -d.cfg.High || five.Packets[window.Out] == 0 { // over, or a silence to be
		return f, false
	}
	f = d.finding(w, dev, "volume")
	f.Started = w.At().Add(-windows*300e9 - window.Lateness)
	f.Baseline = detect.Baseline(worst.normal.Basis)
	f.Score, f.Severity = 0.65, detect.Medium
	f.Metrics.Sigma = worst.sigma
	f.Metrics.DurationSeconds = 300
	f.Metrics.Bytes = five.Bytes[window.In] + five.Bytes[window.Out]
	f.Metrics.BitsPerSecond = 8 * float64(f.Metrics.Bytes) / 300
	f.Indicators = []detect.Indicator{{
		Name: "volume_" + worst.name, Observed: worst.value, Expected: worst.normal.Median * 8 / 300, Unit: "bits/s", Weight: 0.5,
	}}
	return f, true
}

// below finds the direction that dropped least of those that always have traffic.
func (d *Detector) below(w *window.Window, dev window.Device, five *window.Sums) (worst reading, ok bool) {
	for _, m := range [...]struct {
		measure baseline.Measure
		name    string
		bytes   uint64
	}{
		{baseline.BytesOut, "bits_out", five.Bytes[window.Out]},
		{baseline.BytesIn, "bits_in", five.Bytes[window.In]},
	} {
		n, known := d.past.At(dev.Addr(), time.Unix(w.Now, 0), m.measure)
		if !known || n.Shared || n.Basis.Level == "global" {
			continue
		}
		if _, always := d.steady(&n); !always {
			continue
		}
		if s := n.Sigma(float64(m.bytes)); !ok || s > worst.sigma {
			worst, ok = reading{name: m.name, value: float64(m.bytes) * 8 / 300, normal: n, sigma: s}, true
		}
	}
	return worst, ok
}
