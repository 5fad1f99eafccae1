// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Injections are what can be done to some devices of a fleet, by name.
func Injections() []string {
	return []string{"flood-hour", "ramp", "shift", "twice", "night", "campaign"}
}

// The sizes of the injections.
const (
	tenfold     = 10
	rampGrowth  = 0.05 // a day, compound
	rampDays    = 30
	shiftFactor = 2
	nightBytes  = 15e6 // in five minutes: 0.4 Mbit/s
	nightHours  = 3    // from one o'clock
	nights      = 3
	crowdFactor = 4 // of a campaign's customers to those without
)

// plan is one injection about one device.
type plan struct {
	name     string
	device   int32
	from, to int64
}

// injectionPlan says which roles an injection hits and on which day after the
// first, at least.
type injectionPlan struct {
	name  string
	day   int64
	roles []int
}

func injectionPlans() []injectionPlan {
	return []injectionPlan{
		{"flood-hour", 2, []int{roleWeb, roleWorkstation, roleGateway}},
		{"ramp", 0, []int{roleApplication, roleWorkstation, roleGateway}},
		{"shift", 4, []int{roleApplication, roleWorkstation, roleGateway}},
		{"twice", 7, []int{roleWeb, roleWorkstation}},
		{"night", 10, []int{roleWorkstation, roleWorkstation, rolePrinter}},
		{"campaign", 13, []int{roleWeb}},
	}
}

// inject plans what was asked for and tells of it. What does not fit into the
// run does not happen.
func (f *fleet) inject(s *Scenario) {
	taken := map[int32]bool{}
	begin := f.firstDay + int64(s.cfg.AttackAt/(24*time.Hour))
	for _, p := range injectionPlans() {
		for k, role := range p.roles {
			i := f.victim(p.name, role, taken)
			if i < 0 { // chosen even when not asked for, so that names do not move each other
				continue
			}
			taken[i] = true
			if slices.Contains(s.cfg.Inject, p.name) {
				f.schedule(s, p.name, i, begin+p.day+int64(2*k))
			}
		}
	}
	slices.SortStableFunc(f.plans, func(a, b plan) int { return cmp.Compare(a.from, b.from) })
}

// victim chooses a device that is there all the time: of at least usual size and
// without a backup, or, in a small fleet, any.
func (f *fleet) victim(name string, role int, taken map[int32]bool) int32 {
	list := f.byRole[role]
	at := int(mix(f.seed, 40<<32|uint64(len(taken))) % uint64(len(list)))
	for k := range 2 * len(list) {
		i := list[(at+k)%len(list)]
		d := &f.devices[i]
		switch {
		case taken[i], d.since > f.first, d.until < f.end, d.awayTo > 0:
		case k < len(list) && (d.base < f.roles[role].median || d.backup > 0):
		case name == "night" && !d.sleeps:
		default:
			return i
		}
	}
	return -1
}

// schedule fixes the times of one injection, from day on.
func (f *fleet) schedule(s *Scenario, name string, i int32, day int64) {
	d := &f.devices[i]
	at := func(day int64, hour float64) int64 {
		return s.midnight(day).Add(time.Duration(hour * float64(time.Hour))).Unix()
	}
	hour := 11.0
	if d.role == roleWeb || d.role == roleGateway {
		hour = 20
	}
	note := fmt.Sprintf("%s %s: ", f.roles[d.role].name, d.addr)
	switch name {
	case "flood-hour":
		day = f.plain(day, 1, d)
		f.tell(s, plan{name, i, at(day, hour), at(day, hour+1)}, "volume", note+"receives ten times its usual traffic for an hour")
	case "twice":
		day = f.plain(day, 2, d)
		f.tell(s, plan{name, i, at(day, hour), at(day, hour+1)}, "volume", note+"ten times its usual traffic for an hour, the first time")
		f.tell(s, plan{name, i, at(day+1, hour), at(day+1, hour+1)}, "volume", note+"the same at the same hour of the next day")
	case "ramp":
		day = max(f.firstDay, min(day, f.firstDay+(f.end-f.first)/86400-rampDays))
		f.tell(s, plan{name, i, at(day, 0), at(day+rampDays, 0)}, "level_shift", note+"grows by 5 % a day for 30 days")
	case "shift":
		day = f.plain(day, 1, d)
		f.tell(s, plan{name, i, at(day, 0), f.end}, "level_shift", note+"twice its traffic from one day on")
	case "night":
		day = f.plain(day, nights, d)
		f.tell(s, plan{name, i, at(day, 1), at(day+nights-1, 1+nightHours)}, "off_hours", note+"sends in three nights, from one to four, which it never did")
	case "campaign":
		day = f.plain(day, 1, d)
		f.tell(s, plan{name, i, at(day, 18), at(day, 21)}, "ddos", note+"four times its customers for three hours; all complete")
	}
}

