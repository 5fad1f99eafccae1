// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"tidewatch/flow"
)

const (
	habitsVersion     = 2 // 1 did not tell sampled hours
	habitStoreVersion = 1
)

// AppendBinary appends the habits: a version, then little-endian fields; lists
// are a count and their entries, so a device of few habits takes little.
func (h *Habits) AppendBinary(buf []byte) []byte {
	e := binary.LittleEndian
	buf = append(buf, habitsVersion)
	buf = e.AppendUint32(buf, h.first)
	buf = e.AppendUint32(buf, h.last)
	buf = e.AppendUint32(buf, h.rolled)
	buf = e.AppendUint16(buf, h.days)
	buf = e.AppendUint16(buf, h.day)
	buf = appendUsages(buf, h.peers[:])
	buf = appendUsages(buf, h.services[:])
	for _, row := range h.met {
		n := 0 // the newest come first, so what is used is in front
		for n < len(row) && row[n] != 0 {
			n++
		}
		buf = append(buf, byte(n))
		for _, print := range row[:n] {
			buf = e.AppendUint16(buf, print)
		}
	}
	buf = append(append(buf, h.hours.counts[:]...), h.hours.days)
	for _, v := range h.numbers() {
		buf = e.AppendUint32(buf, math.Float32bits(*v))
	}
	for _, t := range h.trends() {
		buf = append(buf, t.n)
	}
	buf = e.AppendUint16(buf, h.today.Inside)
	buf = e.AppendUint16(buf, h.today.Outside)
	buf = e.AppendUint16(buf, h.today.Services)
	return e.AppendUint32(append(buf, h.taken[:]...), h.sampled)
}

func (h *Habits) trends() [5]*habitTrend {
	return [...]*habitTrend{&h.ratio, &h.upload, &h.newPeers, &h.newBytes, &h.newServices}
}

// numbers are all fractions, those that may be negative last.
func (h *Habits) numbers() [24]*float32 {
	out := [24]*float32{
		&h.sent, &h.received, &h.asked, &h.answered, &h.outside, &h.busy, &h.circle,
		&h.today.PeerBytes, &h.today.ServiceBytes,
	}
	for i, t := range h.trends() {
		out[9+i], out[14+2*i], out[15+2*i] = &t.vari, &t.mean, &t.top
	}
	return out
}

func appendUsages(buf []byte, list []Usage) []byte {
	at := len(buf)
	buf = append(buf, 0)
	for i := range list {
		u := &list[i]
		if u.Last == 0 {
			continue
		}
		buf[at]++
		buf = binary.LittleEndian.AppendUint32(buf, u.Key)
		buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(u.Bytes))
		buf = binary.LittleEndian.AppendUint16(buf, u.First)
		buf = binary.LittleEndian.AppendUint16(buf, u.Last)
	}
	return buf
}

// input reads fields; what is missing makes it bad and reads as zero.
type habitInput struct {
	buf []byte
	bad bool
}

func (in *habitInput) take(n int) []byte {
	if in.bad || len(in.buf) < n {
		in.bad = true
		return make([]byte, n)
	}
	out := in.buf[:n]
	in.buf = in.buf[n:]
	return out
}

func (in *habitInput) u8() uint8   { return in.take(1)[0] }
func (in *habitInput) u16() uint16 { return binary.LittleEndian.Uint16(in.take(2)) }
func (in *habitInput) u32() uint32 { return binary.LittleEndian.Uint32(in.take(4)) }

// number reads a fraction that must be finite and, unless it may be negative, not below zero.
func (in *habitInput) number(negative bool) float32 {
	v := math.Float32frombits(in.u32())
	if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) || !negative && (f < 0 || math.Signbit(f)) {
		in.bad = true
		return 0
	}
	return v
}

func (in *habitInput) usages(list []Usage) {
	n := int(in.u8())
	if n > len(list) {
		in.bad = true
		return
	}
	for i := range list[:n] {
		list[i] = Usage{Key: in.u32(), Bytes: in.number(false), First: in.u16(), Last: in.u16()}
		if list[i].Last == 0 {
			in.bad = true
		}
	}
}

