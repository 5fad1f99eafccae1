// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"tidewatch/flow"
	"tidewatch/window"
)

const (
	// returned is the part of what a device receives from a destination that it may send
	// there without giving anything away: bare acknowledgements come to a thirtieth of
	// full packets, and the requests of a browser to a tenth of what it gets.
	returned = 8
	halfYear = 180
	// ledgerStale is after how many days without bytes a device makes room for a new one.
	ledgerStale = halfYear
)

// LedgerConfig bounds a Ledger.
type LedgerConfig struct {
	MaxDevices int            // about 2.3 KiB each, 11 KiB at most
	Zone       *time.Location // days are the site's
}

// Ledger keeps how many bytes each device of one shard gave to whom outside, over an
// hour to half a year, in bounded memory: accounts of the 16 heaviest destinations of
// each device, of the 32 networks of destinations (/24, /48 in IPv6) that are heavy or
// come back (64 when all of them do), and of all together. What gives way is counted, see DeviceLedger.Lost and
// Counts.
//
// A device gives what it sends less an eighth of what it receives from the same
// destination in the same hour. It is fed the peers of an hour, which are sampled by
// bytes (window.Contacts): a sum of B bytes noted in grains of g is known to about
// the root of B*g.
type Ledger struct {
	cfg       LedgerConfig
	devices   map[flow.Addr]*DeviceLedger
	watched   map[flow.Addr]bool // devices with an account to look at
	users     map[flow.Addr]int  // devices by network, of the accounts that are watched
	uncounted bool               // users must be counted anew
	order     []flow.Addr
	refused   uint64
	displaced uint64
	pruned    uint16
}

// NewLedger returns an empty ledger.
func NewLedger(cfg LedgerConfig) (*Ledger, error) {
	if cfg.MaxDevices < 1 || cfg.Zone == nil {
		return nil, errors.New("ledger: max_devices must be at least 1 and a time zone is needed")
	}
	return &Ledger{cfg: cfg, devices: map[flow.Addr]*DeviceLedger{}, watched: map[flow.Addr]bool{}, users: map[flow.Addr]int{}}, nil
}

// Device returns the ledger of a device, nil when it never asked the outside for anything.
func (l *Ledger) Device(addr flow.Addr) *DeviceLedger { return l.devices[addr] }

// Counts returns the number of devices, of those refused at the bound, and how many
// accounts of networks gave way to others.
func (l *Ledger) Counts() (devices int, refused, displaced uint64) {
	return len(l.devices), l.refused, l.displaced
}

// Day is the day since 1970 of a Unix hour at the site.
func (l *Ledger) Day(hour int64) uint16 {
	_, offset := time.Unix(hour*3600, 0).In(l.cfg.Zone).Zone()
	return uint16((hour*3600 + int64(offset)) / 86400)
}

// Learn books what a device gave in an hour to its peers outside. Hours come in their
// order; what lies before the device's open day counts to that.
func (l *Ledger) Learn(addr flow.Addr, hour int64, peers []window.Peer) {
	var d *DeviceLedger
	for i := range peers {
		p := &peers[i]
		if p.Tie&(window.Outside|window.Served) != window.Outside {
			continue
		}
		day := l.Day(hour)
		if d == nil {
			if d = l.device(addr, day); d == nil {
				return
			}
		}
		given := float64(p.Sent) - float64(p.Received)/returned
		if given <= 0 {
			continue
		}
		if day > d.day || d.active == 0 {
			l.watch(addr, d.turn(max(day, d.day)))
		}
		if d.give(p.Addr, flow.NetworkOf(p.Addr), float32(given), uint32(hour), p.Service) {
			l.displaced++
		}
	}
}

// device finds or begins the ledger of a device; nil when there is no room. It begins
// with the first peer outside, so that a device is known before it gives anything.
func (l *Ledger) device(addr flow.Addr, day uint16) *DeviceLedger {
	d := l.devices[addr]
	if d == nil {
		if len(l.devices) >= l.cfg.MaxDevices && !l.prune(day) {
			l.refused++
			return nil
		}
		d = &DeviceLedger{first: day, day: day}
		l.devices[addr] = d
	}
	return d
}

func (l *Ledger) watch(addr flow.Addr, on bool) {
	if on || l.watched[addr] {
		l.uncounted = true
	}
	if on {
		l.watched[addr] = true
	} else {
		delete(l.watched, addr)
	}
}

// prune forgets the devices that gave nothing for half a year, at most once a day.
func (l *Ledger) prune(day uint16) bool {
	if day == l.pruned {
		return false
	}
	l.pruned = day
	for a, d := range l.devices {
		if int(d.day) < int(day)-ledgerStale {
			delete(l.devices, a)
			delete(l.watched, a)
		}
	}
	return len(l.devices) < l.cfg.MaxDevices
}

// Drip is an account that is watched.
type Drip struct {
	Device  flow.Addr
	Ledger  *DeviceLedger
	Account *Account // of a network
	Users   int      // devices of the shard that gave to the same network on two days or more
}

// Watch appends every account that is watched, in the order of devices. What it points
// to is the ledger's own, valid until the next lesson.
func (l *Ledger) Watch(out []Drip) []Drip {
	if len(l.watched) == 0 {
		return out
	}
	if l.uncounted {
		l.count()
	}
	for _, addr := range l.order {
		d := l.devices[addr]
		for i := range d.networks {
			if a := &d.networks[i]; a.watched() {
				out = append(out, Drip{Device: addr, Ledger: d, Account: a, Users: l.users[a.Key]})
			}
		}
	}
	return out
}

// count lists the watched devices in order, and counts who uses their networks: one
// pass over all accounts, when what is watched has changed.
func (l *Ledger) count() {
	l.uncounted = false
	clear(l.users)
	l.order = l.order[:0]
	for addr := range l.watched {
		l.order = append(l.order, addr)
		for i := range l.devices[addr].networks {
			if a := &l.devices[addr].networks[i]; a.watched() {
				l.users[a.Key] = 0
			}
		}
	}
	slices.SortFunc(l.order, func(a, b flow.Addr) int { return bytes.Compare(a[:], b[:]) })
	for _, d := range l.devices {
		for i := range d.networks {
			a := &d.networks[i]
			if n, asked := l.users[a.Key]; asked && a.fed >= 2 {
				l.users[a.Key] = n + 1
			}
		}
	}
}
