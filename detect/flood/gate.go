// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"tidewatch/flow"
	"tidewatch/window"
)

// gates decides which limits the attack traffic exceeds, and drops the kinds
// that have no part in it.
func (d *Detector) gates(h *window.Host, c *burst) bool {
	d.services(h, c)
	table := signatures()
	for i := range c.kinds {
		if k := &c.kinds[i]; k.packets == 0 || d.excused(h, c, &table[i], k) {
			*k = kind{}
		}
	}
	d.bound(h, c)
	var attack float64 // packets per second, each kind as a part of its own limit
	for i := range c.kinds {
		s, k := &table[i], &c.kinds[i]
		if k.packets == 0 {
			continue
		}
		attack += k.packets / s.times
		if c.surges(s) && !d.scanned(h, c, s, k) {
			k.asked, k.open = max(k.asked, c.surging), true
			continue
		}
		conns := d.sure(k.asked, h.Rate(), c.seconds())
		// A busy service always has some unanswered connections: a fifth of the answered ones is no sign.
		k.open = s.conns && conns > max(c.limits.conns, k.answered/5) ||
			s.class == flow.UDP && c.reflected >= 0.8 && conns > c.limits.conns
		k.open = k.open && !d.scanned(h, c, s, k)
	}
	over := d.sure(attack, h.Rate(), c.seconds()) > c.limits.pps*0.999
	for i := range c.kinds {
		k := &c.kinds[i]
		k.over = over && k.packets/table[i].times >= minShare*attack
		if !k.over && !k.open {
			*k = kind{}
			continue
		}
		c.byRate, c.byConns = c.byRate || k.over, c.byConns || k.open
		c.pps += k.packets
		if k.open {
			c.conns += k.asked
		}
	}
	return c.byRate || c.byConns
}

const (
	// floodSyns is from how many unanswered connections/s on to one device they hurt it,
	// whatever they are meant for. Scanners that do not want to be told keep below.
	floodSyns = 1000
	// scanPorts is how many ports each source must try: who floods a service knocks at one.
	scanPorts = 10
)

// scanned reports whether connections that nothing answers are a scan of the device's
// ports: few sources, each of which tries many ports once or a few times.
func (d *Detector) scanned(h *window.Host, c *burst, s *signature, k *kind) bool {
	if s.class != flow.TCPSyn || c.dir == window.Out || h.Rate() > 1 || k.asked >= floodSyns {
		return false
	}
	from, to := c.recent(d.s.First)
	sources, ports := h.Distinct(from, to)
	return ports > scanPorts*max(sources, 1) && scanPorts*float64(ports) > k.asked*float64(to-from+1)
}
