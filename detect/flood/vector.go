// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"slices"

	"tidewatch/detect"
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

// services finds the reflector port that most of the UDP packets come from, and
// how many SYN-ACKs come from ports of services. Later fragments carry no port
// and do not vote.
func (d *Detector) services(h *window.Host, c *burst) {
	if c.dir == window.Out {
		return // what a device sends from a service is an answer
	}
	d.top = h.TopServices(d.top[:0], 16)
	var udp, web, best, tcp, system uint64
	for i := range d.top {
		e := &d.top[i]
		n, number := e.Weight-e.Over, e.Number()
		switch {
		case number == 0:
		case number > 0xffff:
			tcp += n
			if number&0xffff < 1024 { // RFC 6335, 6: the system ports
				system += n
			}
		default:
			udp += n
			if number == portWeb {
				web += n
			}
			for _, p := range reflectors() {
				if uint32(p.number) == number && n > best {
					best, c.reflector = n, p
				}
			}
		}
	}
	if udp > 0 {
		c.reflected, c.web = float64(best)/float64(udp), float64(web)/float64(udp)
	}
	if tcp > 0 {
		c.service = float64(system) / float64(tcp)
	}
	if c.reflected < 0.5 {
		c.reflector = port{}
	}
	c.questions = udp > 0 && d.toNames(h, c)
}

// vectors names the kinds that go on, strongest first, and tells what each carries.
func (c *burst) vectors() (vector string, all []string, carry []detect.VectorRate) {
	total, strongest := 0.0, 0.0
	for i := range c.kinds {
		total, strongest = total+c.kinds[i].now.packets, max(strongest, c.kinds[i].now.packets)
	}
	table := signatures()
	most := 0.0
	for i := range c.kinds {
		k := &c.kinds[i].now
		if k.packets == 0 || k.packets < min(minShare*total, strongest) {
			continue
		}
		name := c.name(&table[i], total)
		if at := slices.IndexFunc(carry, func(r detect.VectorRate) bool { return r.Vector == name }); at >= 0 {
			carry[at].Bits += 8 * k.bytes
			continue
		}
		carry = append(carry, detect.VectorRate{Vector: name, Bits: 8 * k.bytes})
		if k.packets > most {
			most = k.packets
			all = append([]string{name}, all...)
		} else {
			all = append(all, name)
		}
	}
	if len(all) > 1 {
		return "mixed", all, carry
	}
	return all[0], nil, carry
}

// name is what the traffic of a signature is called, given where it comes from.
func (c *burst) name(s *signature, total float64) string {
	switch s.class {
	case flow.TCPSynAck:
		// Reflecting servers answer from their services' ports, a liar draws any.
		if c.service >= 0.8 {
			return "tcp_amplification"
		}
		return s.vector
	case flow.UDP:
		if c.reflector.name != "" { // large answers come in fragments
			return c.reflector.name + "_amplification"
		}
		if c.questions && 2*c.fragments < total {
			return "dns_query_flood"
		}
	case flow.TCPSyn, flow.TCPAck, flow.TCPRst, flow.TCPFin, flow.TCPXmas, flow.TCPNull, flow.TCPSession:
		return s.vector // a header that shows flags is no later fragment
	default:
	}
	if 2*c.fragments > total {
		return "fragment_flood"
	}
	return s.vector
}
