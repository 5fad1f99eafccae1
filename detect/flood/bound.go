// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"tidewatch/flow"
	"tidewatch/window"
)

// What a burst is made of is known by ten seconds, and those reach beyond it: what went
// on before it began, be it another vector of the same attack, would count as if it all
// had come in the burst's own seconds, of which there may be one. How much came in these
// is known by the second, of all classes together, and no class has more.

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

// bound takes from the kinds what is more than was seen, from all in equal parts.
func (d *Detector) bound(h *window.Host, c *burst) {
	var all volume
	for i := range c.kinds {
		all.packets += c.kinds[i].packets
		all.bytes += c.kinds[i].bytes
	}
	packets, bytes := part(c.seen.packets, all.packets), part(c.seen.bytes, all.bytes)
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

// part is how much of what the bins hold can be true; all, where the seconds are empty:
// long flows leave less than a packet in one.
func part(seen, held float64) float64 {
	if seen <= 0 || held <= seen {
		return 1
	}
	return seen / held
}
