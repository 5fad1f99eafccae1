// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"

	"tidewatch/flow"
)

// The journal holds what was learned since the last snapshot: frames, each with its
// length and CRC-32C (4 bytes each, big endian) before it. A frame holds entries:
// 'o' and an hour that was observed, or 'd', an address, and a record (varints).
const (
	frameHead   = 8
	maxFrame    = 1 << 28
	entryHour   = 'o'
	entryDevice = 'd'
)

// Recording makes the store note what it learns, for TakeJournal.
func (s *Store) Recording(on bool) { s.recording = on }

// TakeJournal appends a frame with what was learned since the last call to buf;
// it appends nothing when nothing was.
func (s *Store) TakeJournal(buf []byte) []byte {
	if len(s.journal) == 0 {
		return buf
	}
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(s.journal)))
	buf = binary.BigEndian.AppendUint32(buf, crc32.Checksum(s.journal, castagnoli))
	buf = append(buf, s.journal...)
	s.journal = s.journal[:0]
	return buf
}

func (s *Store) noteHour(hour int64) {
	if s.recording {
		s.journal = binary.AppendVarint(append(s.journal, entryHour), hour)
	}
}

func (s *Store) noteRecord(addr flow.Addr, r *record) {
	if s.recording {
		s.journal = append(append(s.journal, entryDevice), addr[:]...)
		s.journal = binary.AppendVarint(s.journal, r.hour)
		s.journal = r.append(s.journal, r.hour-1)
	}
}

// Replay learns again what a journal holds, in its order and with the trust of
// then. It returns how many bytes were whole frames: what follows them was cut off
// by a crash when err is nil, and is damage otherwise.
func (s *Store) Replay(data []byte, owns func(flow.Addr) bool) (whole int, err error) {
	recording := s.recording
	s.recording = false
	defer func() { s.recording = recording }()
	for len(data)-whole >= frameHead {
		size := int(binary.BigEndian.Uint32(data[whole:]))
		sum := binary.BigEndian.Uint32(data[whole+4:])
		if size > maxFrame {
			return whole, fmt.Errorf("%w: journal, byte %d", ErrDamaged, whole)
		}
		if len(data)-whole-frameHead < size {
			return whole, nil // the last frame was being written
		}
		frame := data[whole+frameHead : whole+frameHead+size]
		if crc32.Checksum(frame, castagnoli) != sum {
			if whole+frameHead+size == len(data) {
				return whole, nil // likewise
			}
			return whole, fmt.Errorf("%w: journal, byte %d", ErrDamaged, whole)
		}
		if err := s.replayFrame(frame, owns); err != nil {
			return whole, fmt.Errorf("%w, journal frame at byte %d", err, whole)
		}
		whole += frameHead + size
	}
	return whole, nil
}

func (s *Store) replayFrame(frame []byte, owns func(flow.Addr) bool) error {
	r := &parser{buf: frame}
	for len(r.buf) > 0 {
		switch kind := r.take(1); kind[0] {
		case entryHour:
			hour := r.varint()
			if r.err != nil || hour < 0 || hour > maxHour {
				return ErrDamaged
			}
			s.calendar.observe(hour)
		case entryDevice:
			var a flow.Addr
			copy(a[:], r.take(uint64(len(a))))
			hour := r.hour()
			var rec record
			rest, err := rec.read(r.buf, hour-1)
			if r.err != nil || err != nil {
				return ErrDamaged
			}
			r.buf = rest
			if owns != nil && !owns(a) {
				continue
			}
			if s.devices[a] == nil && len(s.devices) >= s.cfg.MaxDevices {
				s.refused++
				continue
			}
			s.put(a, &rec)
		default:
			return ErrDamaged
		}
	}
	return nil
}

// Union is a store that shows the devices of several, which share nothing. It is
// for reading and for snapshots, as long as none of them learns.
func Union(stores ...*Store) *Store {
	u := &Store{cfg: stores[0].cfg, devices: map[flow.Addr]*past{}, calendar: stores[0].calendar, frozen: stores[0].frozen}
	for _, s := range stores {
		maps.Copy(u.devices, s.devices)
	}
	return u
}
