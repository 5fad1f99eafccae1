// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"

	"tidewatch/flow"
)

// job is something larger that a device does from one moment to another:
// backups, updates, large files.
type job struct {
	from, to int64 // Unix seconds
	bytes    float64
	sends    bool
	server   flow.Addr
	port     uint16
}

// jobs gives the device's jobs their part of this turn.
func (f *fleet) jobs(g *generator, d *fleetDevice, sec int64) {
	switch d.role {
	case roleWeb, roleApplication:
		f.backup(g, d, sec)
		f.patch(g, d, sec)
	case roleWorkstation:
		f.update(g, d, sec)
		f.bulk(g, d, sec)
	case roleIoT:
		f.firmware(g, d, sec)
	default: // the others have none
	}
}

// part emits what falls into [sec, sec+turn) of a job, as one connection.
func (f *fleet) part(g *generator, d *fleetDevice, sec int64, j *job) {
	from, to := max(sec, j.from), min(sec+turn, j.to)
	if from >= to {
		return
	}
	bytes := uint64(j.bytes * float64(to-from) / float64(j.to-j.from))
	s := client(d, from*1e9, j.server, j.port)
	s.cport, s.duration = g.port(), (to-from)*1e9-1e6
	if j.sends {
		s.tcp(bytes, bytes/500)
	} else {
		s.tcp(bytes/500, bytes)
	}
	g.emit(&s)
}

// clock is second number n of the local day of sec, in Unix seconds.
func clock(g *generator, day, n int64) int64 { return day*86400 - g.offset + n }

// backup goes to one address outside at about the same time every night: the
// day's change, on Saturdays everything with those that do so.
func (f *fleet) backup(g *generator, d *fleetDevice, sec int64) {
	day, weekday, hour := g.local(sec)
	if d.backup == 0 || hour > 8 || d.weekdays && (weekday == 0 || weekday == 6) {
		return
	}
	begin := int64(3600*(0.5+3*d.trait(20))) + int64(mix(d.key, 30<<32|uint64(day))%600)
	lasts := 1200 + int64(6000*d.trait(21))
	j := job{
		from: clock(g, day, begin), bytes: d.backup * math.Exp(0.25*normalOf(mix(d.key, 31<<32|uint64(day)))),
		sends: true, server: g.net.stranger(kindBackup, mix(d.key, 6), !d.addr.Is4()), port: 443,
	}
	if d.full && weekday == 6 {
		j.bytes, lasts = 4*j.bytes, 2*lasts
	}
	j.to = j.from + lasts
	f.part(g, d, sec, &j)
}

// vendor is where software comes from: the same few addresses for all.
func (f *fleet) vendor(g *generator, d *fleetDevice, n uint64) flow.Addr {
	return g.net.stranger(kindVendor, n, !d.addr.Is4())
}

// update fetches software on a workstation while its user works: much on the
// second Tuesday of a month, a little on one day in twenty.
func (f *fleet) update(g *generator, d *fleetDevice, sec int64) {
	day, _, hour := g.local(sec)
	t := f.dayOf(day)
	if !t.update && !t.small || hour < 7 || d.off(day) || !f.working(day) || t.holiday {
		return
	}
	j := job{bytes: 0.15e9, server: f.vendor(g, d, uint64(day)%4), port: 443}
	if t.update {
		j.bytes = 0.8e9
	}
	j.bytes *= math.Exp(0.3 * normalOf(mix(d.key, 32<<32|uint64(day))))
	j.from = clock(g, day, 8*3600+int64(mix(d.key, 33<<32|uint64(day))%(7*3600)))
	j.to = j.from + 1500
	f.part(g, d, sec, &j)
}

// patch does the same for servers, in the night after the second Tuesday.
func (f *fleet) patch(g *generator, d *fleetDevice, sec int64) {
	day, weekday, hour := g.local(sec)
	if weekday != 3 || hour > 6 || !f.dayOf(day-1).update {
		return
	}
	j := job{bytes: 0.6e9 * math.Exp(0.3*normalOf(mix(d.key, 34<<32|uint64(day)))), server: f.vendor(g, d, 5), port: 443}
	j.from = clock(g, day, 2*3600+int64(7000*d.trait(22)))
	j.to = j.from + 900
	f.part(g, d, sec, &j)
}

// firmware reaches all IoT devices of a maker in one night in forty.
func (f *fleet) firmware(g *generator, d *fleetDevice, sec int64) {
	day, _, hour := g.local(sec)
	if hour > 5 || !f.flashes(d, day) {
		return
	}
	j := job{bytes: 60e6 + 90e6*unit(mix(f.seed, mix(d.key, 5)%fleetMakers)), server: f.maker(g, d), port: 443}
	j.from = clock(g, day, 3*3600+int64(1800*d.trait(23)))
	j.to = j.from + 600
	f.part(g, d, sec, &j)
}

// flashes reports whether the device's maker brings new firmware on a day.
func (f *fleet) flashes(d *fleetDevice, day int64) bool {
	return d.role == roleIoT && mix(mix(f.seed, mix(d.key, 5)%fleetMakers), 35<<32|uint64(day))%40 == 0
}

// bulk is a large file: on one working day in twenty a user downloads some
// gigabytes, on one in eighty uploads some to the cloud store used every day.
func (f *fleet) bulk(g *generator, d *fleetDevice, sec int64) {
	day, _, hour := g.local(sec)
	if hour < 8 || d.off(day) || !f.working(day) || f.dayOf(day).holiday {
		return
	}
	h := mix(d.key, 36<<32|uint64(day))
	if h%20 != 0 {
		return
	}
	u := unit(mix(h, 1))
	j := job{bytes: min(0.4e9*math.Pow(1-u, -1/1.2), 8e9), port: 443, server: g.net.stranger(kindSite, h%50, !d.addr.Is4())}
	if h>>20%4 == 0 {
		j.sends, j.bytes, j.server = true, j.bytes/3, f.store(g, d)
	}
	j.from = clock(g, day, int64(9*3600+7.5*3600*unit(mix(h, 2))))
	j.to = j.from + 300 + int64(j.bytes/5e6)
	f.part(g, d, sec, &j)
}
