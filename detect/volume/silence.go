// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// unknownLull is how long, in minutes, a device must be silent when it is not
// known how long it usually is: any hour with traffic in it is over by then.
const unknownLull = 120

// lullTimes is how many times its usual lull a device must be silent.
const lullTimes = 2

// silence is a device that is silent.
type silence struct {
	finding detect.Finding // as reported first
	judged  int64
}

// silence judges what a device sends: what is sent to a dead server still counts
// as its traffic. It looks only at minutes that are closed and Lag ago, and
// believes nothing that the exporter could not see.
func (d *Detector) silence(w *window.Window, dev window.Device) (f detect.Finding, ok bool) {
	lull := dev.Lull()
	known := d.silent[dev.Addr()]
	if known == nil && (lull < d.least() || !turn(w, dev.Addr())) {
		return f, false
	}
	back := lull == 0
	if !back {
		five := dev.Five()
		back = five.Packets[window.Out] != 0
	}
	to := w.Now + 1 - int64(d.cfg.Lag.Seconds()) // the end of what is judged
	switch {
	case known != nil:
		known.judged = w.Now
		known.finding.Indicators[0].Observed = float64(to - known.finding.Started.Unix())
		f = known.finding
		f.At, f.Last, f.Over = w.At(), w.At(), back
		if back {
			delete(d.silent, dev.Addr())
		}
		return f, true
	case back || len(d.silent) >= d.cfg.MaxDevices:
		return f, false
	}
	from := (w.Now/60 - int64(window.Lateness/time.Minute) - lull + 1) * 60 // the first silent second
	e := d.expected(dev, from, to)
	// As much of it as is judged must have been seen; what was before may not have been.
	if !e.ever || lull < e.lull || d.sight != nil && !d.sight.Saw(dev.Exporter(), max(from, to-60*e.lull), to) {
		return f, false
	}
	f = d.finding(w, dev, "silence")
	f.Started, f.Baseline = time.Unix(from, 0).UTC(), detect.Baseline(e.normal.Basis)
	f.Score, f.Severity = 0.65, detect.Medium
	if !e.always || d.ofPeople(dev.Addr()) {
		f.Score, f.Severity = 0.5, detect.Low
	}
	f.Metrics.Sigma = e.normal.Sigma(0)
	f.Metrics.DurationSeconds = float64(to - from)
	f.Indicators = []detect.Indicator{
		{Name: "silent", Observed: float64(to - from), Expected: float64(60 * e.usual), Unit: "s", Weight: 0.15},
		{Name: "volume_bits_out", Expected: e.normal.Median * 8 / 300, Unit: "bits/s", Weight: 0.5},
	}
	d.silent[dev.Addr()] = &silence{finding: f, judged: w.Now}
	return f, true
}

// ofPeople reports whether people work at a device: it rests when they do, and that
// somebody went home earlier than ever wakes nobody.
func (d *Detector) ofPeople(a flow.Addr) bool {
	if d.habits == nil {
		return false
	}
	h := d.habits.Habits(a)
	if h == nil {
		return false
	}
	role, _ := h.Role()
	return role == baseline.Workstation
}

// least is the shortest lull, in closed minutes, that may be a silence.
func (d *Detector) least() int64 {
	return int64((d.cfg.Silence + d.cfg.Lag - window.Lateness) / time.Minute)
}

// expectation is what the hours that a silence is judged in usually have.
type expectation struct {
	ever, always bool // there nearly always is traffic; there always is
	normal       baseline.Normal
	usual, lull  int64 // the longest usual lull, and how long a silence must be, in minutes
}

// expected sums up the hours of the judged stretch: its last Silence. The hour
// that expects least decides; the night before says nothing about the morning.
func (d *Detector) expected(dev window.Device, from, to int64) (e expectation) {
	from = max(from, to-int64(d.cfg.Silence.Seconds()))
	e.ever, e.always, e.lull = true, true, d.least()
	for hour := from / 3600; hour <= (to-1)/3600; hour++ {
		n, ok := d.past.At(dev.Addr(), time.Unix(hour*3600, 0).UTC(), baseline.BytesOut)
		if !ok || n.Shared || n.Basis.Level == "global" {
			return expectation{}
		}
		ever, always := d.steady(&n)
		e.ever, e.always, e.normal = e.ever && ever, e.always && always, n
		usual, ok := dev.UsualLull(hour)
		if ok {
			e.usual, e.lull = max(e.usual, usual), max(e.lull, lullTimes*usual)
		} else {
			e.lull = max(e.lull, unknownLull)
		}
	}
	return e
}

// steady reports whether a past nearly always has traffic at an hour, and
// whether it always has. A baseline keeps no low quantile, but its deviations
// are stretched over all that the device ever did: hours of nothing lie within
// three of them as soon as there are some.
func (d *Detector) steady(n *baseline.Normal) (ever, always bool) {
	floor := float64(d.cfg.SteadyBytes)
	zero := n.Sigma(0)
	return zero < -d.cfg.Medium && n.Median > floor, zero < -d.cfg.High && n.Above(-d.cfg.High) > floor
}
