// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"time"

	"tidewatch/flow"
)

// shiftAge is for how many days a change of level is news. Then it was told for
// long enough, and half of the past that is kept knows it.
const shiftAge = 14

// Shift is a change of a device's level: one that stayed for a working week, or
// growth over what may be followed without approval.
type Shift struct {
	Factor float64   // how many times as much as before, or as may be followed; 0 = there is none
	Since  time.Time // the first hour of the first such day; of growth, when the limit was set
	Out    bool      // of what it sends; else of what it receives
	Grew   bool      // step by step
}

// Shift returns the change of level that the days before this one show. It is looked
// for once a day, when At is first asked.
func (s *Store) Shift(addr flow.Addr) (Shift, bool) {
	p := s.devices[addr]
	if p == nil || !p.plan.known || p.plan.shift.Factor == 0 {
		return Shift{}, false
	}
	return p.plan.shift, true
}

// out reports whether a measure is about what a device sends.
func (m Measure) out() bool { return m == BytesOut || m == HourBytesOut }

// shifted looks for the larger change in the hours of a view.
func (s *Store) shifted(p *past, v *view, now int64) (out Shift) {
	for _, k := range [...]Measure{HourBytesIn, HourBytesOut} {
		r, ok := s.shift(s.dayLevels(v, k), k)
		if ok = ok && r.days >= workingWeek && now-r.Since.Unix()/3600 <= shiftAge*hoursOfDay; !ok {
			r, ok = s.creep(p, v, k)
		}
		if ok && (out.Factor == 0 || math.Abs(math.Log(r.Factor)) > math.Abs(math.Log(out.Factor))) {
			out = Shift{Factor: r.Factor, Since: r.Since, Out: k.out(), Grew: r.Kind == "creep"}
		}
	}
	return out
}
