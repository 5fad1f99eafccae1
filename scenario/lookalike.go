// SPDX-License-Identifier: Apache-2.0

package scenario

import "tidewatch/flow"

// once is what happens in one stretch of time and is not repeated: act makes what
// begins in a second of it.
type once struct {
	from, to int64
	longest  int64 // seconds that a session lasts at most
	act      func(g *generator, sec int64)
}

func (o *once) reach() int64 { return o.longest + overhead }

func (o *once) second(g *generator, sec int64) {
	if sec >= o.from && sec < o.to {
		o.act(g, sec)
	}
}

// innocent tells that something is no attack on, or by, a host.
func (s *Scenario) innocent(subject flow.Addr, from, to int64, note string) {
	t := truthOf("ddos_attack", "ddos", "", subject)
	t.MustNotAlert, t.Note = true, note
	s.tell(t, from, to)
}

// streams makes TCP connections side by side that together carry packets full
// packets a second to the client (or from it) and last from the start of a second.
type streams struct {
	client, server flow.Addr
	port           uint16
	n              int
	packets        float64 // per second, of all together
	seconds        int64
	upload         bool
	cif, sif       uint32
}

func (t *streams) begin(g *generator, sec int64) {
	payload := uint64(t.packets * float64(t.seconds) * segment / float64(t.n))
	for range t.n {
		late := g.Int64N(200e6)
		q := session{
			start: sec*1e9 + late, duration: t.seconds*1e9 - 200e6, client: t.client, cport: g.port(),
			server: t.server, sport: t.port, cif: t.cif, sif: t.sif,
		}
		if t.upload {
			q.tcp(payload, 2000)
		} else {
			q.tcp(2000, payload)
		}
		g.emit(&q)
	}
}

// speedStreams is how many connections a speed test opens at once.
const speedStreams = 16

// tester is the workstation whose user wants to know how fast the line is.
const tester = 14

// buildSpeedTest fills the line for half of the event with a download, then with
// an upload.
func buildSpeedTest(s *Scenario, v6 bool) {
	buildOffice(s)
	from, to := s.event()
	half := min(max((to-from)/2, 1), longestSession)
	t := streams{
		client: workstation(tester, v6), server: s.gen.net.stranger(kindPartner, 1, v6), port: 443, n: speedStreams,
		packets: s.cfg.AttackRate, seconds: half, cif: ifOffice, sif: ifInternet,
	}
	up := t
	up.upload = true
	s.sources = append(s.sources, &once{from, to, half, func(g *generator, sec int64) {
		switch sec {
		case from:
			t.begin(g, sec)
		case from + half:
			up.begin(g, sec)
		}
	}})
	s.innocent(t.client, from, min(from+2*half, to), "a workstation tests the line: all of it downwards, then all of it upwards")
}

// buildElephant is one connection that carries a whole data set: an own server
// fetches it from a partner.
func buildElephant(s *Scenario, v6 bool) {
	buildOffice(s)
	from, to := s.event()
	to = min(to, from+longestSession)
	t := streams{
		client: internal(10, 1, 10, v6), server: s.gen.net.stranger(kindPartner, 2, v6), port: 443, n: 1,
		packets: s.cfg.AttackRate, seconds: to - from, cif: ifServers, sif: ifInternet,
	}
	s.sources = append(s.sources, &once{from, from + 1, to - from, t.begin})
	s.innocent(t.client, from, to, "one connection to "+t.server.String()+" that carries a whole data set")
}

// buildBackupWindow has all servers send to the backup server at once, some
// connections each.
func buildBackupWindow(s *Scenario) {
	buildOffice(s)
	from, to := s.event()
	to = min(to, from+longestSession)
	servers := []flow.Addr{fileServer(), recorder(), mailServer(), database(), shop(false), images(false)}
	s.sources = append(s.sources, &once{from, from + 1, to - from, func(g *generator, sec int64) {
		for _, a := range servers {
			t := streams{
				client: a, server: backupServer(), port: 10_080, n: 4, packets: s.cfg.AttackRate / float64(len(servers)),
				seconds: to - from, upload: true, cif: ifServers, sif: ifServers,
			}
			t.begin(g, sec)
		}
	}})
	s.innocent(backupServer(), from, to, "six servers send to the backup server at once, four connections each")
}
