// SPDX-License-Identifier: Apache-2.0

package baseline

const (
	weeksKept = 15 // most that a count holds; reaching it halves all
)

// habitHours counts for each hour of the week, Sunday midnight first, in how many
// weeks the device was active in it: four bits each. When a count is full all
// are halved, so that what happened once is forgotten after some 15 weeks.
type habitHours struct {
	counts [hoursOfWeek / 2]uint8
	days   uint8 // days in the counts, at most 7*weeksKept
}

func (c *habitHours) at(slot int) uint8 {
	return c.counts[slot/2] >> (4 * (slot & 1)) & 0xf
}

func (c *habitHours) active(slot int) {
	if c.at(slot) == weeksKept {
		for i, both := range c.counts {
			c.counts[i] = both >> 1 & 0x77
		}
		c.days /= 2
	}
	c.counts[slot/2] += 1 << (4 * (slot & 1))
}

func (c *habitHours) pass(days int) { c.days = uint8(min(int(c.days)+days, 7*weeksKept)) }

// near counts the weeks' activity in the hour and up to margin hours around it.
func (c *habitHours) near(slot, margin int) (n int) {
	for d := -margin; d <= margin; d++ {
		n += int(c.at((slot + d + hoursOfWeek) % hoursOfWeek))
	}
	return n
}

// daily counts the activity of all days in that hour of the day and around it.
func (c *habitHours) daily(slot, margin int) (n int) {
	for day := range 7 {
		n += c.near((slot+24*day)%hoursOfWeek, margin)
	}
	return n
}

// span is in how many hours of the day the device was ever active, and in how
// many hours in all that are still counted.
func (c *habitHours) span() (ofDay, active int) {
	for h := range 24 {
		if n := c.daily(h, 0); n > 0 {
			ofDay++
			active += n
		}
	}
	return ofDay, active
}
