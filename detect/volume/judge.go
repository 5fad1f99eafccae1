// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// subject is what is judged: a device, or a network as the sum of its devices.
type subject struct {
	key        flow.Addr // under which its past is kept
	now        int64     // the Unix second that its windows end with
	five, hour window.Sums
}

// reading is one measure of a device beside its past.
type reading struct {
	name, unit string
	measure    baseline.Measure
	scale      float64 // from what the past is kept in to the unit
	floor      float64 // less, in what the past is kept in, is not judged
	value      float64 // in its unit
	normal     baseline.Normal
	sigma      float64
	beyond     bool // more than the device ever had, at any hour
}

// verdict is what is to be told of a subject that carries more than its past explains.
type verdict struct {
	all           [5]reading
	worst         reading
	strange, long bool // five minutes, and the hour, are far over
	lasting       bool // most of the last windows are over
	high          bool
}

// slight reports whether five minutes are too little to be judged as too much.
func (d *Detector) slight(five *window.Sums) bool {
	return five.Bytes[window.In] < d.cfg.MinBytes && five.Bytes[window.Out] < d.cfg.MinBytes &&
		five.Packets[window.In] < d.cfg.MinPackets
}

// judge compares a subject that is not slight with its past; ok is false when there is
// nothing to tell. It is the rule of devices and of networks alike, see rise.
func (d *Detector) judge(s *subject) (v verdict, ok bool) {
	d.readings(&v.all, s)
	burst, lasts := worstOf(v.all[:3]), worstOf(v.all[3:])
	over := burst.sigma > d.cfg.Medium
	v.lasting = d.remember(s.now, s.key, over) >= d.cfg.Lasting && over
	v.strange, v.long = burst.sigma > d.cfg.High && burst.beyond, lasts.sigma > d.cfg.High
	sure := lasts.sigma > (d.cfg.Medium+d.cfg.High)/2 && lasts.beyond
	if !(lasts.sigma > d.cfg.Medium && (v.lasting || v.strange) || v.long && v.lasting || sure) {
		return v, false
	}
	v.worst = burst
	if v.long && lasts.sigma > burst.sigma || !v.strange && !v.lasting {
		v.worst = lasts
	}
	// All hours together cannot tell a busy noon from a strange one, so high needs
	// the hour itself.
	v.high = v.long && v.lasting && (v.strange || lasts.beyond) && v.worst.normal.Basis.Level != "global"
	return v, true
}

// tell writes a verdict into a finding.
func (d *Detector) tell(f *detect.Finding, s *subject, v *verdict) {
	f.Started = time.Unix((s.now+1)/300*300-300, 0).UTC()
	if (s.now+1)%300 == 0 {
		f.Started = time.Unix(s.now+1-300, 0).UTC()
	}
	f.Baseline = detect.Baseline(v.worst.normal.Basis)
	f.Score, f.Severity = 0.65, detect.Medium
	if v.high {
		f.Score, f.Severity = 0.8, detect.High
	}
	f.Metrics.Sigma = v.worst.sigma
	f.Metrics.Bytes = s.five.Bytes[window.In] + s.five.Bytes[window.Out]
	f.Metrics.Packets = s.five.Packets[window.In] + s.five.Packets[window.Out]
	f.Metrics.BitsPerSecond = 8 * float64(f.Metrics.Bytes) / 300
	f.Metrics.PacketsPerSecond = float64(f.Metrics.Packets) / 300
	f.Metrics.DurationSeconds = 300
	for i := range v.all {
		if r := &v.all[i]; r.sigma > d.cfg.Medium {
			f.Indicators = append(f.Indicators, r.indicator())
		}
	}
}

// worstOf is the reading that is furthest above its past.
func worstOf(readings []reading) (worst reading) {
	for i := range readings {
		if readings[i].sigma > worst.sigma {
			worst = readings[i]
		}
	}
	return worst
}

// readings compares the measures that are above their floors: three of the last
// five minutes, then two of the running hour.
func (d *Detector) readings(out *[5]reading, s *subject) {
	five, hour := &s.five, &s.hour
	all := [5]struct {
		measure    baseline.Measure
		name, unit string
		value      uint64
		floor      uint64
		scale      float64
	}{
		{baseline.BytesIn, "bits_in", "bits/s", five.Bytes[window.In], d.cfg.MinBytes, 8.0 / 300},
		{baseline.BytesOut, "bits_out", "bits/s", five.Bytes[window.Out], d.cfg.MinBytes, 8.0 / 300},
		{baseline.PacketsIn, "packets_in", "packets/s", five.Packets[window.In], d.cfg.MinPackets, 1.0 / 300},
		{baseline.HourBytesIn, "hour_bytes_in", "bytes", hour.Bytes[window.In], windowsAnHour * d.cfg.MinBytes, 1},
		{baseline.HourBytesOut, "hour_bytes_out", "bytes", hour.Bytes[window.Out], windowsAnHour * d.cfg.MinBytes, 1},
	}
	at := time.Unix(s.now, 0) // the second that ends; the one after it may lie in another hour
	for i := range all {
		m := &all[i]
		r := &out[i]
		r.name, r.unit, r.measure, r.scale, r.floor = m.name, m.unit, m.measure, m.scale, float64(m.floor)
		if m.value >= m.floor {
			if n, ok := d.past.At(s.key, at, m.measure); ok {
				r.normal, r.value = n, float64(m.value)*m.scale
				r.sigma = anew(&n, float64(m.value), n.Sigma(float64(m.value)))
				r.normal.Median *= m.scale
				r.beyond = float64(m.value) > n.Ever
			}
		}
	}
}

// windowsAnHour is how many five minutes an hour has: its floor is the same rate.
const windowsAnHour = 12

func (r *reading) indicator() detect.Indicator {
	return detect.Indicator{
		Name: "volume_" + r.name, Observed: r.value, Expected: r.normal.Median, Unit: r.unit,
		Weight: min(r.sigma/10, 0.5), // mission B6
	}
}
