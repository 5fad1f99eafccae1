// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"iter"
	"maps"
	"time"

	"tidewatch/flow"
)

// All are the devices of the store with their habits, in no order.
func (s *HabitStore) All() iter.Seq2[flow.Addr, *Habits] { return maps.All(s.devices) }

// Seen is the beginning of the first hour with traffic that was learned, and the
// end of the newest.
func (h *Habits) Seen() (first, last time.Time) {
	return time.Unix(int64(h.first)*3600, 0).UTC(), time.Unix(int64(h.last)*3600+3600, 0).UTC()
}

// Hours tells in how many of the last weeks, up to 15, the device was active in
// each hour of the week in the site's zone, 0 being Sunday at midnight.
func (h *Habits) Hours() (weeks [hoursOfWeek]int) {
	for slot := range weeks {
		weeks[slot] = int(h.hours.at(slot))
	}
	return weeks
}

// Service returns what a usage of services is of: protocol and port, and whether the
// device offers it. A port of 0 stands for all dynamic ones.
func (u *Usage) Service() (proto uint8, port uint16, offered bool) {
	return uint8(u.Key &^ Offered >> 16), uint16(u.Key), u.Key&Offered != 0
}

// Days are the first and the newest day of the usage, in the site's zone.
func (u *Usage) Days() (first, last string) {
	date := func(day uint16) string { return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) }
	return date(u.First), date(u.Last)
}
