// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"tidewatch/flow"
	"tidewatch/window"
)

// port is a UDP service that answers a small question with a large answer, and
// so lends itself to reflection.
type port struct {
	number uint16
	name   string
}

// reflectors lists the services seen in reflection attacks, by the source port
// of what arrives (US-CERT alert TA14-017A and vendors' reports since).
func reflectors() [22]port {
	return [22]port{
		{17, "qotd"},
		{19, "chargen"},
		{53, "dns"},
		{69, "tftp"},
		{111, "portmap"},
		{123, "ntp"},
		{137, "netbios"},
		{161, "snmp"},
		{177, "xdmcp"},
		{389, "cldap"},
		{427, "slp"},
		{500, "isakmp"},
		{520, "rip"},
		{1434, "mssql"},
		{1900, "ssdp"},
		{3283, "ard"},
		{3702, "wsd"},
		{4500, "isakmp"},
		{5093, "sentinel"},
		{5353, "mdns"},
		{5683, "coap"},
		{11211, "memcached"},
	}
}

// reflection finds the reflector port that most of the UDP packets come from.
// Later fragments carry no port and do not vote.
func (d *Detector) reflection(h *window.Host, c *burst) {
	d.top = h.TopUDPSources(d.top[:0], 16)
	var voted, best uint64
	for i := range d.top {
		e := &d.top[i]
		if e.Number() == 0 {
			continue
		}
		voted += e.Weight - e.Over
		for _, p := range reflectors() {
			if n := e.Weight - e.Over; uint32(p.number) == e.Number() && n > best {
				best, c.reflector = n, p
			}
		}
	}
	if voted > 0 {
		c.reflected = float64(best) / float64(voted)
	}
	if c.reflected < 0.5 {
		c.reflector = port{}
	}
}

// vectors names the kinds that are left, strongest first.
func (c *burst) vectors() (vector string, all []string) {
	total := 0.0
	for _, k := range c.kinds {
		total += k.packets
	}
	strongest := 0.0
	for _, k := range c.kinds {
		if k.packets < minShare*total || k.packets == 0 {
			continue
		}
		name := c.name(k.class)
		if k.packets > strongest {
			strongest = k.packets
			all = append([]string{name}, all...)
		} else {
			all = append(all, name)
		}
	}
	if len(all) > 1 {
		return "mixed", all
	}
	return all[0], nil
}

func (c *burst) name(class flow.Class) string {
	switch class {
	case flow.TCPSyn:
		return "syn_flood"
	case flow.ICMP:
		return "icmp_flood"
	default:
	}
	if c.reflector.name != "" {
		return c.reflector.name + "_amplification"
	}
	return "udp_flood"
}
