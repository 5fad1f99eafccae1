// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"cmp"
	"math"
	"slices"

	"tidewatch/flow"
)

const (
	ledgerHosts    = 16 // destinations of a device with an account
	ledgerNetworks = 32 // networks of destinations
	ledgerMost     = 64 // likewise, when 32 of them come back
	heavyPart      = 16 // a network with such a part of all never gives way
	steadyFor      = 14 // days for which one that got something on two days stays
	ledgerGrows    = 4  // accounts for which room is made at a time

	dripUnit  = 1e6  // bytes a day below which differences do not matter
	dripFloor = 0.69 // log1p of one unit: the least allowance, so that 1 MB a day is nothing
	// dripCeil is the highest allowance, 6.4 MB a day: 10 MB a day rises by 0.4 a day
	// even above that, whatever a device usually gives to new networks.
	dripCeil = 2.0
	// Watched is where an account begins to be of interest: half of what alarms.
	Watched   = 6.0
	excessMax = 24.0 // so that a drip that ended is over within some weeks
	settling  = 7    // days of a device after which a network is new to it
)

// DeviceLedger is what one device gave to whom.
type DeviceLedger struct {
	first    uint16 // site day
	day      uint16 // the open one
	active   uint16 // days on which it gave anything to anyone
	total    Account
	hosts    []Account
	networks []Account
	usual    habitTrend // log of the units that a new network gets on its first day
	lost     float32    // bytes of networks that gave way to others
	passers  *passers   // which did, when any
}

// Days are the site days since 1970 since when it is kept, and the open one, and how
// many had any bytes.
func (d *DeviceLedger) Days() (first, open uint16, active int) { return d.first, d.day, int(d.active) }

// Total is the account of all destinations together.
func (d *DeviceLedger) Total() *Account { return &d.total }

// Hosts are the accounts of the heaviest destinations, in no order.
func (d *DeviceLedger) Hosts() []Account { return d.hosts }

// Networks are the accounts of networks of destinations, in no order.
func (d *DeviceLedger) Networks() []Account { return d.networks }

// Lost is how many bytes went to networks that have no account any more.
func (d *DeviceLedger) Lost() float64 { return float64(d.lost) }

// Allowance is how many bytes a day the device may give to a new network for ever.
func (d *DeviceLedger) Allowance() float64 { return dripUnit * math.Expm1(d.allowance()) }

func (d *DeviceLedger) allowance() float64 {
	if d.usual.n < trendFew {
		return dripFloor
	}
	spread := math.Sqrt(float64(d.usual.vari))
	return min(max(float64(d.usual.mean)+spread/2, dripFloor), dripCeil)
}

// Share is on which share of its device's active days the account got something,
// since it is known; the open day is left out.
func (d *DeviceLedger) Share(a *Account) float64 {
	return min(1, float64(a.fed)/max(1, float64(d.active)-float64(a.since)-1))
}

// give books what the device gave to one destination in an hour of the open day.
func (d *DeviceLedger) give(addr, network flow.Addr, bytes float32, hour, service uint32) (displaced bool) {
	d.total.add(bytes, d.day, hour, service)
	host, _ := d.account(&d.hosts, ledgerHosts, addr, d.lightest)
	host.add(bytes, d.day, hour, service)
	net, lost := d.network(network)
	net.add(bytes, d.day, hour, service)
	d.lost += lost
	return lost > 0
}

// network finds or opens the account of a network. When the list is full, more room is made
// for as long as all in it come back, and who gives way is known again on the next
// day: so a network that gets something every day has an account from the second day on,
// however many strangers there are between.
func (d *DeviceLedger) network(key flow.Addr) (a *Account, lost float32) {
	most := ledgerNetworks
	if n := len(d.networks); n >= ledgerNetworks && n < ledgerMost {
		if _, all := d.passing(); all {
			most = n + 1
		}
	}
	most = max(most, len(d.networks))
	leaves := Account{}
	a, lost = d.account(&d.networks, most, key, func() int {
		i, _ := d.passing()
		leaves = d.networks[i]
		return i
	})
	if lost > 0 {
		if d.passers == nil {
			d.passers = new(passers)
		}
		if d.passers.returns(&key) {
			a.fed = 1
		}
		d.passers.leave(&leaves, d.day)
	}
	return a, lost
}

