// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"slices"
	"time"

	"tidewatch/flow"
)

// DemoRound is how long after its begin the play of "demo" is given again.
const DemoRound = 10 * time.Minute

// The times of a play, in seconds from its begin. What is judged once a minute begins
// first: nobody wants to wait for two minutes.
const (
	demoTheft    = 0
	demoCampaign = 2
	demoFlood    = 5
	demoCopy     = 8
	demoScan     = 12
	demoTurn     = 35 // seconds until the flood turns to requests, for as long again
	demoCopyFor  = 12
	demoScanFor  = 40
	demoEnd      = 90 // of theft and campaign
)

// The sizes of a play beside those of the configuration.
const (
	demoBots     = 40  // that make requests
	demoRequests = 800 // a second, 20 of each: no person asks so often
	demoCrowd    = 500 // connections of customers a second
	demoProbes   = 20  // ports tried a second
	demoCopier   = 52  // number of the workstation that copies
)

// encore gives the same play, with variations, every so many seconds: what round n
// consists of is made when it begins.
type encore struct {
	from, every int64
	longest     int64
	play        func(n, from int64) []source

	round int64
	cast  []source
}

func (e *encore) reach() int64 { return e.longest + overhead }

func (e *encore) second(g *generator, sec int64) {
	if sec < e.from {
		return
	}
	if n := (sec - e.from) / e.every; e.cast == nil || n != e.round {
		e.round, e.cast = n, e.play(n, e.from+n*e.every)
	}
	for _, s := range e.cast {
		s.second(g, sec)
	}
}

// buildDemo puts on top of the office what `tidewatch demo` shows, again and again from
// AttackAt on: somebody floods the shop and turns to requests; meanwhile data leaves a
// workstation, another copies what the camera recorded, a third tries the ports of a server, and a campaign brings customers
// to the shop's second front. Rounds differ in the flood's kind, and every second one
// is over IPv6.
func buildDemo(s *Scenario) {
	buildOffice(s)
	from, _ := s.event()
	every := int64(DemoRound / time.Second)
	s.sources = append(s.sources, &encore{from: from, every: every, longest: keepAlive, play: s.demoPlay})
	for n := int64(0); from+n*every < s.end; n++ {
		s.demoTruth(n, from+n*every)
	}
}

// demoAssault is the flood of round n: SYN from addresses that are made up, or answers of
// name servers that nobody asked.
func (s *Scenario) demoAssault(n, from int64) (f *flood, vector string) {
	if n%3 == 1 {
		f, vector = dnsAnswers(n%2 == 1), "dns_amplification"
		f.rate, f.sources = 4*s.cfg.AttackRate, uint64(s.cfg.AttackSources)
	} else {
		f, vector = synFlood(n%2 == 1), "syn_flood"
		f.rate, f.sources, f.spoofed = s.cfg.AttackRate, uint64(s.cfg.AttackRate), true
	}
	f.from, f.to, f.crowded = from+demoFlood, from+demoFlood+demoTurn, true
	return f, vector
}

// demoThief is the workstation from which data leaves in round n.
func demoThief(n int64) flow.Addr { return workstation(exfilHost+int(n%2), n%2 == 1) }

// demoPlay is round n, which begins at a second.
func (s *Scenario) demoPlay(n, from int64) []source {
	v6 := n%2 == 1
	flood, _ := s.demoAssault(n, from)
	theft := newParcels(mix(s.gen.seed, uint64(n)), from+demoTheft, from+demoEnd)
	theft.client, theft.cif, theft.bytes = demoThief(n), ifOffice, s.cfg.AttackBytes
	theft.server = s.gen.net.stranger(kindAct, 1<<32|uint64(n), v6)
	return []source{
		flood,
		askers(demoRequests, demoBots, wave{flood.to, flood.to + demoTurn, 1, 1}, v6),
		theft,
		copying(workstation(demoCopier, false), recorder(), from+demoCopy, s.cfg.AttackBytes),
		portScan(workstation(scanner, v6), internal(10, 1, 10, v6), from+demoScan, from+demoScan+demoScanFor),
		newcomers(demoCrowd, wave{from + demoCampaign, from + demoEnd, 5, 5}),
	}
}

