// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"net/netip"
	"time"

	"tidewatch/baseline"
	"tidewatch/flow"
	"tidewatch/window"
)

// Limit explains what must be exceeded for an attack on a device to be found.
type Limit struct {
	PPS     float64 // packets/s
	Conns   float64 // unanswered connections/s
	Stop    float64 // share of both below which an attack is over
	Hold    int     // seconds that an attack must have lasted; 0: the larger it is, the sooner it is told
	Floor   float64 // packets/s that the configuration demands
	Learned float64 // packets/s that the device's past explains; 0 = nothing was learned
	Usual   float64 // packets/s of its busiest five minutes at that hour, on 99 days of 100
	From    Origins
	Basis   baseline.Basis
}

// Origins are the groups that the values of a configured limit come from; the zero
// prefix is what holds for all.
type Origins struct{ Floor, Conns, Hold, Stop netip.Prefix }

// Limit is what holds for a device at a moment.
func (d *Detector) Limit(addr flow.Addr, at time.Time, dir window.Direction) Limit {
	l := d.limits(addr, at, dir)
	return Limit{
		PPS: l.pps, Conns: l.conns, Stop: l.stop, Hold: l.hold, Floor: l.floor, Learned: l.learned, Usual: l.usual,
		From: d.cfg.origins(addr.Netip(), dir), Basis: baseline.Basis(l.basis),
	}
}

// origins finds for each value the smallest group around an address that sets it.
func (c *Config) origins(a netip.Addr, dir window.Direction) (o Origins) {
	for i := range c.Groups {
		g := &c.Groups[i]
		if !g.Prefix.Contains(a) {
			continue
		}
		pps, conns := g.MinPPS, g.MinConns
		if dir == window.Out {
			pps, conns = g.OutPPS, g.OutConns
		}
		for _, v := range [...]struct {
			to  *netip.Prefix
			set bool
		}{
			{&o.Floor, pps != 0},
			{&o.Conns, conns != 0},
			{&o.Hold, g.Hold != 0},
			{&o.Stop, g.Stop != 0},
		} {
			if v.set && (!v.to.IsValid() || v.to.Bits() < g.Prefix.Bits()) {
				*v.to = g.Prefix.Masked()
			}
		}
	}
	return o
}
