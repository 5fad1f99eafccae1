// SPDX-License-Identifier: Apache-2.0

package scenario

import "math"

// The sizes of the thefts.
const (
	nightTheft  = 5.4e9 // within two hours
	cloudTheft  = 1e9   // a day
	dripTheft   = 10e6  // a day
	rotateTheft = 50e6  // a day, over rotateHosts addresses
	rotateHosts = 200
	ownUploads  = 300e6 // a day, of who then sends three times as much
	halfYear    = 180 * 86400
	fortnight   = 14 * 86400
)

// thefts are the acts in which data leaves, in two hours or in half a year.
func thefts() []act {
	return []act{
		{name: "night-theft", hour: 3, who: 37, about: "5.4 GB within two hours to a new address", build: buildNightTheft},
		{name: "night-theft6", hour: 3, who: 38, v6: true, about: "the same over IPv6", build: buildNightTheft},
		{name: "rotating-theft", hour: 3, who: 23, about: "the same spread over 200 addresses of a new network", build: buildRotatingTheft},
		{name: "rotating-theft6", hour: 3, who: 24, v6: true, about: "the same over IPv6", build: buildRotatingTheft},
		{name: "cloud-theft", hour: 9, who: 39, about: "1 GB a day in working hours, in twenty connections, to a cloud host never used before", build: buildCloudTheft},
		{name: "cloud-theft6", hour: 9, who: 40, v6: true, about: "the same over IPv6", build: buildCloudTheft},
		{name: "drip", hour: 9, who: 41, about: "10 MB a day for 180 days to a new address", build: buildDrip},
		{name: "rotating-drip", hour: 9, who: 42, about: "50 MB a day over 200 addresses of a new network", build: buildRotatingDrip},
		{name: "rotating-drip6", hour: 9, who: 43, v6: true, about: "the same over IPv6", build: buildRotatingDrip},
		{name: "insider", hour: 9, who: 44, about: "three times its own uploads, in working hours, to where it always sends", build: func(s *Scenario, a *act) { buildInsider(s, a, 0) }},
		{name: "insider-new", hour: 9, who: 45, about: "three times its own uploads, in working hours, what is more to a new address", build: func(s *Scenario, a *act) { buildInsider(s, a, 1) }},
	}
}

func (s *Scenario) transfer(t *transfers) {
	t.cif, t.port = ifOffice, 443
	s.sources = append(s.sources, t)
}

func buildNightTheft(s *Scenario, a *act) {
	s.transfer(&transfers{
		from: a.from, to: a.from + 2*3600, client: a.client(), server: one(a.other(s, 0)),
		hours: [2]int64{3, 5}, n: 12, bytes: nightTheft, weekends: true,
	})
	a.tells(s, "data_exfiltration", "exfiltration", a.client(), a.from+2*3600)
}

func buildRotatingTheft(s *Scenario, a *act) {
	s.transfer(&transfers{
		from: a.from, to: a.from + 2*3600, client: a.client(), server: among(a.other(s, 0), rotateHosts),
		hours: [2]int64{3, 5}, n: 300, bytes: nightTheft, weekends: true,
	})
	a.tells(s, "data_exfiltration", "exfiltration", a.client(), a.from+2*3600)
}

func buildCloudTheft(s *Scenario, a *act) {
	s.transfer(&transfers{
		from: a.from, to: a.from + fortnight, client: a.client(), server: one(a.other(s, 0)),
		hours: [2]int64{9, 17}, n: 20, bytes: cloudTheft, spread: 0.1, lasts: 300,
	})
	a.tells(s, "data_exfiltration", "exfiltration", a.client(), a.from+fortnight)
}

func buildDrip(s *Scenario, a *act) {
	s.transfer(&transfers{
		from: a.from, to: a.from + halfYear, client: a.client(), server: one(a.other(s, 0)),
		hours: [2]int64{9, 17}, n: 2, bytes: dripTheft, spread: 0.1, weekends: true, lasts: 60,
	})
	a.tells(s, "data_exfiltration", "slow_exfiltration", a.client(), a.from+halfYear)
}

func buildRotatingDrip(s *Scenario, a *act) {
	s.transfer(&transfers{
		from: a.from, to: a.from + 2*fortnight, client: a.client(), server: among(a.other(s, 0), rotateHosts),
		hours: [2]int64{9, 17}, n: 10, bytes: rotateTheft, spread: 0.1, weekends: true, lasts: 60,
	})
	a.tells(s, "data_exfiltration", "slow_exfiltration", a.client(), a.from+2*fortnight)
}

// buildInsider has a device that always uploads, and then sends twice as much on top
// to the same stranger or to another.
func buildInsider(s *Scenario, a *act, to uint64) {
	usual := transfers{
		from: math.MinInt64, to: math.MaxInt64, client: a.client(), server: one(a.other(s, 0)),
		hours: [2]int64{9, 17}, n: 12, bytes: ownUploads, spread: 0.25, lasts: 120,
	}
	more := usual
	more.from, more.to, more.server, more.bytes, more.n = a.from, a.from+fortnight, one(a.other(s, to)), 2*ownUploads, 24
	s.transfer(&usual)
	s.transfer(&more)
	a.tells(s, "data_exfiltration", "slow_exfiltration", a.client(), a.from+fortnight)
}
