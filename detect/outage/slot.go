// SPDX-License-Identifier: Apache-2.0

package outage

import (
	"net/netip"

	"tidewatch/detect"
)

const (
	day = 86400.0
	// longestGap is as long as a gap counts in what is usual: an outage of a
	// weekend must not make the next one pass for normal.
	longestGap = 3600.0
	// idle is how long an exporter that never was steady must be silent before a
	// newcomer may have its place.
	idle = 600
	// sample is how many places are looked at for one to give away.
	sample = 64
)

// slot is one exporter.
type slot struct {
	addr             netip.Addr // invalid where the input does not tell it
	index            uint32     // its number; that of a restored one is not known yet
	used, down, back bool
	seconds          uint8 // with records, as far as steady
	first, last      int64 // Unix seconds of its first and last records
	lostFrom, lostTo int64 // the latest outage, [from,to); to is 0 while it lasts
	// The gaps between seconds with records, and their squares, summed up with
	// weights that fade over about a day.
	gaps, squares float64
}

// hear notes a second with records.
func (s *slot) hear(sec int64) {
	gap := float64(sec - s.last)
	if gap <= 0 {
		return
	}
	if s.seconds < steady {
		s.seconds++
	}
	if s.down {
		s.down, s.back, s.lostTo = false, true, sec
	}
	s.last = sec
	fade := max(0, 1-gap/day)
	gap = min(gap, longestGap)
	s.gaps, s.squares = s.gaps*fade+gap, s.squares*fade+gap*gap
}

// usual is the gap, in seconds, in which a moment chosen at random lies. A plain
// mean would be wrong for exporters that send much at once and then pause.
func (s *slot) usual() float64 {
	if s.gaps == 0 {
		return 0
	}
	return s.squares / s.gaps
}

// limit is the silence, in seconds, beyond which the exporter is down.
func (s *slot) limit(cfg *Config) int64 {
	return int64(max(cfg.MinSilence.Seconds(), cfg.Factor*s.usual()))
}

// settled reports whether the exporter has been sending long enough.
func (s *slot) settled(cfg *Config) bool {
	return s.seconds >= steady && s.last-s.first >= int64(cfg.MinAge.Seconds())
}

func (s *slot) finding(now int64) detect.Finding {
	silent := float64(now - s.last)
	return detect.Finding{
		Detector: "outage", Category: detect.Operational, Kind: Kind,
		Subject: netip.PrefixFrom(s.addr, s.addr.BitLen()),
		At:      unix(now + 1), Started: unix(s.last), Last: unix(now + 1),
		Score: 0.65, Severity: detect.Medium, Baseline: detect.NoBaseline(),
		Indicators: []detect.Indicator{{Name: "exporter_silent", Observed: silent, Expected: s.usual(), Unit: "s", Weight: 0.65}},
		Metrics:    detect.Metrics{DurationSeconds: silent},
	}
}

// slot finds the exporter's place by its address, or makes one; nil when there
// is no room. Exporters without an address are told apart by their numbers.
func (w *Watch) slot(index uint32, sec int64) *slot {
	if index >= maxIndex {
		return nil
	}
	addr := w.name(index).Unmap()
	if i, ok := w.byAddr[addr]; ok && addr.IsValid() {
		w.point(index, i)
		return &w.slots[i]
	}
	if s := w.find(index); s != nil && !addr.IsValid() && !s.addr.IsValid() {
		return s
	}
	if len(w.slots)-len(w.free) >= w.cfg.MaxExporters && !w.room(sec) {
		w.refused++
		return nil
	}
	return w.put(slot{used: true, addr: addr, index: index, first: sec, last: sec})
}

// put takes a free place for an exporter.
func (w *Watch) put(s slot) *slot {
	i := int32(len(w.slots))
	if last := len(w.free) - 1; last >= 0 {
		i, w.free = w.free[last], w.free[:last]
		w.slots[i] = s
	} else {
		w.slots = append(w.slots, s)
	}
	if s.addr.IsValid() {
		w.byAddr[s.addr] = i
	}
	if s.index < maxIndex {
		w.point(s.index, i)
	}
	return &w.slots[i]
}

// point notes that an exporter number leads to a place.
func (w *Watch) point(index uint32, i int32) {
	for int(index) >= len(w.byIndex) {
		w.byIndex = append(w.byIndex, 0)
	}
	w.byIndex[index], w.slots[i].index = i+1, index
}

// room forgets an exporter that was never steady and is silent, the longest
// silent of a sample: strangers cannot push out what is watched.
func (w *Watch) room(now int64) bool {
	worst, oldest := -1, now-idle
	for range min(sample, len(w.slots)) {
		w.hand = (w.hand + 1) % len(w.slots)
		if s := &w.slots[w.hand]; s.used && !s.settled(&w.cfg) && s.last < oldest {
			worst, oldest = w.hand, s.last
		}
	}
	if worst < 0 {
		return false
	}
	w.forget(int32(worst))
	return true
}

func (w *Watch) forget(i int32) {
	delete(w.byAddr, w.slots[i].addr) // an invalid one is in it never
	w.slots[i] = slot{}
	w.free = append(w.free, i)
}