// plain is the first day from day on that begins a stretch of n days, Tuesday to
// Friday, in which nothing else is special, the collector works and the user is there.
func (f *fleet) plain(day, n int64, d *fleetDevice) int64 {
	fits := func(day int64) bool {
		for k := day; k < day+n; k++ {
			t := f.dayOf(k)
			from, to := f.outage(k)
			if !f.working(k) || !f.working(k-1) || t.holiday || t.monthEnd || t.update || t.small || d.off(k) ||
				from < (k+1)*86400 && to > k*86400 {
				return false
			}
		}
		return true
	}
	for tries := 0; !fits(day) && tries < 60; tries++ {
		day++
	}
	return day
}

func (f *fleet) tell(s *Scenario, p plan, kind, note string) {
	t := truthOf("baseline_anomaly", kind, "", f.devices[p.device].addr)
	t.Injection, t.Note = p.name, note
	if p.name == "campaign" {
		t.Category, t.MustNotAlert = "ddos_attack", true
	}
	f.plans = append(f.plans, p)
	f.devices[p.device].planned = true
	s.tell(t, p.from, p.to)
}

// crowd is how many times its usual traffic a device has by injection.
func (f *fleet) crowd(d *fleetDevice, sec int64) float64 {
	if !d.planned {
		return 1
	}
	x := 1.0
	for i := range f.plans {
		p := &f.plans[i]
		if &f.devices[p.device] != d || sec < p.from || sec >= p.to {
			continue
		}
		switch p.name {
		case "ramp":
			x *= math.Pow(1+rampGrowth, float64((sec-p.from)/86400+1))
		case "shift":
			x *= shiftFactor
		case "campaign":
			x *= 1 + (crowdFactor-1)*wave{p.from, p.to, 600, 1800}.at(sec)
		}
	}
	return x
}

// attack adds what an injection sends or receives beside the usual traffic.
func (f *fleet) attack(g *generator, i int32, sec int64) {
	d := &f.devices[i]
	if !d.planned {
		return
	}
	for k := range f.plans {
		p := &f.plans[k]
		if p.device != i || sec+turn <= p.from || sec >= p.to {
			continue
		}
		switch p.name {
		case "flood-hour", "twice":
			role := &f.roles[d.role]
			usual := d.base * role.in * f.rhythm(g, d, p.from) // in the whole hour
			for n := range uint64(4) {
				f.part(g, d, sec, &job{
					from: p.from, to: p.to, bytes: (tenfold - 1) * usual / 4, server: g.net.stranger(kindAttacker, n, !d.addr.Is4()), port: 443,
				})
			}
		case "night":
			for day := range int64(nights) {
				from := p.from + day*86400
				f.part(g, d, sec, &job{
					from: from, to: from + nightHours*3600, bytes: nightBytes * nightHours * 3600 / turn, sends: true,
					server: g.net.stranger(kindAttacker, uint64(i), !d.addr.Is4()), port: 443,
				})
			}
		}
	}
}