// account finds an account, or opens one; in a full list the one that victim names
// gives way, and what it had is lost.
func (d *DeviceLedger) account(list *[]Account, most int, key flow.Addr, victim func() int) (a *Account, lost float32) {
	for i := range *list {
		if a := &(*list)[i]; a.Key == key {
			return a, 0
		}
	}
	fresh := Account{Key: key, first: d.day, since: d.active - min(d.active, 1)}
	if len(*list) < most {
		if len(*list) == cap(*list) {
			*list = append(make([]Account, 0, min(len(*list)+ledgerGrows, most)), *list...)
		}
		*list = append(*list, fresh)
		return &(*list)[len(*list)-1], 0
	}
	a = &(*list)[victim()]
	lost = max(a.weight-a.over, 1)
	if most == ledgerHosts {
		fresh.weight, fresh.over = a.weight, a.weight
	}
	*a = fresh
	return a, lost
}

// lightest is the destination that gives way: whichever has more than a share of 1/16
// of all that was given is in the list (Space-Saving, Metwally et al. 2005).
func (d *DeviceLedger) lightest() int { return lightest(d.hosts) }

func lightest(list []Account) (low int) {
	for i := range list {
		if list[i].weight < list[low].weight {
			low = i
		}
	}
	return low
}

// passing is the network that gives way. One with a sixteenth of all stays, and so does
// one that got something on two days, lately: what comes back is what a drip looks
// like, however light. Of the others it is the one not heard of for longest, or, when all
// of them are of today and yesterday, the lightest. When all of the list stay, the
// lightest of all would go.
func (d *DeviceLedger) passing() (at int, all bool) {
	heavy := d.total.weight / heavyPart
	old, light := -1, -1
	for i := range d.networks {
		a := &d.networks[i]
		days := int(a.fed)
		if a.today >= fedBytes {
			days++
		}
		if a.weight >= heavy || days >= 2 && int(a.last)+steadyFor >= int(d.day) {
			continue
		}
		if old < 0 || a.hour < d.networks[old].hour {
			old = i
		}
		if light < 0 || a.weight < d.networks[light].weight {
			light = i
		}
	}
	switch {
	case old < 0:
		return lightest(d.networks), true
	case int(d.networks[old].last)+2 <= int(d.day):
		return old, false
	}
	return light, false
}

// turn ends the open day: every account is tested, and what came on that day
// becomes a part of what is usual. It reports whether any is watched.
//
// The test is a CUSUM (Page 1954) of the logs of daily units over the allowance. Days
// on which the device gave nothing to anyone are no days: weekends count neither way.
func (d *DeviceLedger) turn(day uint16) (watched bool) {
	allowance, gone := d.allowance(), int(day)-int(d.day)
	for i := range d.networks {
		a := &d.networks[i]
		x := math.Log1p(float64(a.today) / dripUnit)
		a.excess = float32(max(0, min(excessMax, float64(a.excess)+x-allowance)))
		if a.today >= fedBytes {
			a.rise.day(x)
		}
		watched = watched || a.watched()
		if a.first == d.day && int(d.day)-int(d.first) > settling {
			d.usual.learn(x) // once of each network, so that a drip moves little
		}
		a.close(d.day, gone)
	}
	for i := range d.hosts {
		d.hosts[i].close(d.day, gone)
	}
	d.total.close(d.day, gone)
	d.passers.turn()
	d.day = day
	d.active += 1 - d.active/math.MaxUint16
	return watched
}

// HostsOf appends the accounts of the destinations in a network, heaviest of half a year first.
func (d *DeviceLedger) HostsOf(network flow.Addr, out []*Account) []*Account {
	at := len(out)
	for i := range d.hosts {
		if flow.NetworkOf(d.hosts[i].Key) == network {
			out = append(out, &d.hosts[i])
		}
	}
	slices.SortFunc(out[at:], func(a, b *Account) int {
		return cmp.Or(cmp.Compare(b.Sum(d.day, halfYear), a.Sum(d.day, halfYear)), slices.Compare(a.Key[:], b.Key[:]))
	})
	return out
}
