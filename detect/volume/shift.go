// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"math/bits"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/window"
)

const (
	shiftSigma = 2.5 // deviations that most of the last days lie above the past: by chance once in some thousand years of hours
	shiftHours = 3   // hours of the day that changed, from which it is the device that did, and no single job
	// retold is how far above what was told already, in natural-log units, traffic
	// must lie to be told again: half as much again.
	retold = 1.5
)

// shifted is which hours of the day changed for a device, bit by bit.
type shifted struct {
	hours uint32
	since int64 // Unix second at which the first was seen
}

// shift tells, when an hour closes, of a device whose traffic changed and stayed:
// the days lie on another level, or most of the last days far above what the past
// explains. That past does not
// follow until a person approves it, or it is thirty days old; but who alarms each
// day at the same tells nothing new, so rise counts from here (see anew).
func (d *Detector) shift(w *window.Window, dev window.Device) (f detect.Finding, ok bool) {
	a, at := dev.Addr(), time.Unix(w.Closed*3600, 0).UTC()
	floor := float64(windowsAnHour * d.cfg.MinBytes)
	var worst reading
	var hour baseline.Normal
	for _, m := range [...]struct {
		measure baseline.Measure
		name    string
		floor   float64
	}{
		{baseline.HourBytesIn, "hour_bytes_in", floor},
		{baseline.HourBytesOut, "hour_bytes_out", floor},
	} {
		n, known := d.past.At(a, at, m.measure)
		if !known || n.Recent < m.floor || n.Basis.Level == "global" {
			continue
		}
		if z := n.Sigma(n.Recent); z > worst.sigma {
			worst, hour = reading{name: m.name, value: n.Recent, normal: n, sigma: z}, n
		}
	}
	whole, days := d.past.Shift(a, w.Now)
	s, bit := d.shifts[a], uint32(1)<<(w.Closed%24)
	if s.hours &^= bit; worst.sigma > shiftSigma {
		s.hours |= bit
	}
	known := s.since != 0
	if s.hours == 0 && !days {
		if known {
			delete(d.shifts, a)
		}
		return f, false
	}
	if !known && len(d.shifts) >= d.cfg.MaxDevices {
		return f, false
	}
	if !known {
		s.since = at.Unix()
	}
	if days && !whole.Grew { // growth has no first day
		s.since = min(s.since, whole.Since.Unix())
	}
	d.shifts[a] = s
	changed := bits.OnesCount32(s.hours)
	f = d.finding(w, dev, "level_shift")
	f.Started, f.Baseline = time.Unix(s.since, 0).UTC(), detect.Baseline(hour.Basis)
	f.Score, f.Severity = 0.5, detect.Low
	if days && whole.Factor > 1 || changed >= shiftHours {
		f.Score, f.Severity = 0.65, detect.Medium
	}
	f.Metrics.Sigma = worst.sigma
	if worst.sigma > 0 {
		f.Indicators = append(f.Indicators, detect.Indicator{
			Name: "level_" + worst.name, Observed: worst.value, Expected: hour.Median, Unit: "bytes", Weight: 0.3,
		})
	}
	if changed > 0 {
		f.Indicators = append(f.Indicators, detect.Indicator{Name: "hours_changed", Observed: float64(changed), Unit: "hours of the day", Weight: 0.15})
	}
	if days {
		name := "level_of_days"
		if whole.Grew {
			name = "growth_over_limit"
		}
		f.Indicators = append(f.Indicators, detect.Indicator{Name: name, Observed: whole.Factor, Expected: 1, Unit: "times", Weight: 0.5})
	}
	return f, true
}

// anew is the deviation of a value from what is known of an hour: its past, or the
// level that it came to on most of the last days, which was told before.
func anew(n *baseline.Normal, value, sigma float64) float64 {
	if n.Recent <= n.Median || sigma <= 0 {
		return sigma
	}
	lately := *n
	lately.Median = retold * n.Recent
	return min(sigma, lately.Sigma(value))
}
