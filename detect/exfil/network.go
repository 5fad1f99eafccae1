// SPDX-License-Identifier: Apache-2.0

package exfil

import "tidewatch/window"

// rotates takes a network for the destination when most goes to it and to no one
// address in it: who changes addresses within a network is one destination still, and so
// is a delivery network.
func (d *Detector) rotates(u *window.Upload, c *upload) {
	if c.focus > 0.5 {
		return
	}
	d.nets = u.Networks(d.nets[:0], 1)
	if len(d.nets) == 0 {
		return
	}
	net := d.nets[0]
	net.Bytes -= bare(net.Bytes, net.Packets, net.Key.Is4())
	net.Weight = min(net.Weight, net.Bytes+net.Over)
	if share := sure(&net) / float64(c.out); share > 0.5 {
		c.to, c.focus, c.network = net, min(1, share), true
	}
}

// knows reports whether the device sent to the destination on earlier days.
func (d *Detector) knows(w *window.Window, u *window.Upload, c *upload) bool {
	if c.network {
		return w.KnowsNetwork(u, c.to.Key)
	}
	return w.Knows(u, c.to.Key)
}