func (s *Scenario) demoTruth(n, from int64) {
	v6 := n%2 == 1
	f, vector := s.demoAssault(n, from)
	t := truthOf("ddos_attack", "ddos", vector, f.victim)
	t.Sources, t.Packets, t.Bytes, t.Note = int(f.sources), f.packets(), f.bytes(), "the first act on the shop"
	s.tell(t, f.from, f.to)
	t = truthOf("ddos_attack", "ddos", "http_flood", f.victim)
	t.Sources, t.Note = demoBots, "the same attack turns to requests that the shop answers"
	s.tell(t, f.to, f.to+demoTurn)
	t = truthOf("data_exfiltration", "exfiltration", "", demoThief(n))
	t.Bytes, t.Sources, t.Note = s.cfg.AttackBytes, 1, "in parcels, to an address that nobody ever talked to, port 443"
	s.tell(t, from+demoTheft, from+demoEnd)
	t = truthOf("baseline_anomaly", "volume", "", recorder())
	t.Bytes, t.Sources, t.Note = s.cfg.AttackBytes, 1, "a workstation copies what the camera recorded"
	s.tell(t, from+demoCopy, from+demoCopy+demoCopyFor)
	t = truthOf("reconnaissance", "port_scan", "", workstation(scanner, v6))
	t.Sources, t.Packets, t.Note = 1, demoProbes*demoScanFor, "a workstation tries the ports of the file server"
	s.tell(t, from+demoScan, from+demoScan+demoScanFor)
	for _, six := range []bool{false, true} {
		s.innocent(images(six), from+demoCampaign, from+demoEnd, "customers of a campaign; every connection completes")
	}
}

// newcomers are customers that a campaign brings to the shop's second front.
func newcomers(rate float64, w wave) *population {
	return &population{
		longest: keepAlive,
		event:   func(sec int64) float64 { return rate * w.at(sec) },
		session: func(g *generator, sec int64) {
			g.shopping(sec, true, func(v6 bool) flow.Addr { return g.net.stranger(kindCampaign, g.Uint64N(200_000), v6) })
		},
	}
}

// copying is a download of one file.
func copying(client, server flow.Addr, from int64, bytes uint64) *once {
	return &once{from, from + 1, demoCopyFor, func(g *generator, sec int64) {
		q := session{
			start: sec*1e9 + 2e6, duration: demoCopyFor*1e9 - 10e6, client: client, cport: g.port(), cif: ifOffice,
			server: server, sport: 445, sif: ifServers,
		}
		q.tcp(bytes/200, bytes)
		g.emit(&q)
	}}
}

// portScan tries one port of a host after the other; each is refused.
func portScan(who, victim flow.Addr, from, to int64) *once {
	return &once{from, to, 1, func(g *generator, sec int64) {
		for k := range int64(demoProbes) {
			q := session{
				start: g.moment(sec), client: who, cport: g.port(), server: victim,
				sport: uint16(1 + (sec-from)*demoProbes + k), cif: ifOffice, sif: ifServers,
			}
			q.fail(1, true)
			g.emit(&q)
		}
	}}
}

// parcels is an upload in many connections one after the other, as programs make it that
// fill a store of objects. Between them it pauses, so that it has no rhythm.
type parcels struct {
	client, server flow.Addr
	cif            uint32
	begin, length  []int64 // of each, Unix seconds and seconds
	bytes          uint64  // of all
}

func newParcels(seed uint64, from, to int64) *parcels {
	p := &parcels{}
	for k := uint64(0); from+parcelMost < to; k++ {
		lasts := parcelLeast + int64(mix(seed, k)%(parcelMost-parcelLeast))
		p.begin, p.length = append(p.begin, from), append(p.length, lasts)
		from += lasts + int64(mix(seed, k+1<<32)%3)
	}
	return p
}

// How long one connection of parcels takes, in seconds.
const parcelLeast, parcelMost = 2, 8

func (p *parcels) reach() int64 { return parcelMost + overhead }

func (p *parcels) second(g *generator, sec int64) {
	k, now := slices.BinarySearch(p.begin, sec)
	if !now {
		return
	}
	var all int64
	for _, n := range p.length {
		all += n
	}
	q := session{
		start: sec*1e9 + 3e6, duration: p.length[k]*1e9 - 10e6, client: p.client, cport: g.port(), cif: p.cif,
		server: p.server, sport: 443, sif: ifInternet,
	}
	q.tcp(p.bytes*uint64(p.length[k])/uint64(all), 4000)
	g.emit(&q)
}
