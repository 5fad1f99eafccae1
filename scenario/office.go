// SPDX-License-Identifier: Apache-2.0

package scenario

import "tidewatch/flow"

// office is what sixty people do at their desks. Rates are sessions per second
// of the busiest hour; sizes are what such sessions carry, medians in bytes.
func office(scale float64) []*population {
	hours := officeHours()
	list := []*population{
		{rate: 2.8, longest: 600, session: browse},
		{rate: 3.2, longest: 1, session: lookUp},
		{rate: 1.6, longest: 1, session: resolve},
		{rate: 0.30, longest: 900, session: openFile},
		{rate: 0.40, longest: 120, session: fetchMail},
		{rate: 0.06, longest: 60, session: sendMail},
		{rate: 0.012, longest: 60, session: printOut},
		{rate: 0.012, longest: 900, session: syncUp},
		{rate: 0.005, longest: 2400, session: conference},
		{rate: 0.003, longest: 2900, session: remoteWork},
		{rate: 0.002, longest: 2400, session: administer},
	}
	for i, p := range list {
		p.id, p.curve, p.natural, p.rate = uint64(100+i), hours, true, p.rate*scale
	}
	return list
}

// fromDesk starts a session of a workstation; ok is false when its user is absent.
func (g *generator) fromDesk(sec int64, v6 bool) (s session, user int, ok bool) {
	user, ok = g.person(sec)
	s = session{
		start: g.moment(sec), client: workstation(user, v6), cport: g.port(),
		cif: ifOffice, sif: ifInternet,
	}
	return s, user, ok
}

// browse opens a web page: most often a favourite of the user, else a popular
// site, seldom one never seen. A third goes over IPv6, a third of it by QUIC.
func browse(g *generator, sec int64) {
	v6 := g.IntN(100) < 30
	s, user, ok := g.fromDesk(sec, v6)
	if !ok {
		return
	}
	site := uint64(g.skewed(sites))
	switch p := g.IntN(100); {
	case p < 70:
		site = mix(g.net.seed, uint64(user)<<16|uint64(g.skewed(favourites))) % sites
	case p < 72:
		site = sites + g.Uint64N(1<<30)
	}
	s.server, s.sport = g.net.stranger(kindSite, site, v6), 443
	if g.IntN(100) < 4 {
		s.sport = 80
	}
	s.duration = g.duration(9, 600)
	up, down := g.size(2200, 0.8), g.size(30_000, 1.6)
	switch p := g.IntN(1000); {
	case p < 12: // nobody answers: three tries
		s.fail(3, false)
	case p < 20:
		s.fail(1, true)
	case p < 320 && s.sport == 443:
		s.udp(4+up/1200+down/4000, up, 4+down/1200, down)
	default:
		s.tcp(up, down)
		if p >= 900 { // closed the hard way
			s.up.flags = s.up.flags&^flow.FIN | flow.RST
		}
	}
	g.emit(&s)
}

// fail fills a session as a connection that did not come to be: SYN repeated,
// or refused at once.
func (s *session) fail(tries uint64, refused bool) {
	size := uint64(60)
	if !s.server.Is4() {
		size = 80
	}
	s.proto, s.closed = flow.ProtoTCP, refused
	s.up = side{packets: tries, bytes: tries * size, flags: flow.SYN}
	s.down = side{}
	s.duration = int64(tries-1) * 1e9
	if refused {
		s.duration = 10e6
		s.down = side{packets: 1, bytes: size - 20, flags: flow.RST | flow.ACK}
	}
}

// lookUp asks the office's own name server.
func lookUp(g *generator, sec int64) {
	v6 := g.IntN(100) < 20
	s, _, ok := g.fromDesk(sec, v6)
	if !ok {
		return
	}
	s.server, s.sport, s.sif = nameServer(v6), 53, ifServers
	s.duration = g.duration(0.02, 1)
	s.udp(1, 30+g.Uint64N(40), 1, 60+g.Uint64N(200))
	g.emit(&s)
}

