// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"math/bits"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const (
	shiftSigma = 2.5 // deviations that most of the last days lie above the past: by chance once in some thousand years of hours
	shiftHours = 3   // hours of the day that changed, from which it is the device that did, and no single job
	// retold is how many times what was told already must come to be told again.
	retold = 1.5
)

// shifted is which hours of the day changed for a device, bit by bit.
type shifted struct {
	hours uint32
	since int64 // Unix second at which the first was seen

	judged int64
}

// shift tells, when an hour closes, of a device whose traffic changed and stayed:
// the days lie on another level, or most of the last days far above what the past
// explains. That past does not follow until a person approves it, or it is thirty
// days old; but who alarms each day at the same tells nothing new, so rise counts
// from here (see anew).
func (d *Detector) shift(w *window.Window, dev window.Device) (f detect.Finding, ok bool) {
	c, ok := d.changed(dev.Addr(), w.Closed, w.Now)
	if ok {
		f = d.finding(w, dev, "level_shift")
		c.tell(&f)
	}
	return f, ok
}

// change is what is to be told of a subject whose traffic changed and stayed.
type change struct {
	since     int64
	worst     reading         // the recent level beside its past
	hour      baseline.Normal // of that hour
	whole     baseline.Shift  // of the days, if they changed
	days      bool
	hours     int // of the day that changed
	important bool
}

// changed looks for a change that stayed when a Unix hour has closed.
func (d *Detector) changed(a flow.Addr, closed, now int64) (c change, ok bool) {
	at := time.Unix(closed*3600, 0).UTC()
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
			worst, hour = reading{name: m.name, measure: m.measure, value: n.Recent, sigma: z}, n
		}
	}
	whole, days := d.past.Shift(a, now)
	s, bit := d.shifts[a], uint32(1)<<(closed%24)
	if s.hours &^= bit; worst.sigma > shiftSigma {
		s.hours |= bit
	}
	known := s.since != 0
	if s.hours == 0 && !days {
		if known {
			delete(d.shifts, a)
		}
		return c, false
	}
	if !known && len(d.shifts) >= d.cfg.MaxDevices {
		return c, false
	}
	if !known {
		s.since = at.Unix()
	}
	if days && !whole.Grew { // growth has no first day
		s.since = min(s.since, whole.Since.Unix())
	}
	s.judged = now
	d.shifts[a] = s
	c = change{since: s.since, worst: worst, hour: hour, whole: whole, days: days, hours: bits.OnesCount32(s.hours)}
	c.important = days && whole.Factor > 1 || c.hours >= shiftHours
	return c, true
}

// tell writes a change into a finding.
func (c *change) tell(f *detect.Finding) {
	f.Started, f.Baseline = time.Unix(c.since, 0).UTC(), detect.Baseline(c.hour.Basis)
	f.Score, f.Severity = 0.5, detect.Low
	if c.important {
		f.Score, f.Severity = 0.65, detect.Medium
	}
	f.Metrics.Sigma = c.worst.sigma
	if c.worst.sigma > 0 {
		f.Indicators = append(f.Indicators, detect.Indicator{
			Name: "level_" + c.worst.name, Observed: c.worst.value, Expected: c.hour.Median, Unit: "bytes", Weight: 0.3,
		})
	}
	if c.hours > 0 {
		f.Indicators = append(f.Indicators, detect.Indicator{Name: "hours_changed", Observed: float64(c.hours), Unit: "hours of the day", Weight: 0.15})
	}
	if c.days {
		name := "level_of_days"
		if c.whole.Grew {
			name = "growth_over_limit"
		}
		f.Indicators = append(f.Indicators, detect.Indicator{Name: name, Observed: c.whole.Factor, Expected: 1, Unit: "times", Weight: 0.5})
	}
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
