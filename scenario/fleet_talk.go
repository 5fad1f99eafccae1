// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"

	"tidewatch/flow"
)

// Who the fleet talks to outside.
const (
	fleetSites    = 4000 // web sites that anybody visits
	fleetPartners = 20   // peers of an application server
	fleetMakers   = 8    // makers of IoT devices
	fleetStores   = 3    // cloud stores that workstations sync with
)

// session is one connection of a device that carries about so many bytes.
func (f *fleet) session(g *generator, d *fleetDevice, start int64, bytes float64) {
	var s session
	in := f.roles[d.role].in // share that the device receives
	switch d.role {
	case roleWeb, roleApplication:
		s = f.served(g, d, start)
	case roleWorkstation:
		s, in = f.desk(g, d, start)
	case rolePrinter:
		ws := f.colleague(g, d, start)
		if ws == nil {
			return
		}
		s = session{start: start, client: ws.addr, cif: ifOffice, server: d.addr, sport: 9100, sif: ifOffice}
	case roleGateway:
		s = client(d, start, g.net.stranger(kindSite, uint64(g.skewed(fleetSites)), !d.addr.Is4()), 443)
	case roleIoT:
		s = client(d, start, f.maker(g, d), 8883)
	default: // file servers and recorders by themselves: their maker's cloud
		s = client(d, start, g.net.stranger(kindFleetStore, mix(d.key, 3)%fleetStores, !d.addr.Is4()), 443)
	}
	s.cport = g.port()
	in = 1 - (1-in)*math.Exp(0.2*g.NormFloat64()) // no two sessions have the same mix
	in = max(0.002, min(in, 0.998))
	down, up := uint64(in*bytes), uint64((1-in)*bytes)
	if s.server == d.addr {
		up, down = down, up
	}
	s.duration = f.lasts(g, bytes)
	switch p := g.IntN(1000); {
	case p < 8 && d.role != rolePrinter:
		s.fail(1+uint64(p&1), p < 3)
	case p < 200 && s.sport == 443:
		s.udp(4+up/1200+down/4000, up, 4+down/1200+up/4000, down)
	default:
		s.tcp(up, down)
	}
	g.emit(&s)
}

// lasts is how long a connection takes for its bytes, at 2 MB/s or so.
func (f *fleet) lasts(g *generator, bytes float64) int64 {
	seconds := 0.2 + bytes/2e6*math.Exp(0.8*g.NormFloat64())
	return int64(min(seconds, longestTalk) * 1e9)
}

// served is what servers do: a customer comes, a partner calls, or is called.
func (f *fleet) served(g *generator, d *fleetDevice, start int64) session {
	v6 := !d.addr.Is4()
	if d.role == roleWeb {
		return session{start: start, client: g.customer(v6), cif: ifInternet, server: d.addr, sport: 443, sif: ifShop}
	}
	partner := g.net.stranger(kindPartner, mix(d.key, uint64(g.skewed(fleetPartners)))%1000, v6)
	if g.IntN(2) == 0 {
		return session{start: start, client: partner, cif: ifInternet, server: d.addr, sport: 443, sif: ifServers}
	}
	return client(d, start, partner, 443)
}

// desk is what a user does: files of the own file server, the cloud store, or
// the web, and there most often a favourite.
func (f *fleet) desk(g *generator, d *fleetDevice, start int64) (s session, in float64) {
	v6 := !d.addr.Is4()
	site := uint64(g.skewed(fleetSites))
	switch p := g.IntN(100); {
	case p < 25:
		s = session{start: start, client: d.addr, cif: ifOffice, server: f.devices[d.boss].addr, sport: 445, sif: ifServers}
		return s, 0.6
	case p < 29:
		return client(d, start, f.store(g, d), 443), 0.1
	case p < 80:
		site = mix(d.key, uint64(g.skewed(favourites))) % fleetSites
	case p < 83:
		site = fleetSites + g.Uint64N(1<<30)
	}
	return client(d, start, g.net.stranger(kindSite, site, v6), 443), 0.92
}

func (f *fleet) store(g *generator, d *fleetDevice) flow.Addr {
	return g.net.stranger(kindFleetStore, mix(d.key, 4)%fleetStores, !d.addr.Is4())
}

func (f *fleet) maker(g *generator, d *fleetDevice) flow.Addr {
	return g.net.stranger(kindMaker, mix(d.key, 5)%fleetMakers, !d.addr.Is4())
}

// colleague is a workstation of the printer's department that is there.
func (f *fleet) colleague(g *generator, d *fleetDevice, start int64) *fleetDevice {
	all := f.byRole[roleWorkstation]
	day, _, _ := g.local(start / 1e9)
	for range 8 {
		ws := &f.devices[all[mix(d.key, g.Uint64N(24))%uint64(len(all))]]
		if ws.addr.Is4() == d.addr.Is4() && ws.here(start/1e9) && !ws.off(day) {
			return ws
		}
	}
	return nil
}

// stream is a camera's picture: one flow to its recorder from turn to turn.
func (f *fleet) stream(g *generator, d *fleetDevice, sec int64, bytes float64) {
	s := session{
		start: sec * 1e9, duration: turn*1e9 - 1e6, client: d.addr, cport: 50_004, cif: ifOffice,
		server: f.devices[d.boss].addr, sport: 50_004, sif: ifServers,
	}
	payload := uint64(bytes * math.Exp(0.03*g.NormFloat64()))
	s.udp(1+payload/1300, payload, 0, 0)
	g.emit(&s)
	if mix(d.key, uint64(sec/turn))%12 == 0 { // it tells its maker that it lives
		s = client(d, g.moment(sec), f.maker(g, d), 443)
		s.cport, s.duration = g.port(), g.duration(0.5, 3)
		s.tcp(900+g.Uint64N(300), 1500)
		g.emit(&s)
	}
}
