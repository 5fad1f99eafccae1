// SPDX-License-Identifier: Apache-2.0

package scenario

import "tidewatch/flow"

// machines is what goes on at all hours by itself.
func machines(scale float64) []*population {
	list := []*population{
		{rate: 0.04, longest: 1, session: askTime},
		{rate: 0.08, longest: 5, session: watchOver},
		{rate: 0.05, longest: 2, session: knock},
		{rate: 0.02, longest: 300, session: update},
	}
	for i, p := range list {
		p.id, p.natural, p.rate = uint64(200+i), true, p.rate*scale
	}
	return list
}

func askTime(g *generator, sec int64) {
	own := []flow.Addr{fileServer(), backupServer(), mailServer(), camera(), shop(false)}
	s := session{
		start: g.moment(sec), duration: g.duration(0.03, 1), client: own[g.IntN(len(own))], cport: 123, cif: ifServers,
		server: g.net.stranger(kindTime, g.Uint64N(4), false), sport: 123, sif: ifInternet,
	}
	s.udp(1, 48, 1, 48)
	g.emit(&s)
}

// watchOver is the monitor's ping.
func watchOver(g *generator, sec int64) {
	v6 := g.IntN(4) == 0
	targets := []flow.Addr{nameServer(v6), shop(v6), images(v6), workstation(0, v6)}
	s := session{
		start: g.moment(sec), duration: 4e9, client: monitor(), server: targets[g.IntN(len(targets))],
		proto: flow.ProtoICMP, cif: ifServers, sif: ifServers,
		up: side{packets: 5, bytes: 420}, down: side{packets: 5, bytes: 420},
	}
	if v6 {
		s.client, s.proto = internal(10, 1, 30, true), flow.ProtoICMPv6
		s.up.bytes, s.down.bytes = 520, 520
	}
	g.emit(&s)
}

// knock is the noise of the Internet: one SYN to whatever answers there, from
// somewhere, and half of the times a refusal.
func knock(g *generator, sec int64) {
	ports := []uint16{22, 23, 445, 3389, 5060, 8080, 8443}
	own := []flow.Addr{shop(false), images(false), mailServer(), vpnGateway()}
	s := session{
		start: g.moment(sec), client: public(g.Uint64(), false), cport: g.port(), cif: ifInternet,
		server: own[g.IntN(len(own))], sport: ports[g.IntN(len(ports))], sif: ifShop,
	}
	s.fail(1, g.IntN(2) == 0)
	g.emit(&s)
}

// update is software fetched at any hour by any machine that is on.
func update(g *generator, sec int64) {
	s := session{
		start: g.moment(sec), duration: g.duration(30, 300), client: workstation(g.IntN(workstations), false), cport: g.port(), cif: ifOffice,
		server: g.net.stranger(kindSite, 5+g.Uint64N(3), false), sport: 443, sif: ifInternet,
	}
	s.tcp(g.size(3000, 0.5), g.size(1_500_000, 1.5))
	g.emit(&s)
}

// surveillance is the camera: a stream to the recorder without end, and a
// report to its maker every five minutes, day and night.
type surveillance struct{}

func (surveillance) reach() int64 { return activeTimeout + overhead }

func (surveillance) second(g *generator, sec int64) {
	if sec%activeTimeout == 17 {
		g.piece(&flow.Record{
			Src: camera(), Dst: recorder(), SrcPort: 50_004, DstPort: 50_004, Proto: flow.ProtoUDP,
			Start: sec * 1e9, End: (sec + activeTimeout) * 1e9, InIf: ifOffice, OutIf: ifServers,
			Packets: 10_800 + g.Uint64N(600), Bytes: 14_500_000 + g.Uint64N(800_000),
		})
	}
	if sec%300 == 42 {
		s := session{
			start: g.moment(sec), duration: g.duration(0.5, 3), client: camera(), cport: g.port(), cif: ifOffice,
			server: cameraCloud(), sport: 443, sif: ifInternet,
		}
		s.tcp(900+g.Uint64N(300), 1500)
		g.emit(&s)
	}
}

// piece exports one record that the active timeout cut at its End.
func (g *generator) piece(r *flow.Record) {
	at := r.End/1e9 + 1
	if p := g.calendar.add(at); p != nil {
		*p = *r
		p.Received, p.Sampling = at*1e9, 1
		p.SrcAS, p.DstAS = asOf(&p.Src), asOf(&p.Dst)
	}
}

// nightly is the backup: at one the servers are copied to the backup server, at
// two that sends the day's change to a fixed address in the cloud. It happens
// every night and is no theft.
type nightly struct{}

const (
	collectHour   = 1
	uploadHour    = 2
	uploadMinutes = 40
	uploadMedian  = 4e9 // bytes
	collectMedian = 5e9
)

func (nightly) reach() int64 { return 60*(uploadMinutes+5) + overhead }

func (nightly) second(g *generator, sec int64) {
	day, _, _ := g.local(sec)
	second := sec + g.offset - day*86400
	k := mix(g.net.seed, 0xbacc<<32|uint64(day))
	delay := int64(k % 180) // the job does not start on the second
	size := 1 + 0.1*normalOf(k)
	s := session{start: sec * 1e9, cport: uint16(40_000 + k%20_000), cif: ifServers}
	switch second - delay {
	case collectHour * 3600:
		s.client, s.server, s.sport, s.sif, s.duration = backupServer(), fileServer(), 445, ifServers, 1200e9
		s.tcp(2e6, uint64(collectMedian*size))
	case uploadHour * 3600:
		s.client, s.server, s.sport, s.sif = backupServer(), backupCloud(), 443, ifInternet
		s.duration = uploadMinutes * 60e9
		s.tcp(uint64(uploadMedian*size), 3e6)
	default:
		return
	}
	g.emit(&s)
}
