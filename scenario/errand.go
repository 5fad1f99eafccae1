// SPDX-License-Identifier: Apache-2.0

package scenario

import "math"

// errands are acts that only look like theft.
func errands() []act {
	return []act{
		{name: "backup", hour: 2, who: 46, about: "a workstation's own backup: 3 GB to the same address at two every night", build: buildOwnBackup},
		{name: "update-day", hour: 9, who: 47, about: "every week an update server fetches 6 GB and all workstations 1 GB each from it, half of them as much from outside; it reports 60 MB to its maker", build: buildUpdateDay},
		{name: "video-call", hour: 14, who: 48, about: "an hour of video, 2.5 Mbit/s each way over UDP", build: buildVideoCall},
		{name: "video-call6", hour: 14, who: 49, v6: true, about: "the same over IPv6", build: buildVideoCall},
		{name: "cdn-publish", hour: 16, who: 50, about: "3 GB a day, within an hour, to 60 addresses of a delivery network", build: buildPublish},
		{name: "cloud-sync", hour: 9, who: 51, about: "bursts of 20 to 200 MB in working hours to one cloud", build: buildSync},
		{name: "newcomer", hour: 8, who: workstations, about: "a new device does what all do", build: buildNewcomer},
	}
}

// errandDays is how many days an errand is watched that goes on for ever.
const errandDays = fortnight

func (a *act) innocent(s *Scenario, lasts int64) {
	a.tells(s, "data_exfiltration", "", a.client(), a.from+lasts)
}

func buildOwnBackup(s *Scenario, a *act) {
	s.transfer(&transfers{
		from: math.MinInt64, to: math.MaxInt64, client: a.client(), server: one(a.other(s, 0)),
		hours: [2]int64{2, 3}, n: 1, bytes: 3e9, spread: 0.2, weekends: true, lasts: 2400,
	})
	a.innocent(s, errandDays)
}

// buildUpdateDay has one machine fetch and hand out, and others fetch themselves.
func buildUpdateDay(s *Scenario, a *act) {
	own, maker := a.client(), a.other(s, 0)
	fetch := func(g *generator, sec, lasts int64, x session, up, down uint64) {
		x.start, x.duration, x.cport, x.sport = sec*1e9+1e6, lasts*1e9, g.port(), 443
		x.tcp(up, down)
		g.emit(&x)
	}
	const week = 7 * 86400
	s.sources = append(s.sources, &once{math.MinInt64, a.from + 4*3600, 900, func(g *generator, sec int64) {
		at := (sec - a.from) - week*floorDiv(sec-a.from, week)
		outside := session{client: own, server: maker, cif: ifServers, sif: ifInternet}
		if at == 0 {
			fetch(g, sec, 900, outside, 60_000, 6e9)
		}
		if at == 3*3600 {
			fetch(g, sec, 300, outside, 60e6, 60_000)
		}
		if at < 1800 || at >= 4*3600 || (at-1800)%120 != 0 || (at-1800)/120 >= workstations {
			return
		}
		w := int((at - 1800) / 120)
		if w == a.who {
			return
		}
		inside := session{client: workstation(w, false), server: own, cif: ifOffice, sif: ifServers}
		fetch(g, sec, 300, inside, 100_000, 1e9)
		if w%2 == 0 {
			inside.server, inside.sif = maker, ifInternet
			fetch(g, sec, 300, inside, 100_000, 1e9)
		}
	}})
	a.innocent(s, 4*3600)
}

func buildVideoCall(s *Scenario, a *act) {
	server := a.other(s, 0)
	s.sources = append(s.sources, &once{a.from, a.from + 1, 3600, func(g *generator, sec int64) {
		x := session{start: sec*1e9 + 1e6, duration: 3600e9 - 2e6, client: a.client(), cport: g.port(), server: server, sport: 3478, cif: ifOffice, sif: ifInternet}
		const packets = 300 * 3600
		x.udp(packets, packets*1000, packets, packets*1050)
		g.emit(&x)
	}})
	a.innocent(s, 3600)
}

func buildPublish(s *Scenario, a *act) {
	s.transfer(&transfers{
		from: math.MinInt64, to: math.MaxInt64, client: a.client(), server: among(a.other(s, 0), 60),
		hours: [2]int64{16, 17}, n: 40, bytes: 3e9, spread: 0.3, weekends: true,
	})
	a.innocent(s, errandDays)
}

func buildSync(s *Scenario, a *act) {
	s.transfer(&transfers{
		from: math.MinInt64, to: math.MaxInt64, client: a.client(), server: among(a.other(s, 0), 6),
		hours: [2]int64{9, 17}, n: 8, bytes: 800e6, spread: 0.6, lasts: 240,
	})
	a.innocent(s, errandDays)
}

// buildNewcomer has somebody new do a person's share of what the office does.
func buildNewcomer(s *Scenario, a *act) {
	for i, p := range office(s.cfg.Scale) {
		p.id, p.rate = uint64(300+i), p.rate/workstations
		do := p.session
		p.session = func(g *generator, sec int64) {
			if sec < a.from {
				return
			}
			g.as = a.who
			do(g, sec)
			g.as = 0
		}
		switch i {
		case 2, 5, 9: // what servers do
			continue
		}
		s.sources = append(s.sources, p)
	}
	a.innocent(s, errandDays)
}
