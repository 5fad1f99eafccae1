// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"

	"tidewatch/flow"
)

// asleep is the level of a rhythm below which a device that is switched off at
// night is off.
const asleep = 0.08

// fleetDevice is one address of the fleet.
type fleetDevice struct {
	role         int
	addr         flow.Addr
	key          uint64  // of its own chance
	base         float64 // bytes in an hour at curve 1
	shift        float64 // hours by which its day is later than its role's
	drift        float64 // growth of its logarithm, per day
	since, until int64   // Unix seconds: it exists in [since,until)
	awayFrom     int64   // its user's holidays, in days [awayFrom,awayTo)
	awayTo       int64
	boss         int32   // workstations: file server; cameras: recorder
	sleeps       bool    // off at night
	books        bool    // busier at month end
	backup       float64 // bytes that it sends to outside in an ordinary night
	weekdays     bool    // no backup at weekends
	full         bool    // four times as much on Saturdays
	planned      bool    // an injection is about it
}

func (d *fleetDevice) here(sec int64) bool { return sec >= d.since && sec < d.until }

// trait is a number in [0,1) that belongs to the device.
func (d *fleetDevice) trait(n uint64) float64 { return unit(mix(d.key, 1<<50|n)) }

// off reports whether nobody is at the device on a day: holidays, or one of ten days.
func (d *fleetDevice) off(day int64) bool {
	if d.role != roleWorkstation {
		return false
	}
	return day >= d.awayFrom && day < d.awayTo || mix(d.key, 1<<51|uint64(day))%100 < absentPercent
}

// populate makes the devices, by role.
func (f *fleet) populate(cfg *Config) {
	n := cfg.Devices
	for role := range f.roles {
		count := max(2, int(math.Round(f.roles[role].share*float64(n))))
		if role == roleWorkstation { // what rounding left over
			count = n
			for other := range f.roles {
				if other != role {
					count -= max(2, int(math.Round(f.roles[other].share*float64(n))))
				}
			}
		}
		for range count {
			f.add(role)
		}
	}
	for i := range f.devices {
		f.assign(&f.devices[i])
		at := i * 7 % turn // neighbours do not act together
		f.due[at] = append(f.due[at], int32(i))
	}
}

func (f *fleet) add(role int) {
	i := len(f.devices)
	d := fleetDevice{role: role, key: mix(f.seed, 1<<32|uint64(i)), since: math.MinInt64, until: math.MaxInt64}
	r := &f.roles[role]
	v6 := d.trait(0) < r.six
	if role == roleFile { // both families have one
		v6 = len(f.byRole[role])%2 == 1
	}
	d.addr = internal(fleetNet, byte(1+i/250), byte(1+i%250), v6)
	d.base = r.median * math.Exp(r.spread*normalOf(mix(d.key, 1<<50|1)))
	d.drift = 0.003 * normalOf(mix(d.key, 1<<50|2))
	d.books = d.trait(3) < r.books
	if role == roleWorkstation || role == rolePrinter {
		d.sleeps = role == rolePrinter || d.trait(4) < 0.6
		d.shift = 0.7 * normalOf(mix(d.key, 1<<50|5))
		d.shift = max(-2, min(2, d.shift))
	}
	f.comeAndGo(&d, r)
	f.vacation(&d)
	f.backups(&d)
	f.byRole[role] = append(f.byRole[role], int32(i))
	f.devices = append(f.devices, d)
}

// comeAndGo lets a share of the devices begin within the run, or end in it.
func (f *fleet) comeAndGo(d *fleetDevice, r *fleetRole) {
	if d.trait(6) >= r.moves {
		return
	}
	at := f.first + int64(d.trait(7)*float64(f.end-f.first))
	if d.trait(8) < 0.5 {
		d.since = at
	} else {
		d.until = at
	}
}

// vacation sends a user away for one or two weeks, as often as people go.
func (f *fleet) vacation(d *fleetDevice) {
	if d.role != roleWorkstation {
		return
	}
	days := (f.end - f.first) / 86400
	if d.trait(9) >= float64(days)/230 {
		return
	}
	d.awayFrom = f.firstDay + int64(d.trait(10)*float64(days))
	d.awayTo = d.awayFrom + 7 + 7*int64(2*d.trait(11))
}

// backups chooses the servers that send a backup to a cloud outside: web and
// application servers one in three, each by its own plan.
func (f *fleet) backups(d *fleetDevice) {
	if d.role > roleApplication || d.trait(12) >= 1.0/3 {
		return
	}
	d.backup = 8e9 * math.Exp(1.0*normalOf(mix(d.key, 1<<50|13)))
	d.weekdays, d.full = d.trait(14) < 0.5, d.trait(15) < 0.5
	if d.full {
		d.weekdays = false
	}
}

// assign gives workstations a file server of their family and cameras a recorder.
func (f *fleet) assign(d *fleetDevice) {
	choose := func(role int, fits func(*fleetDevice) bool) {
		list := f.byRole[role]
		at := int(mix(d.key, 1<<50|16) % uint64(len(list)))
		for k := range list {
			if i := list[(at+k)%len(list)]; fits(&f.devices[i]) {
				d.boss = i
				return
			}
		}
	}
	switch d.role {
	case roleWorkstation:
		choose(roleFile, func(o *fleetDevice) bool { return o.addr.Is4() == d.addr.Is4() })
	case roleCamera:
		choose(roleRecorder, func(*fleetDevice) bool { return true })
	}
}
