// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"slices"
	"time"
)

// kind of day.
const (
	weekDay = iota
	weekEnd
	dayTypes
)

const (
	hoursOfDay  = 24
	hoursOfWeek = 168
)

// place is where an hour lies in the site's week.
type place struct {
	week uint8 // hour of the week, 0 is Sunday at midnight
	day  uint8 // hour of the day
	kind uint8 // weekDay or weekEnd; holidays are Sundays
}

// calendar knows of each hour where it lies in the site's week, and whether
// anything was observed in it: an hour without flows of a device is a silent hour
// only when flows of others arrived. Its slices grow by an hour at a time and
// forget what is older than two histories.
type calendar struct {
	zone     *time.Location
	holiday  func(time.Time) bool
	base     int64 // Unix hour of index 0
	places   []place
	observed []bool
}

// place returns where a Unix hour lies. Hours of one run are asked for again and
// again, and zones are slow to look up.
func (c *calendar) place(hour int64) place {
	if i := hour - c.base; i >= 0 && i < int64(len(c.places)) {
		return c.places[i]
	}
	return c.compute(hour)
}

func (c *calendar) compute(hour int64) place {
	t := time.Unix(hour*3600, 0).In(c.zone)
	day := t.Weekday()
	if c.holiday != nil && c.holiday(t) {
		day = time.Sunday
	}
	p := place{week: uint8(int(day)*hoursOfDay + t.Hour()), day: uint8(t.Hour())}
	if day == time.Saturday || day == time.Sunday {
		p.kind = weekEnd
	}
	return p
}

// Holidays looks up again which days are public holidays.
func (s *Store) Holidays() {
	c := &s.calendar
	for i := range c.places {
		c.places[i] = c.compute(c.base + int64(i))
	}
}

// reach makes the hours [from,to) known.
func (c *calendar) reach(from, to int64) {
	if len(c.places) == 0 || from < c.base || from > c.base+int64(len(c.places)) {
		if len(c.places) > 0 && from < c.base && c.base-from <= maxCalendar {
			c.prepend(from)
		} else {
			c.base, c.places, c.observed = from, c.places[:0], c.observed[:0]
		}
	}
	for h := c.base + int64(len(c.places)); h < to; h++ {
		c.places = append(c.places, c.compute(h))
		c.observed = append(c.observed, false)
	}
}

// maxCalendar bounds how far the calendar grows in one step: more than a year.
const maxCalendar = 20_000

func (c *calendar) prepend(from int64) {
	n := int(c.base - from)
	places, observed := make([]place, n, n+len(c.places)), make([]bool, n, n+len(c.places))
	for i := range places {
		places[i] = c.compute(from + int64(i))
	}
	c.base, c.places, c.observed = from, append(places, c.places...), append(observed, c.observed...)
}

// observe notes that flows arrived in an hour.
func (c *calendar) observe(hour int64) {
	c.reach(hour, hour+1)
	if i := hour - c.base; i >= 0 && i < int64(len(c.observed)) {
		c.observed[i] = true
	}
}

func (c *calendar) saw(hour int64) bool {
	i := hour - c.base
	return i >= 0 && i < int64(len(c.observed)) && c.observed[i]
}

// forget drops the hours before one.
func (c *calendar) forget(before int64) {
	n := before - c.base
	if n < 4096 { // not worth the copying yet
		return
	}
	n = min(n, int64(len(c.places)))
	c.places = append(c.places[:0], c.places[n:]...)
	c.observed = append(c.observed[:0], c.observed[n:]...)
	c.base += n
}

// span is what was observed, from the first such hour to the last.
func (c *calendar) span() (base int64, observed []bool) {
	first := slices.Index(c.observed, true)
	if first < 0 {
		return 0, nil
	}
	last := len(c.observed) - 1
	for !c.observed[last] {
		last--
	}
	return c.base + int64(first), c.observed[first : last+1]
}