// resolve is the name server asking others.
func resolve(g *generator, sec int64) {
	v6 := g.IntN(100) < 25
	s := session{
		start: g.moment(sec), duration: g.duration(0.05, 1),
		client: nameServer(v6), cport: uint16(1024 + g.IntN(64000)), cif: ifServers,
		server: g.net.stranger(kindResolver, uint64(g.skewed(resolvers)), v6), sport: 53, sif: ifInternet,
	}
	s.udp(1, 40+g.Uint64N(40), 1, 80+g.Uint64N(800))
	g.emit(&s)
}

func openFile(g *generator, sec int64) {
	s, _, ok := g.fromDesk(sec, false)
	if !ok {
		return
	}
	s.server, s.sport, s.sif = fileServer(), 445, ifServers
	s.duration = g.duration(60, 900)
	s.tcp(g.size(60_000, 1.8), g.size(200_000, 1.8))
	g.emit(&s)
}

func fetchMail(g *generator, sec int64) {
	s, _, ok := g.fromDesk(sec, false)
	if !ok {
		return
	}
	s.server, s.sport, s.sif = mailServer(), 993, ifShop
	s.duration = g.duration(4, 120)
	s.tcp(g.size(1500, 0.6), g.size(9000, 1.5))
	g.emit(&s)
}

// sendMail is mail between the own server and those of others, both ways.
func sendMail(g *generator, sec int64) {
	peer := g.net.stranger(kindMail, uint64(g.skewed(mailPeers)), false)
	s := session{start: g.moment(sec), duration: g.duration(2, 60), cport: g.port(), sport: 25}
	if g.IntN(3) > 0 {
		s.client, s.server, s.cif, s.sif = peer, mailServer(), ifInternet, ifShop
	} else {
		s.client, s.server, s.cif, s.sif = mailServer(), peer, ifShop, ifInternet
	}
	s.tcp(g.size(30_000, 1.4), 1500)
	g.emit(&s)
}

func printOut(g *generator, sec int64) {
	s, _, ok := g.fromDesk(sec, false)
	if !ok {
		return
	}
	s.server, s.sport, s.sif = printer(g.IntN(printers)), 9100, ifOffice
	s.duration = g.duration(8, 60)
	s.tcp(g.size(400_000, 1), 900)
	g.emit(&s)
}

// syncUp uploads documents to one of two cloud stores.
func syncUp(g *generator, sec int64) {
	s, _, ok := g.fromDesk(sec, false)
	if !ok {
		return
	}
	s.server, s.sport = g.net.stranger(kindSite, g.Uint64N(2), false), 443
	s.duration = g.duration(20, 900)
	s.tcp(g.size(800_000, 1.2), 20_000)
	g.emit(&s)
}

// conference is a video call: half a megabit per second each way for minutes.
func conference(g *generator, sec int64) {
	s, _, ok := g.fromDesk(sec, false)
	if !ok {
		return
	}
	s.server, s.sport = g.net.stranger(kindConference, g.Uint64N(3), false), 3478
	s.duration = g.duration(1200, 2400)
	packets := uint64(s.duration / 1e9 * 60)
	s.udp(packets, packets*(800+g.Uint64N(300)), packets, packets*(850+g.Uint64N(300)))
	g.emit(&s)
}

// remoteWork is a tunnel of somebody at home to the VPN gateway.
func remoteWork(g *generator, sec int64) {
	s := session{
		start: g.moment(sec), duration: g.duration(1800, 2900),
		client: g.net.stranger(kindRemote, g.Uint64N(15), false), cport: 4500, cif: ifInternet,
		server: vpnGateway(), sport: 4500, sif: ifShop,
	}
	packets := uint64(s.duration / 1e9 * 12)
	s.udp(packets, packets*200, packets, packets*600)
	g.emit(&s)
}

// administer is a shell on one of the servers.
func administer(g *generator, sec int64) {
	s := session{
		start: g.moment(sec), duration: g.duration(600, 2400), client: workstation(g.IntN(2), false), cport: g.port(),
		server: []flow.Addr{fileServer(), backupServer(), shop(false), database()}[g.IntN(4)], sport: 22, cif: ifOffice, sif: ifServers,
	}
	s.tcp(g.size(8000, 1), g.size(60_000, 1.2))
	g.emit(&s)
}
