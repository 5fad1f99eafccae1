// SPDX-License-Identifier: Apache-2.0

package scenario

// bots is how many take part in a flood of requests by default: each makes tens of
// them a second, which no customer does.
const bots = 200

// buildHTTPFlood has bots ask the shop for pages, each request a connection of its
// own that completes.
func buildHTTPFlood(s *Scenario, v6 bool) {
	buildOffice(s)
	from, to := s.event()
	s.requests(s.cfg.AttackRate, s.cfg.AttackSources, wave{from, to, 1, 1}, v6,
		"bots ask for the same few pages, tens of requests a second each; all are answered")
}

// requests adds rate answered requests a second of some bots to the shop.
func (s *Scenario) requests(rate float64, sources int, w wave, v6 bool, note string) {
	s.sources = append(s.sources, askers(rate, sources, w, v6))
	t := truthOf("ddos_attack", "ddos", "http_flood", shop(v6))
	t.Sources, t.Note = sources, note
	s.tell(t, w.from, w.to)
}

// askers are bots that make rate requests a second together.
func askers(rate float64, sources int, w wave, v6 bool) *population {
	return &population{
		id: 403, longest: 2,
		event: func(sec int64) float64 { return rate * w.at(sec) },
		session: func(g *generator, sec int64) {
			q := session{
				start: g.moment(sec), duration: 20e6 + g.Int64N(60e6),
				client: g.net.stranger(kindAttacker, g.Uint64N(uint64(sources)), v6), cport: g.port(), cif: ifInternet,
				server: shop(v6), sport: 443, sif: ifShop,
			}
			// One program writes all requests: they differ by the length of a path.
			q.tcp(620+g.Uint64N(24), 9000+g.Uint64N(300))
			g.emit(&q)
		},
	}
}

// buildQueryFlood has bots ask the office's name server for names that do not
// exist, so that no cache helps it.
func buildQueryFlood(s *Scenario, v6 bool) {
	buildOffice(s)
	from, to := s.event()
	w := wave{from, to, 1, 1}
	rate, sources := s.cfg.AttackRate, uint64(s.cfg.AttackSources)
	s.sources = append(s.sources, &population{
		id: 404, longest: 2,
		event: func(sec int64) float64 { return rate * w.at(sec) },
		session: func(g *generator, sec int64) {
			q := session{
				start: g.moment(sec), duration: 1e6 + g.Int64N(10e6),
				client: g.net.stranger(kindAttacker, g.Uint64N(sources), v6), cport: uint16(1024 + g.IntN(64_000)), cif: ifInternet,
				server: nameServer(v6), sport: 53, sif: ifServers,
			}
			q.udp(1, 40+g.Uint64N(8), 1, 110+g.Uint64N(8))
			g.emit(&q)
		},
	})
	t := truthOf("ddos_attack", "ddos", "dns_query_flood", nameServer(v6))
	t.Sources, t.Packets = s.cfg.AttackSources, uint64(rate*float64(to-from))
	t.Note = "queries for random names, each from a port of its own and each answered"
	s.tell(t, from, to)
}
