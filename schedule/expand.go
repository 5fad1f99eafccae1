// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"slices"
	"time"

	"github.com/teambition/rrule-go"
)

// date is a day with all that a rule may ask of it.
type date struct {
	number               int64 // days since 1970
	month, mday, yday    int
	monthLength, yearEnd int // days in the month and in the year
}

// within is a stretch of walls, its end left out.
type within struct{ from, to wall }

// weekday of a day since 1970; 0 is Monday. 1970 began on a Thursday.
func weekday(number int64) int { return int(((number+3)%7 + 7) % 7) }

func dateOf(number int64) date {
	y, m, d := wall(number * day).date()
	c := date{number: number, month: int(m), mday: d}
	c.yday = int(number-int64(civil(y, 1, 1))/day) + 1
	c.monthLength, c.yearEnd = monthLength(y, m), yearLength(y)
	return c
}

func yearLength(y int) int {
	if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
		return 366
	}
	return 365
}

func monthLength(y int, m time.Month) int {
	switch m {
	case time.February:
		return yearLength(y) - 337
	case time.April, time.June, time.September, time.November:
		return 30
	default:
		return 31
	}
}

// expand appends the starts of the k-th repetition within [from,to), in order.
func (r *rule) expand(k int64, from, to wall, out []wall) []wall {
	in := within{from, to}
	if len(r.setpos) > 0 { // positions count in the whole repetition
		in = within{r.begin(k), latest}
	}
	at := len(out)
	begin := r.begin(k)
	number := int64(begin.midnight()) / day
	switch r.freq {
	case rrule.HOURLY:
		if hour := int64(begin-begin.midnight()) / 3600; r.hours == 0 || r.hours>>hour&1 != 0 {
			out = r.add(dateOf(number), begin, in, out)
		}
	case rrule.DAILY:
		out = r.add(dateOf(number), begin, in, out)
	case rrule.WEEKLY:
		for i := range int64(7) {
			out = r.add(dateOf(number+i), begin+wall(i*day), in, out)
		}
	case rrule.MONTHLY:
		y, m, _ := begin.date()
		out = r.month(y, m, number, in, out)
	default:
		y, _, _ := begin.date()
		for m := time.January; m <= time.December; m++ {
			out = r.month(y, m, number, in, out)
			number += int64(monthLength(y, m))
		}
	}
	if len(r.setpos) == 0 {
		return out
	}
	return append(out[:at], r.positions(out[at:], from, to)...)
}

// month adds the days of one month whose first day is number.
func (r *rule) month(y int, m time.Month, number int64, in within, out []wall) []wall {
	length := monthLength(y, m)
	if r.months != 0 && r.months>>m&1 == 0 ||
		wall((number+int64(length))*day) <= in.from || wall(number*day) >= in.to {
		return out
	}
	d := date{
		number: number, month: int(m), mday: 1, yday: int(number-int64(civil(y, 1, 1))/day) + 1,
		monthLength: length, yearEnd: yearLength(y),
	}
	for range length {
		out = r.add(d, wall(d.number*day), in, out)
		d.number++
		d.mday++
		d.yday++
	}
	return out
}

// add appends the times of a day, or of an hour, that begins at base.
func (r *rule) add(d date, base wall, in within, out []wall) []wall {
	if base >= in.to || base+day <= in.from || !r.holds(&d) {
		return out
	}
	for _, t := range r.times {
		if w := base + wall(t); w >= in.from && w < in.to {
			out = append(out, w)
		}
	}
	return out
}

// holds reports whether the rule means the day.
func (r *rule) holds(d *date) bool {
	if r.months != 0 && r.months>>d.month&1 == 0 {
		return false
	}
	if r.mdays != 0 && r.mdays>>d.mday&1 == 0 && r.mdays>>(32+d.monthLength-d.mday+1)&1 == 0 {
		return false
	}
	if len(r.ydays) > 0 && !slices.Contains(r.ydays, d.yday) && !slices.Contains(r.ydays, d.yday-d.yearEnd-1) {
		return false
	}
	if r.weekdays == 0 && len(r.nth) == 0 {
		return true
	}
	wd := weekday(d.number)
	return r.weekdays>>wd&1 != 0 || r.nthHolds(d, wd)
}

// nthHolds counts weekdays within the month, or the year when the rule names no month.
func (r *rule) nthHolds(d *date, wd int) bool {
	index, length := d.mday, d.monthLength
	if r.freq == rrule.YEARLY && r.months == 0 {
		index, length = d.yday, d.yearEnd
	}
	for _, n := range r.nth {
		if n.weekday == wd && (n.n == (index-1)/7+1 || -n.n == (length-index)/7+1) {
			return true
		}
	}
	return false
}

// positions picks those that BYSETPOS names out of a whole repetition.
func (r *rule) positions(all []wall, from, to wall) []wall {
	var out []wall
	for i, w := range all {
		if (slices.Contains(r.setpos, i+1) || slices.Contains(r.setpos, i-len(all))) && w >= from && w < to {
			out = append(out, w)
		}
	}
	return out
}
