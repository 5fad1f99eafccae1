// SPDX-License-Identifier: Apache-2.0

package scenario

import "tidewatch/flow"

// keepAlive is how long the shop's servers hold a connection at most, seconds.
const keepAlive = 120

// webShop is the shop as customers see it: the front page under one address,
// its images under another, and the database behind.
func webShop(rate float64, steady bool) []*population {
	hours := shopHours()
	if steady {
		hours = nil
	}
	list := []*population{
		{rate: rate, longest: keepAlive, curve: hours, session: buy},
		{rate: rate / 4, longest: keepAlive, curve: hours, session: look},
		{rate: min(0.1*rate, 5), longest: 300, curve: hours, session: store},
	}
	for i, p := range list {
		p.id, p.natural = uint64(300+i), true
	}
	return list
}

// customer draws who comes: seven of ten came before.
func (g *generator) customer(v6 bool) flow.Addr {
	if g.IntN(10) < 7 {
		return g.net.stranger(kindRegular, uint64(g.skewed(regulars)), v6)
	}
	return public(g.Uint64(), v6)
}

func buy(g *generator, sec int64)  { g.shopping(sec, false, g.customer) }
func look(g *generator, sec int64) { g.shopping(sec, true, g.customer) }

// shopping is one customer's connection, completed and with data both ways. A
// hundredth is given up half-way, as everywhere.
func (g *generator) shopping(sec int64, pictures bool, who func(v6 bool) flow.Addr) {
	v6 := g.IntN(100) < 20
	s := session{start: g.moment(sec), client: who(v6), cport: g.port(), sport: 443, cif: ifInternet, sif: ifShop}
	s.duration = g.duration(6, keepAlive)
	if pictures {
		s.server = images(v6)
		s.tcp(g.size(1800, 0.6), g.size(90_000, 1.2))
	} else {
		s.server = shop(v6)
		s.tcp(g.size(3000, 0.9), g.size(22_000, 1.2))
	}
	switch p := g.IntN(1000); {
	case p < 5:
		s.fail(1, false)
	case p < 80:
		s.up.flags = s.up.flags&^flow.FIN | flow.RST
	}
	g.emit(&s)
}

// store is the shop's front end talking to its database.
func store(g *generator, sec int64) {
	s := session{
		start: g.moment(sec), duration: g.duration(40, 300), client: shop(false), cport: g.port(), cif: ifShop,
		server: database(), sport: 5432, sif: ifServers,
	}
	s.tcp(g.size(40_000, 1), g.size(200_000, 1.2))
	g.emit(&s)
}

// wave is what happens once and is not there at a stroke: it begins at from,
// rises within rise seconds, falls again within fall seconds before to.
type wave struct{ from, to, rise, fall int64 }

// at is the height of the wave in second sec, 0 to 1.
func (w wave) at(sec int64) float64 {
	if sec < w.from || sec >= w.to {
		return 0
	}
	v := 1.0
	if t := sec - w.from; t < w.rise {
		v = (float64(t) + 0.5) / float64(w.rise)
	}
	if t := w.to - sec; t <= w.fall {
		v = min(v, (float64(t)-0.5)/float64(w.fall))
	}
	return v
}

// campaign adds customers who were told of the shop: all complete, most are new.
func campaign(rate float64, w wave) *population {
	return &population{
		id: 400, longest: keepAlive,
		event: func(sec int64) float64 { return rate * w.at(sec) },
		session: func(g *generator, sec int64) {
			g.shopping(sec, false, func(v6 bool) flow.Addr {
				return g.net.stranger(kindCampaign, g.Uint64N(200_000), v6)
			})
		},
	}
}

// unfinished adds connections from new sources that are asked for and never
// made: SYN, at times repeated, and the shop's answer to every second one.
func unfinished(rate float64, sources int, w wave) *population {
	return &population{
		id: 401, longest: 4,
		event: func(sec int64) float64 { return rate * w.at(sec) },
		session: func(g *generator, sec int64) {
			s := session{
				start:  g.moment(sec),
				client: g.net.stranger(kindAttacker, g.Uint64N(uint64(sources)), false), cport: g.port(), cif: ifInternet,
				server: shop(false), sport: 443, sif: ifShop,
			}
			s.fail(1+g.Uint64N(3), false)
			if g.IntN(2) == 0 {
				s.down = side{packets: s.up.packets, bytes: s.up.packets * 60, flags: flow.SYN | flow.ACK}
			}
			g.emit(&s)
		},
	}
}

// The shape of a slow request: a header line of some bytes every ten seconds,
// less than the server's patience of four minutes in all.
const (
	slowHold     = 240 // seconds
	slowInterval = 10
	slowSources  = 600
)

// slow adds connections that complete and then hold a place in the server:
// rate new ones a second, from few sources, each for slowHold seconds.
func slow(rate float64, w wave) *population {
	return &population{
		id: 402, longest: slowHold,
		event: func(sec int64) float64 { return rate * w.at(sec) },
		session: func(g *generator, sec int64) {
			start := g.moment(sec)
			hold := min(slowHold*1e9, w.to*1e9-1-start)
			packets := uint64(2 + hold/(slowInterval*1e9))
			s := session{
				start: start, duration: hold,
				client: g.net.stranger(kindAttacker, 1<<32+g.Uint64N(slowSources), false), cport: g.port(), cif: ifInternet,
				server: shop(false), sport: 80, sif: ifShop, proto: flow.ProtoTCP,
				up:   side{packets: packets, bytes: packets * 74, flags: flow.SYN | flow.ACK | flow.PSH},
				down: side{packets: packets, bytes: packets * 52, flags: flow.SYN | flow.ACK},
			}
			g.emit(&s)
		},
	}
}
