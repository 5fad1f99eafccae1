// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"time"
)

// fleetDay is what a day is like for the whole site.
type fleetDay struct {
	day      int64
	known    bool
	site     float64           // logarithm of the factor that all devices share
	roles    [numRoles]float64 // standard normal, one for each role
	holiday  bool              // a public holiday: like a Sunday
	monthEnd bool              // the last two working days of a month and the first
	update   bool              // workstations fetch software; servers do in the next night
	small    bool              // workstations fetch a small update
}

// siteNoise is the spread of days that the whole site shares.
const siteNoise = 0.10

// dayOf tells what a day is like. It follows from the seed and the day alone.
func (f *fleet) dayOf(day int64) *fleetDay {
	t := &f.today
	if t.known && t.day == day {
		return t
	}
	*t = fleetDay{day: day, known: true}
	t.site = siteNoise * normalOf(mix(f.seed, 2<<32|uint64(day)))
	for r := range t.roles {
		t.roles[r] = normalOf(mix(f.seed, uint64(3+r)<<32|uint64(day)))
	}
	date := time.Unix(day*86400, 0).UTC()
	t.holiday = f.holiday(day)
	t.monthEnd = f.monthEnd(day)
	t.update = date.Weekday() == time.Tuesday && date.Day() >= 8 && date.Day() <= 14
	t.small = mix(f.seed, 20<<32|uint64(day))%20 == 0
	return t
}

// holiday is one day from Monday to Friday in each stretch of five weeks.
func (f *fleet) holiday(day int64) bool {
	block := floorDiv(day, 35)
	h := mix(f.seed, 21<<32|uint64(block))
	// Day 4 of the epoch was a Monday.
	return day == block*35+7*int64(h%5)+(4+int64(h>>8%5))%7 && f.working(day)
}

// working reports a day from Monday to Friday.
func (f *fleet) working(day int64) bool {
	w := ((day+4)%7 + 7) % 7 // 1970-01-01 was a Thursday
	return w >= 1 && w <= 5
}

func (f *fleet) monthEnd(day int64) bool {
	if !f.working(day) {
		return false
	}
	month := func(day int64) time.Month { return time.Unix(day*86400, 0).UTC().Month() }
	step := func(day, by int64) int64 {
		for day += by; !f.working(day); day += by {
		}
		return day
	}
	next := step(day, 1)
	return month(next) != month(day) || month(step(next, 1)) != month(day) || month(step(day, -1)) != month(day)
}

// outage is when the collector is down, if it is within the fortnight of a day:
// 20 minutes to six hours, at any time, in Unix seconds less the zone's offset.
func (f *fleet) outage(day int64) (from, to int64) {
	block := floorDiv(day, 14)
	h := mix(f.seed, 22<<32|uint64(block))
	u := unit(mix(h, 1))
	from = block*14*86400 + int64(h%(13*1440))*60
	return from, from + 1200 + int64(u*u*20_400)
}

// down reports whether nothing is collected in a second.
func (f *fleet) down(g *generator, sec int64) bool {
	local := sec + g.offset
	from, to := f.outage(floorDiv(local, 86400))
	return local >= from && local < to
}

// Occasions lists what makes days of a fleet unlike others, day by day:
// "collector down", "public holiday", "weekend", "month end", "Monday morning",
// "software update" (also of IoT devices by maker), and of a workstation "user
// away". It is nil for other scenarios.
func (s *Scenario) Occasions() []Occasion {
	f := s.fleet
	if f == nil {
		return nil
	}
	var out []Occasion
	last := int64(0) // of the outage told last
	for day := f.firstDay; ; day++ {
		midnight := s.midnight(day)
		if midnight.Unix() >= s.end {
			return out
		}
		tell := func(name string, from, to float64) {
			at := func(hour float64) time.Time { return midnight.Add(time.Duration(hour * float64(time.Hour))) }
			out = append(out, Occasion{Name: name, Start: at(from), End: at(to)})
		}
		if from, to := f.outage(day); floorDiv(from, 86400) == day && from != last {
			last = from
			tell("collector down", float64(from-day*86400)/3600, float64(to-day*86400)/3600)
		}
		t := *f.dayOf(day)
		switch {
		case t.holiday:
			tell("public holiday", 0, 24)
		case !f.working(day):
			tell("weekend", 0, 24)
		case t.monthEnd:
			tell("month end", 0, 24)
		}
		if ((day+4)%7+7)%7 == 1 && !t.holiday {
			tell("Monday morning", 7, 12)
		}
		if t.update {
			tell("software update", 8, 29)
		}
		if t.small && f.working(day) {
			tell("software update", 8, 18)
		}
		for i := range f.devices {
			switch d := &f.devices[i]; {
			case d.off(day) && f.working(day):
				out = append(out, Occasion{"user away", d.addr.Netip(), midnight, midnight.Add(24 * time.Hour)})
			case f.flashes(d, day):
				out = append(out, Occasion{"software update", d.addr.Netip(), midnight.Add(3 * time.Hour), midnight.Add(4 * time.Hour)})
			}
		}
	}
}

// midnight is the begin of a day in the zone.
func (s *Scenario) midnight(day int64) time.Time {
	d := time.Unix(day*86400, 0).UTC()
	return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, s.cfg.Zone)
}
