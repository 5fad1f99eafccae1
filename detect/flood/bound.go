// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"tidewatch/flow"
	"tidewatch/window"
)

// What a burst is made of is known by ten seconds, and those reach beyond it: what went
// on before it began, be it another vector of the same attack, would count as if it all
// had come in the burst's own seconds, of which there may be one. How much came in these
// is known by the second, of all classes together, and no class has more. And its first
// second and its last ones are filled in part, the last because exporters have not yet
// told: they count as the part of a second that they are.

// seen is what arrived a second, of all classes.
type seen struct{ packets, bytes, flows, asked float64 }

// mean is what arrived a second in the seconds from..to of Seconds.
func (d *Detector) mean(dir window.Direction, from, to int) (x seen) {
	for i := max(from, 0); i <= to; i++ {
		x.packets += float64(d.s.Packets[dir][i])
		x.bytes += float64(d.s.Bytes[dir][i])
		x.flows += float64(d.s.Flows[dir][i])
		x.asked += float64(d.s.Asked[dir][i])
	}
	n := float64(to - max(from, 0) + 1)
	return seen{x.packets / n, x.bytes / n, x.flows / n, x.asked / n}
}

// see takes the seconds that a burst is judged by, or those that made it one if more
// came in these.
func (d *Detector) see(c *burst, from, to int) seen {
	a, b := d.mean(c.dir, from, to), d.mean(c.dir, c.at-c.horizon.seconds+1, c.at)
	return seen{max(a.packets, b.packets), max(a.bytes, b.bytes), max(a.flows, b.flows), max(a.asked, b.asked)}
}

// bound makes the kinds what they were in the seconds that were seen, all in equal parts.
func (d *Detector) bound(h *window.Host, c *burst) {
	var all volume
	for i := range c.kinds {
		all.packets += c.kinds[i].packets
		all.bytes += c.kinds[i].bytes
	}
	full := d.full(c)
	packets, bytes := share(c.seen.packets, all.packets, full), share(c.seen.bytes, all.bytes, full)
	c.fragments *= packets
	for i, s := range signatures() {
		k := &c.kinds[i]
		k.packets, k.bytes, k.answered = packets*k.packets, bytes*k.bytes, packets*k.answered
		switch {
		case h.Rate() > 1: // connections are packets then
			k.asked *= packets
		case s.class == flow.UDP:
			k.asked = min(k.asked, c.seen.flows)
		case s.conns:
			k.asked = min(k.asked, c.seen.asked)
		}
	}
}

// untold is for how many seconds exporters that do not wait may not yet have told.
const untold = 2

// full is how large a part of the burst's seconds is filled, if each of them were like
// those that made it one.
func (d *Detector) full(c *burst) float64 {
	first, last := c.recent(d.s.First)
	from, to := max(0, int(first-d.s.First)), int(last-d.s.First)
	secs := float64(to - from + 1)
	full := secs
	for i := from; i <= to; i++ {
		if i == c.from || i > to-untold {
			full -= 1 - min(1, float64(d.s.Packets[c.dir][i])/max(c.seen.packets, 1))
		}
	}
	return full / secs
}

// share is by what the rate of the kinds is multiplied: they came in the seconds that are
// full, and were no more than what was seen.
func share(seen, held, full float64) float64 {
	if seen <= held || full <= 0 {
		return part(seen, held)
	}
	return min(1/full, seen/max(held, 1))
}

// part is how much of what the bins hold can be true; all, where the seconds are empty:
// long flows leave less than a packet in one.
func part(seen, held float64) float64 {
	if seen <= 0 || held <= seen {
		return 1
	}
	return seen / held
}
