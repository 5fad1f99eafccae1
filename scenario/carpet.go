// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"encoding/binary"
	"net/netip"

	"tidewatch/flow"
)

// carpet is a flood of UDP spread over a whole network, so thinly that no host of
// it is over any limit: over the 254 hosts of the shop's /24 in turn, or over
// random addresses of its /48.
type carpet struct {
	from, to int64
	rate     float64 // packets per second over the whole network
	sources  uint64
	v6       bool
}

const (
	carpetHosts = 254 // of the /24
	carpetFlow  = 50  // packets of one flow
	carpetSize  = 300 // bytes of a packet, and up to carpetMore on top
	carpetMore  = 400
)

func (c *carpet) reach() int64 { return 1 + overhead }

func (c *carpet) second(g *generator, sec int64) {
	if sec < c.from || sec >= c.to {
		return
	}
	left := uint64(c.rate*float64(sec-c.from+1)) - uint64(c.rate*float64(sec-c.from))
	for host := g.Uint64N(carpetHosts); left > 0; host++ {
		packets := min(left, carpetFlow)
		left -= packets
		begin := g.Int64N(500e6)
		s := session{
			start: sec*1e9 + begin, duration: g.Int64N(999e6 - begin), proto: flow.ProtoUDP,
			client: g.net.stranger(kindAttacker, g.Uint64N(c.sources), c.v6), cport: uint16(1024 + g.IntN(64_000)), cif: ifInternet,
			server: c.victim(g, host), sport: uint16(1024 + g.IntN(64_000)), sif: ifShop,
			up: side{packets: packets, bytes: packets * (carpetSize + g.Uint64N(carpetMore+1))},
		}
		g.emit(&s)
	}
}

func (c *carpet) victim(g *generator, host uint64) flow.Addr {
	if !c.v6 {
		return internal(20, 0, byte(1+host%carpetHosts), false)
	}
	a := internal(20, 0, 0, true)
	binary.BigEndian.PutUint16(a[6:], uint16(g.Uint64N(1<<16)))
	binary.BigEndian.PutUint64(a[8:], g.Uint64())
	return a
}

// network is the prefix that is attacked.
func (c *carpet) network() netip.Prefix {
	if c.v6 {
		return netip.PrefixFrom(internal(20, 0, 0, true).Netip(), 48)
	}
	return netip.PrefixFrom(internal(20, 0, 0, false).Netip(), 24)
}

func buildCarpet(s *Scenario, v6 bool) {
	buildOffice(s)
	c := &carpet{rate: s.cfg.AttackRate, sources: uint64(s.cfg.AttackSources), v6: v6}
	c.from, c.to = s.event()
	s.sources = append(s.sources, c)
	n := c.network()
	t := &Truth{Category: "ddos_attack", Kind: "ddos", Vector: "udp_flood", Subject: n.Addr(), Network: n}
	t.Sources, t.Packets = s.cfg.AttackSources, uint64(c.rate*float64(c.to-c.from))
	t.Bytes = t.Packets * (2*carpetSize + carpetMore) / 2
	t.Note = "spread over " + n.String() + "; no host gets more than a twentieth of its own limit"
	s.tell(t, c.from, c.to)
}
