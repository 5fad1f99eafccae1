// SPDX-License-Identifier: Apache-2.0

package exfil

import (
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const callWeight = -0.5

// call weighs an exchange over UDP that is as large in both directions, at the rate of a video
// call and at a time when people are awake; at night only with a destination that others
// use as well. A thief who fetches as much as he sends, by day and as slowly, is low
// here; the ledger of what a device gives away (detect/slow) still counts it.
func (d *Detector) call(u *window.Upload, c *upload, gave uint64, add func(name string, observed, expected, weight float64)) {
	if c.focus <= 0.5 || !overUDP(u) || gave < c.to.Bytes/detect.CallReturn || d.rate(nil, c) > detect.CallRate {
		return
	}
	if night := float64(c.off) > d.cfg.OffShare*float64(c.out); night && c.rare {
		return
	}
	add("two_way_call", float64(gave), float64(c.to.Bytes)/detect.CallReturn, callWeight)
}

// overUDP reports whether most of what is sent goes to one port over UDP, as pictures and
// sound do.
func overUDP(u *window.Upload) bool {
	var buf [8]window.Entry
	ports := u.Ports(buf[:0], 8)
	return len(ports) > 0 && ports[0].Number()>>16 == flow.ProtoUDP && 2*ports[0].Bytes > u.Totals().Out
}
