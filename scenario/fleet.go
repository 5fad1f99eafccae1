// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"
	"net/netip"
	"time"

	"tidewatch/flow"
)

// The fleet's clock: every device acts once in five minutes, at a second of its
// own, and draws then all that it begins until its next turn.
const (
	turn        = 300 // seconds
	longestTalk = 900 // seconds that one connection of the fleet lasts at most
	minFleet    = 100 // fewer devices have not all roles
	maxFleet    = 50_000
	fleetNet    = 30 // 10.30.0.0/16 and fd10:1e::/32
)

// Device is one address of the fleet, for who wants to count device-weeks or to
// say which role alarms.
type Device struct {
	Addr         netip.Addr
	Role         string
	Since, Until time.Time // it is there in [Since,Until), holidays of its user included
	Backup       bool      // it sends a backup to outside in some nights
}

// Occasion is a stretch of time in which the fleet, or one device of it, behaves
// oddly and has reason to.
type Occasion struct {
	Name       string
	Subject    netip.Addr // of the device; not valid when it is the whole site
	Start, End time.Time
}

// fleet is a network of many devices with few and heavy flows: months of it are
// cheap, and its volumes are as hard to learn as those of real networks. Volumes
// of a device are a product: its own size (log-normal within its role), the
// rhythm of its role, what the day is like for the site, for the role and for
// itself, and at last flow sizes of a bounded Pareto distribution.
type fleet struct {
	seed       uint64
	first, end int64
	firstDay   int64
	devices    []fleetDevice
	byRole     [numRoles][]int32
	due        [turn][]int32 // devices by the second of their turn
	roles      [numRoles]fleetRole
	today      fleetDay // of the day asked for last
	plans      []plan   // injections, by their start
}

func buildFleet(s *Scenario) {
	f := &fleet{seed: mix(s.gen.seed, 0xf1ee7), first: s.first, end: s.end, roles: fleetRoles()}
	s.gen.tick(s.first)
	f.firstDay, _, _ = s.gen.local(s.first)
	f.populate(&s.cfg)
	f.inject(s)
	s.fleet = f
	s.sources = append(s.sources, f)
}

func (f *fleet) reach() int64 { return turn + longestTalk + overhead }

// second gives their turn to the devices that have it now. Each draws from a
// seed of its own, so that an injection changes nothing for the others.
func (f *fleet) second(g *generator, sec int64) {
	at := ((sec % turn) + turn) % turn
	for _, i := range f.due[at] {
		d := &f.devices[i]
		if !d.here(sec) {
			continue
		}
		g.pcg.Seed(d.key, mix(f.seed, uint64(sec)))
		f.talk(g, d, sec)
		f.jobs(g, d, sec)
		f.attack(g, i, sec)
	}
}

// talk is the device's ordinary traffic until its next turn.
func (f *fleet) talk(g *generator, d *fleetDevice, sec int64) {
	x := f.rhythm(g, d, sec)
	if x == 0 {
		return
	}
	role := &f.roles[d.role]
	crowd := f.crowd(d, sec)
	volume := d.base / (3600 / turn) * x * crowd * math.Exp(f.mood(g, d, sec))
	if role.tail == 0 { // a stream without end
		f.stream(g, d, sec, volume)
		return
	}
	mean := role.flows * math.Sqrt(x) * crowd
	for range g.count(mean, math.Exp(-mean)) {
		f.session(g, d, g.moment(sec)+g.Int64N(turn)*1e9, volume/mean*g.pareto(role.tail))
	}
}

// rhythm is how active the device's role is at a moment: 1 at its busiest hour.
func (f *fleet) rhythm(g *generator, d *fleetDevice, sec int64) float64 {
	day, weekday, hour := g.local(sec)
	today := f.dayOf(day)
	if today.holiday {
		weekday = 0
	}
	if hour -= d.shift; hour < 0 {
		hour += 24
	}
	if hour >= 24 {
		hour -= 24
	}
	x := f.roles[d.role].curve.at(weekday, hour)
	if d.off(day) {
		x = 0
	}
	if d.sleeps && x < asleep {
		return 0
	}
	role := &f.roles[d.role]
	if weekday == 1 && hour >= 8 && hour < 10 {
		x *= role.monday
	}
	if today.monthEnd && d.books {
		x *= role.monthEnd
	}
	return x
}

// mood is the logarithm of how unusual the moment is for a device: the day of
// the site, of its role and its own, its own hour, and how it grows.
func (f *fleet) mood(g *generator, d *fleetDevice, sec int64) float64 {
	day, _, hour := g.local(sec)
	today := f.dayOf(day)
	role := &f.roles[d.role]
	own := normalOf(mix(d.key, uint64(day)))
	quick := normalOf(mix(d.key, uint64(day)*24+uint64(hour)+1<<40))
	return today.site + today.roles[d.role]*role.dayTogether + own*role.dayAlone + quick*role.hour +
		d.drift*float64(day-f.firstDay)
}

// pareto draws a factor of mean 1 from a Pareto distribution cut at paretoSpan
// times its least value: most flows are small, and few carry most bytes.
// (Inverse of the bounded distribution function.)
func (d *draw) pareto(alpha float64) float64 {
	cut := math.Pow(paretoSpan, -alpha)
	mean := alpha / (alpha - 1) * (1 - math.Pow(paretoSpan, 1-alpha)) / (1 - cut)
	return math.Pow(1-d.Float64()*(1-cut), -1/alpha) / mean
}

const paretoSpan = 1000

// Devices lists the devices of a fleet by address; nil for other scenarios.
func (s *Scenario) Devices() []Device {
	if s.fleet == nil {
		return nil
	}
	out := make([]Device, len(s.fleet.devices))
	for i := range out {
		d := &s.fleet.devices[i]
		out[i] = Device{
			Addr: d.addr.Netip(), Role: s.fleet.roles[d.role].name, Backup: d.backup > 0,
			Since: time.Unix(max(d.since, s.first), 0).In(s.cfg.Zone), Until: time.Unix(min(d.until, s.end), 0).In(s.cfg.Zone),
		}
	}
	return out
}

// client starts a connection of the device to a server elsewhere.
func client(d *fleetDevice, start int64, server flow.Addr, port uint16) session {
	return session{start: start, client: d.addr, cif: ifOffice, server: server, sport: port, sif: ifInternet}
}
