// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"time"

	"tidewatch/flow"
)

// past is what is kept of one device.
type past struct {
	first   int64 // Unix hour of the first hour with traffic
	last    int64 // of the last record
	base    int64 // the hour that the first record of the log counts from
	log     []byte
	active  uint16 // days with traffic, at most 65535
	lastDay int64  // the last of them, in days since 1970 of the site's zone
	limit   *limit // nil until two weeks are known
	plan    plan
}

// Learn takes one whole hour of a device. It is judged first; the verdict is how
// far it will be trusted, and is returned. ignore keeps it for the record only:
// the device was under attack, or an event said so. Silent hours need not be
// told, except to be ignored: Observed tells that flows of others arrived.
func (s *Store) Learn(addr flow.Addr, hour int64, v *Hour, ignore bool) Trust {
	if !s.teaches(hour) {
		return Ignored
	}
	p := s.devices[addr]
	r := record{hour: hour, Hour: *v}
	if p == nil {
		if *v == (Hour{}) {
			return Ignored // a device that was never seen working has no past to keep
		}
		if len(s.devices) >= s.cfg.MaxDevices {
			s.refused++
			return Ignored
		}
	}
	switch {
	case ignore:
		r.trust = Ignored
	case p != nil:
		r.trust = s.judge(addr, &r)
	}
	if p != nil && *v == (Hour{}) && r.trust == Trusted {
		return Trusted // as told by the calendar
	}
	s.noteRecord(addr, &r)
	s.put(addr, &r)
	return r.trust
}

// judge tells how far an hour is from what its device's past expects.
func (s *Store) judge(addr flow.Addr, r *record) Trust {
	worst := 0.0
	for m := range numMeasures {
		if n, ok := s.At(addr, time.Unix(r.hour*3600, 0), m); ok {
			z := n.Sigma(float64(r.Judged(m)))
			worst = max(worst, z, -z)
		}
	}
	switch {
	case worst > 5:
		return Suspicious
	case worst > 3:
		return Drifting
	}
	return Trusted
}

// put appends a record to the log of its device. Replaying a journal does the
// same, so it must depend on nothing else.
func (s *Store) put(addr flow.Addr, r *record) {
	p := s.devices[addr]
	if p == nil {
		p = &past{first: r.hour, base: r.hour - 1, last: r.hour - 1, lastDay: -1 << 62}
		s.devices[addr] = p
	}
	if r.hour <= p.last {
		return // told twice: a journal that overlaps its snapshot
	}
	turn := p.last >= p.first && s.turn(addr, r.hour) != s.turn(addr, p.last)
	p.log = r.append(p.log, p.last)
	p.last = r.hour
	if turn {
		s.stepLimit(p, r.hour)
	}
	if r.Hour != (Hour{}) && r.trust != Ignored {
		if day := s.localDay(r.hour); day != p.lastDay {
			p.lastDay = day
			p.active = max(p.active, p.active+1)
		}
	}
	p.trim(r.hour - int64(s.cfg.Days)*hoursOfDay)
}

// localDay numbers the days of the site's zone.
func (s *Store) localDay(hour int64) int64 {
	t := time.Unix(hour*3600, 0).In(s.cfg.Zone)
	_, offset := t.Zone()
	return (hour*3600 + int64(offset)) / 86400
}

// trim drops what is older than the Unix hour keep, a day's worth at a time.
func (p *past) trim(keep int64) {
	if p.base+hoursOfDay >= keep {
		return
	}
	rest, before := p.log, p.base
	for len(rest) > 0 {
		var r record
		next, err := r.read(rest, before)
		if err != nil || r.hour >= keep {
			break
		}
		rest, before = next, r.hour
	}
	p.log = append(p.log[:0], rest...)
	p.base = before
}

// Observed tells that flows arrived in a whole hour, so that devices without any
// in it were silent.
func (s *Store) Observed(hour int64) {
	if !s.teaches(hour) {
		return
	}
	s.noteHour(hour)
	s.calendar.observe(hour)
	s.calendar.forget(hour - 2*int64(s.cfg.Days)*hoursOfDay)
}

// Forget drops a device.
func (s *Store) Forget(addr flow.Addr) { delete(s.devices, addr) }

// all calls f with every record of the device, oldest first.
func (p *past) all(f func(*record)) {
	rest, before := p.log, p.base
	var r record
	for len(rest) > 0 {
		next, err := r.read(rest, before)
		if err != nil {
			return // Decode checked what came from outside
		}
		f(&r)
		rest, before = next, r.hour
	}
}

// Approve makes what a device does since a moment its normal: the hours from then
// on are trusted, whatever was thought of them, except those that were ignored;
// those before hardly count any more, and limits of growth start anew. It returns
// how many hours are trusted that were not.
func (s *Store) Approve(addr flow.Addr, since time.Time) (changed int) {
	p := s.devices[addr]
	if p == nil {
		return 0
	}
	from := since.Unix() / 3600
	var log []byte
	before := p.base
	p.all(func(r *record) {
		switch {
		case r.trust == Ignored:
		case r.hour < from:
			r.trust = Superseded
		case r.trust != Trusted:
			r.trust = Trusted
			changed++
		}
		log = r.append(log, before)
		before = r.hour
	})
	if changed == 0 {
		return 0
	}
	p.log, p.plan, p.limit, p.first = log, plan{}, nil, max(p.first, from)
	return changed
}
