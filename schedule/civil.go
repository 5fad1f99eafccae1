// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"fmt"
	"math"
	"time"
)

const day = 24 * 3600 // seconds

// wall is what a clock on the wall shows, as seconds since it showed the
// beginning of 1970. Rules are unrolled in it, because "at 02:30 each day" is
// about the clock, and only then turned into moments.
type wall int64

// latest is a wall beyond all that is looked at.
const latest wall = math.MaxInt64 / 4

func wallOf(t time.Time) wall {
	y, m, d := t.Date()
	h, mi, s := t.Clock()
	return civil(y, m, d) + wall(h*3600+mi*60+s)
}

// civil is midnight of a date; months and days may be out of range, as with time.Date.
func civil(y int, m time.Month, d int) wall {
	return wall(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix())
}

func (w wall) date() (int, time.Month, int) { return time.Unix(int64(w), 0).UTC().Date() }

// midnight is the beginning of the day.
func (w wall) midnight() wall { return wall(floor(int64(w), day)) }

// unix is the moment at which the clock in zone shows w. A time that the clock
// skips when it is put forward is read with the offset before that, so 02:30
// becomes 03:30; of a time that it shows twice the first is meant (RFC 5545,
// 3.3.5). time.Date promises neither.
func (w wall) unix(zone *time.Location) int64 {
	// No zone is further than 24 hours from UTC, so these lie on either side.
	before, after := offset(zone, int64(w)-day), offset(zone, int64(w)+day)
	first := int64(w) - before
	if before == after || offset(zone, first) == before {
		return first
	}
	if second := int64(w) - after; offset(zone, second) == after {
		return second
	}
	return first
}

func offset(zone *time.Location, unix int64) int64 {
	_, secs := time.Unix(unix, 0).In(zone).Zone()
	return int64(secs)
}

// floor rounds down to a multiple of unit, below zero too.
func floor(v, unit int64) int64 {
	r := v % unit
	if r < 0 {
		r += unit
	}
	return v - r
}

// moment is a time as somebody wrote it.
type moment struct {
	wall  wall
	zone  *time.Location
	exact int64 // Unix seconds, when the offset was given
	fixed bool  // exact holds
	date  bool  // a whole day
}

func (m *moment) unix() int64 {
	if m.fixed {
		return m.exact
	}
	return m.wall.unix(m.zone)
}

// parseMoment reads a time of the configuration.
func parseMoment(text string, zone *time.Location) (m moment, err error) {
	m.zone = zone
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		m.wall, m.exact, m.fixed = wallOf(t.In(zone)), t.Unix(), true
		err = m.bounds(text)
		return m, err
	}
	for _, layout := range [...]string{"2006-01-02 15:04", "2006-01-02T15:04", time.DateTime, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			m.wall = wallOf(t)
			err = m.bounds(text)
			return m, err
		}
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		m.wall, m.date = wallOf(t), true
		err = m.bounds(text)
		return m, err
	}
	return m, fmt.Errorf("%q is no time; write 2026-12-01 02:30 for the site's time, 2026-12-01 for the whole day, or 2026-12-01T02:30:00+01:00", text)
}

// bounds refuses years that no calendar of a network needs.
func (m *moment) bounds(text string) error {
	if y, _, _ := m.wall.date(); y < 1900 || y > 2200 {
		return fmt.Errorf("%q lies outside of 1900 to 2200", text)
	}
	return nil
}
