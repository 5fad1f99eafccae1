// SPDX-License-Identifier: Apache-2.0

package flood

import "tidewatch/window"

// lastSeconds are six to fifteen, in whole bins.
const lastSeconds = 5

// lately measures what goes on now. Whether traffic was asked for is told by a minute,
// since an answer may be told of later than what it answers; what an attack is called
// must not wait for that. A kind that carries less than a fifth of what it had over the
// minute has ended.
func (d *Detector) lately(h *window.Host, c *burst) {
	to := d.s.First + int64(c.to)
	from := max(d.s.First+int64(c.from), (to-lastSeconds)/10*10)
	secs := float64(to - from + 1)
	in := h.Classes(c.dir, from, to)
	var all volume
	table := signatures()
	for i := range c.kinds {
		k := &c.kinds[i]
		if k.packets == 0 {
			continue
		}
		if k.now = rates(&in[table[i].class], secs); k.now.packets < minShare*k.packets {
			k.now = volume{}
		}
		all.packets, all.bytes = all.packets+k.now.packets, all.bytes+k.now.bytes
	}
	if all.packets == 0 { // all fades
		for i := range c.kinds {
			c.kinds[i].now = volume{packets: c.kinds[i].packets, bytes: c.kinds[i].bytes}
		}
		return
	}
	seen := d.see(c, int(from-d.s.First), c.to)
	packets, bytes := part(seen.packets, all.packets), part(seen.bytes, all.bytes)
	for i := range c.kinds {
		k := &c.kinds[i]
		k.now.packets, k.now.bytes = packets*k.now.packets, bytes*k.now.bytes
	}
	if c.dir == window.In {
		c.fragments = packets * float64(h.Fragments(from, to).Packets) / secs
	}
}

// newest follows an attack that goes on in another way when the burst that was found has
// ended: one of connections that are not answered may have turned to one of packets.
func (d *Detector) newest(h *window.Host, c *burst) {
	if c.to >= d.s.N-1-lull {
		return
	}
	next := burst{dir: c.dir, limits: c.limits}
	at, over := d.signal(h, &next, true)
	if !over {
		return
	}
	d.extent(&next, at)
	next.from = max(next.from, c.to+1)
	if next.to <= c.to+lull || next.seconds() < next.limits.hold {
		return
	}
	if d.split(h, &next); d.gates(h, &next) {
		*c = next
	}
}
