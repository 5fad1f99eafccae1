// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"errors"
	"maps"
	"slices"
	"time"

	"tidewatch/flow"
	"tidewatch/window"
)

// staleHours is how long a device must have been silent to be forgotten for a
// new one: 45 days.
const staleHours = 45 * 24

// HabitConfig bounds a HabitStore.
type HabitConfig struct {
	MaxDevices int            // about 1 KiB each
	Zone       *time.Location // days and hours of the week are the site's
	// Seed keys the hashes of peers, so that nobody can find an address that
	// passes for a known one. It is kept with the habits.
	Seed flow.Seed
}

// HabitStore holds the habits of the devices of one shard. At the bound new
// devices are refused and counted, except that once a day those silent for 45
// days make room.
type HabitStore struct {
	cfg     HabitConfig
	devices map[flow.Addr]*Habits
	order   []*Habits // the same, so that some can be looked at in a second
	refused uint64
	pruned  int64 // Unix hour / 24 of the last pruning
}

// NewHabits returns an empty store.
func NewHabits(cfg HabitConfig) (*HabitStore, error) {
	if cfg.MaxDevices < 1 || cfg.Zone == nil {
		return nil, errors.New("habits: max_devices must be at least 1 and a time zone is needed")
	}
	return &HabitStore{cfg: cfg, devices: map[flow.Addr]*Habits{}}, nil
}

// Habits returns what is usual for a device, nil when nothing is known. It is
// the store's own, valid until the next lesson.
func (s *HabitStore) Habits(addr flow.Addr) *Habits { return s.devices[addr] }

// Get returns a copy of the habits of a device.
func (s *HabitStore) Get(addr flow.Addr) (h Habits, ok bool) {
	if p := s.devices[addr]; p != nil {
		return *p, true
	}
	return h, false
}

// Put sets the habits of a device; false when there is no room, which is counted.
func (s *HabitStore) Put(addr flow.Addr, h *Habits) bool {
	p := s.devices[addr]
	if p == nil {
		if len(s.devices) >= s.cfg.MaxDevices && !s.prune(int64(h.last)) {
			s.refused++
			return false
		}
		p = new(Habits)
		s.devices[addr] = p
		s.order = append(s.order, p)
	}
	*p = *h
	return true
}

// Drop forgets a device.
func (s *HabitStore) Drop(addr flow.Addr) {
	if i := slices.Index(s.order, s.devices[addr]); i >= 0 {
		s.order = slices.Delete(s.order, i, i+1)
	}
	delete(s.devices, addr)
}

// Some are the habits of the devices from one number to another, in the order in which
// they came; fewer, or none, where there are no more. It is the store's own, valid until
// the next lesson. Who looks through all a few at a time misses one for each that was
// dropped meanwhile.
func (s *HabitStore) Some(from, to int) []*Habits {
	return s.order[min(from, len(s.order)):min(to, len(s.order))]
}

// Counts returns the number of devices and of those refused at the bound.
func (s *HabitStore) Counts() (devices int, refused uint64) { return len(s.devices), s.refused }

// prune forgets the devices that are silent for long, at most once a day.
func (s *HabitStore) prune(hour int64) bool {
	if hour/24 == s.pruned {
		return false
	}
	s.pruned = hour / 24
	stale := func(h *Habits) bool { return int64(h.last) < hour-staleHours }
	maps.DeleteFunc(s.devices, func(_ flow.Addr, h *Habits) bool { return stale(h) })
	s.order = slices.DeleteFunc(s.order, stale)
	return len(s.devices) < s.cfg.MaxDevices
}

// Learn takes the lesson of a device for an hour that was judged. An hour
// without traffic teaches nothing: that nothing happens is what is not there.
func (s *HabitStore) Learn(addr flow.Addr, l *Lesson) {
	if l.Bytes == 0 && l.Contacts == nil {
		return
	}
	p := s.devices[addr]
	if p == nil {
		if !s.Put(addr, &Habits{last: uint32(l.Hour)}) {
			return
		}
		p = s.devices[addr]
	}
	day, slot := s.Slot(l.Hour)
	p.learn(l, day, slot, s.PeerKey)
}

// PeerKey is the key of a peer in Habits.
func (s *HabitStore) PeerKey(p *window.Peer) uint32 { return uint32(s.cfg.Seed.Hash(&p.Addr) >> 32) }

// Slot places a Unix hour in the site's calendar: the day since 1970 and the
// hour of the week, Sunday midnight being 0. In zones off by half an hour the
// hour is the one in which it begins.
func (s *HabitStore) Slot(hour int64) (day uint16, slot int) {
	t := time.Unix(hour*3600, 0).In(s.cfg.Zone)
	_, offset := t.Zone()
	return uint16((hour*3600 + int64(offset)) / 86400), int(t.Weekday())*24 + t.Hour()
}
