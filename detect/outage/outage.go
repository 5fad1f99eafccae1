// SPDX-License-Identifier: Apache-2.0

// Package outage finds exporters that sent steadily and fell silent. What such
// an exporter would have told is unknown, which is not the same as nothing: the
// devices seen through it are not silent, and their hours teach nothing.
//
// It is fed with the exporters of all records instead of a window, because an
// exporter is no device, and the same for all shards.
package outage

import (
	"fmt"
	"net/netip"
	"time"

	"tidewatch/detect"
	"tidewatch/flow"
)

// Kind is the kind of every finding.
const Kind = "exporter_down"

const (
	// every is how many seconds lie between two looks at all exporters.
	every = 10
	// steady is how many seconds with records an exporter must have had.
	steady = 10
	// maxIndex bounds the exporter numbers that are looked up; the intake numbers
	// densely, and files bring at most 65 536.
	maxIndex = 1 << 17
)

// Watch follows the exporters of one engine. Hear and Judge must not run beside
// any other method; Blind and Saw may run beside each other.
type Watch struct {
	cfg     Config
	name    func(index uint32) netip.Addr
	slots   []slot
	byAddr  map[netip.Addr]int32
	byIndex []int32 // slot + 1 by exporter number
	free    []int32
	hand    int
	judged  int64
	down    int
	refused uint64
}

// New returns an error when the configuration makes no sense. name tells the
// address behind an exporter's number, nil or an invalid address where nobody
// knows; such an exporter is watched and never reported.
func New(cfg Config, name func(index uint32) netip.Addr) (*Watch, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("outage: %w", err)
	}
	if name == nil {
		name = func(uint32) netip.Addr { return netip.Addr{} }
	}
	return &Watch{cfg: cfg, name: name, byAddr: map[netip.Addr]int32{}}, nil
}

// Configure judges by other limits from now on. One that makes no sense changes nothing.
func (w *Watch) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("outage: %w", err)
	}
	w.cfg = cfg
	return nil
}

// Counts returns how many exporters are watched and down now, and how often one
// found no room.
func (w *Watch) Counts() (watched, down int, refused uint64) {
	return len(w.slots) - len(w.free), w.down, w.refused
}

// Hear notes that records of an exporter came in Unix second sec. It costs
// little when that second is known already, and allocates only for a new exporter.
func (w *Watch) Hear(index uint32, sec int64) {
	if s := w.find(index); s != nil && s.last == sec {
		return
	}
	if s := w.slot(index, sec); s != nil {
		s.hear(sec)
	}
}

// HearBatch notes the exporters of records [from,to), all received in second sec.
func (w *Watch) HearBatch(b *flow.Batch, from, to int, sec int64) {
	column := b.Exporter[from:to]
	if len(column) == 0 {
		return
	}
	last := column[0]
	w.Hear(last, sec)
	for _, index := range column[1:] {
		if index != last { // datagrams come in runs
			last = index
			w.Hear(last, sec)
		}
	}
}

// find returns what is known of an exporter number, or nil.
func (w *Watch) find(index uint32) *slot {
	if int(index) >= len(w.byIndex) || w.byIndex[index] == 0 {
		return nil
	}
	s := &w.slots[w.byIndex[index]-1]
	if !s.used || s.index != index { // given to another exporter meanwhile
		return nil
	}
	return s
}

// Judge appends findings about the exporters that are down at the end of Unix
// second now, every ten seconds, and about those that came back.
func (w *Watch) Judge(now int64, out []detect.Finding) []detect.Finding {
	if now-w.judged < every && now >= w.judged {
		return out
	}
	w.judged = now
	w.down = 0
	for i := range w.slots {
		s := &w.slots[i]
		if !s.used {
			continue
		}
		silence := now - s.last
		switch {
		case s.back:
			s.back = false
			if s.addr.IsValid() {
				f := s.finding(now)
				f.Started, f.Last, f.Over = unix(s.lostFrom), unix(s.lostTo), true
				out = append(out, f)
			}
		case silence > int64(w.cfg.Forget.Seconds()):
			w.forget(int32(i))
			continue
		case !s.down && s.settled(&w.cfg) && silence > s.limit(&w.cfg):
			s.down, s.lostFrom, s.lostTo = true, s.last+1, 0
		}
		if s.down {
			w.down++
			if s.addr.IsValid() {
				out = append(out, s.finding(now))
			}
		}
	}
	return out
}

// Blind reports whether the exporter was down in any part of the Unix seconds
// [from,to). It remembers the latest outage of each exporter. One that is not
// watched was never down.
func (w *Watch) Blind(index uint32, from, to int64) bool {
	s := w.find(index)
	return s != nil && s.lostFrom != 0 && s.lostFrom < to && (s.down || s.lostTo > from)
}

// Saw reports whether the exporter is known to have been there all of [from,to):
// it was not down, and sent something since. One that is not watched was.
func (w *Watch) Saw(index uint32, from, to int64) bool {
	s := w.find(index)
	return s == nil || s.last >= to && !w.Blind(index, from, to)
}

// Restore takes over an exporter that was down when an earlier run ended, so
// that its incident goes on until it sends again.
func (w *Watch) Restore(addr netip.Addr, since time.Time) {
	addr = addr.Unmap()
	if _, known := w.byAddr[addr]; known || !addr.IsValid() || len(w.byAddr) >= w.cfg.MaxExporters {
		return
	}
	from := since.Unix()
	w.put(slot{used: true, addr: addr, index: maxIndex, first: from, last: from, down: true, lostFrom: from + 1, seconds: steady})
}

func unix(sec int64) time.Time { return time.Unix(sec, 0).UTC() }
