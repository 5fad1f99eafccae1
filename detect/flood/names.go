// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"tidewatch/flow"
	"tidewatch/window"
)

const (
	namesPort = 53
	// questionBytes is the most that questions have on the mean, see dnsflood.
	questionBytes = 200
)

// toNames reports whether UDP that a name server does not answer is questions: what
// detect/dnsflood calls a flood of them must not have another name here.
func (d *Detector) toNames(h *window.Host, c *burst) bool {
	v := &c.in[flow.UDP]
	if v.bytes > questionBytes*v.packets || !h.NameServer(c.recent(d.s.First)) {
		return false
	}
	d.top = h.TopPorts(d.top[:0], 16)
	var names, all uint64
	for i := range d.top {
		if e := &d.top[i]; e.Number()>>16 == flow.ProtoUDP {
			all += e.Weight - e.Over
			if e.Number()&0xffff == namesPort {
				names += e.Weight - e.Over
			}
		}
	}
	return 5*names >= 4*all && all > 0
}