// DecodeHabits reads what AppendBinary wrote and returns the rest of buf.
func DecodeHabits(buf []byte) (h Habits, rest []byte, err error) {
	in := habitInput{buf: buf}
	v := in.u8()
	if in.bad {
		return h, buf, errors.New("habits: cut off")
	} else if v < 1 || v > habitsVersion {
		return h, buf, fmt.Errorf("habits: version %d is unknown; %d is the newest known", v, habitsVersion)
	}
	h.first, h.last, h.rolled, h.days, h.day = in.u32(), in.u32(), in.u32(), in.u16(), in.u16()
	in.usages(h.peers[:])
	in.usages(h.services[:])
	for r := range h.met {
		n := int(in.u8())
		if n > memoryWays {
			return Habits{}, buf, errors.New("habits: a field is out of its range or cut off")
		}
		for i := range h.met[r][:n] {
			if h.met[r][i] = in.u16(); h.met[r][i] == 0 {
				in.bad = true
			}
		}
	}
	copy(h.hours.counts[:], in.take(len(h.hours.counts)))
	h.hours.days = in.u8()
	for i, v := range h.numbers() {
		*v = in.number(i >= 14)
	}
	for _, t := range h.trends() {
		if t.n = in.u8(); t.n > trendMemory {
			in.bad = true
		}
	}
	h.today.Inside, h.today.Outside, h.today.Services = in.u16(), in.u16(), in.u16()
	copy(h.taken[:], in.take(len(h.taken)))
	if v > 1 {
		h.sampled = in.u32()
	}
	if in.bad || h.hours.days > 7*weeksKept {
		return Habits{}, buf, errors.New("habits: a field is out of its range or cut off")
	}
	return h, in.buf, nil
}

// AppendBinary appends all habits, in the order of addresses: the same habits
// give the same bytes.
func (s *HabitStore) AppendBinary(buf []byte) []byte {
	buf = append(buf, habitStoreVersion)
	for _, v := range s.cfg.Seed {
		buf = binary.LittleEndian.AppendUint64(buf, v)
	}
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(s.devices)))
	addrs := make([]flow.Addr, 0, len(s.devices))
	for a := range s.devices {
		addrs = append(addrs, a)
	}
	slices.SortFunc(addrs, func(a, b flow.Addr) int { return bytes.Compare(a[:], b[:]) })
	for _, a := range addrs {
		buf = s.devices[a].AppendBinary(append(buf, a[:]...))
	}
	return buf
}

// Decode replaces all habits, and the seed, by what AppendBinary wrote, and
// returns the rest of buf. On an error nothing is changed. Devices beyond the
// bound are refused and counted.
func (s *HabitStore) Decode(buf []byte) (rest []byte, err error) {
	in := habitInput{buf: buf}
	if v := in.u8(); in.bad {
		return buf, errors.New("habits: cut off")
	} else if v != habitStoreVersion {
		return buf, fmt.Errorf("habits: store version %d is unknown; %d is the newest known", v, habitStoreVersion)
	}
	var seed flow.Seed
	for i := range seed {
		seed[i] = binary.LittleEndian.Uint64(in.take(8))
	}
	n := in.u32()
	if in.bad {
		return buf, errors.New("habits: cut off")
	}
	devices, refused := map[flow.Addr]*Habits{}, uint64(0)
	var order []*Habits
	for range n {
		addr := flow.Addr(in.take(16))
		if in.bad {
			return buf, errors.New("habits: cut off")
		}
		h, rest, err := DecodeHabits(in.buf)
		if err != nil {
			return buf, err
		}
		in.buf = rest
		if devices[addr] == nil && len(devices) >= s.cfg.MaxDevices {
			refused++
			continue
		}
		if devices[addr] == nil {
			order = append(order, &h)
			devices[addr] = &h
		}
	}
	s.cfg.Seed, s.devices, s.order = seed, devices, order
	s.refused += refused
	return in.buf, nil
}
