// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"tidewatch/flow"
)

// The format of a snapshot, version 1. All integers are unsigned varints unless
// stated; docs/reference/baseline-format.md describes it for others.
//
//	"TWBASE" version(1 byte)
//	calendar: first hour, number of hours, one bit each (observed), whole bytes
//	devices: number, then for each
//	  address (16 bytes), first hour, base hour, days with traffic, last day
//	  length of the log, the log (record.append)
//	  0, or 1 and the limit: hour, then for each of 5 measures 24 medians, a
//	  sigma and a tail (float32, big endian)
//	CRC-32C of all before it (4 bytes, big endian)
const (
	snapshotMagic   = "TWBASE"
	snapshotVersion = 1
	maxLog          = 1 << 20 // bytes of a device's log: more is damage
	maxHour         = 1 << 40 // Unix hours beyond it are damage: what is computed from them would overflow
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli) //nolint:gochecknoglobals // a constant that Go cannot compute

// AppendSnapshot writes the store to buf. Equal stores give equal bytes.
func (s *Store) AppendSnapshot(buf []byte) []byte {
	start := len(buf)
	buf = append(buf, snapshotMagic...)
	buf = append(buf, snapshotVersion)
	base, observed := s.calendar.span()
	buf = binary.AppendUvarint(buf, uint64(base))
	buf = binary.AppendUvarint(buf, uint64(len(observed)))
	for i := 0; i < len(observed); i += 8 {
		var b byte
		for j, saw := range observed[i:min(i+8, len(observed))] {
			if saw {
				b |= 1 << j
			}
		}
		buf = append(buf, b)
	}
	buf = binary.AppendUvarint(buf, uint64(len(s.devices)))
	for _, a := range s.Addresses() {
		buf = s.devices[a].append(append(buf, a[:]...))
	}
	return binary.BigEndian.AppendUint32(buf, crc32.Checksum(buf[start:], castagnoli))
}

func (p *past) append(buf []byte) []byte {
	for _, v := range []int64{p.first, p.base, int64(p.active), p.lastDay} {
		buf = binary.AppendVarint(buf, v)
	}
	buf = binary.AppendUvarint(buf, uint64(len(p.log)))
	buf = append(buf, p.log...)
	if p.limit == nil {
		return append(buf, 0)
	}
	buf = binary.AppendVarint(append(buf, 1), p.limit.since)
	for k := range numMeasures {
		for _, v := range p.limit.mid[k] {
			buf = binary.BigEndian.AppendUint32(buf, math.Float32bits(v))
		}
		buf = binary.BigEndian.AppendUint32(buf, math.Float32bits(p.limit.sigma[k]))
		buf = binary.BigEndian.AppendUint32(buf, math.Float32bits(p.limit.tail[k]))
	}
	return buf
}

// ErrDamaged is what reading a snapshot or a journal fails with when its bytes are
// not what was written.
var ErrDamaged = errors.New("damaged baseline")

// Restore replaces what the store holds by a snapshot. owns tells which devices
// belong to it, nil means all. On an error the store is as it was.
func (s *Store) Restore(data []byte, owns func(flow.Addr) bool) error {
	r := &parser{buf: data}
	if len(data) < len(snapshotMagic)+5 || string(data[:len(snapshotMagic)]) != snapshotMagic {
		return fmt.Errorf("%w: not a baseline", ErrDamaged)
	}
	if v := data[len(snapshotMagic)]; v != snapshotVersion {
		return fmt.Errorf("baseline of format version %d; this program reads version %d", v, snapshotVersion)
	}
	body := data[:len(data)-4]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(data[len(body):]) {
		return fmt.Errorf("%w: wrong checksum", ErrDamaged)
	}
	r.buf = body[len(snapshotMagic)+1:]
	cal := calendar{zone: s.cfg.Zone, holiday: s.cfg.Holiday}
	base, n := int64(r.uvarint()), r.uvarint()
	if n > 1<<20 || base < 0 || base > maxHour {
		return fmt.Errorf("%w: calendar", ErrDamaged)
	}
	if bits := r.take((n + 7) / 8); r.err == nil && n > 0 {
		cal.reach(base, base+int64(n))
		for i := range cal.observed {
			cal.observed[i] = bits[i/8]>>(i%8)&1 != 0
		}
	}
	devices := map[flow.Addr]*past{}
	for range r.uvarint() {
		var a flow.Addr
		copy(a[:], r.take(uint64(len(a))))
		p := r.past()
		if r.err != nil {
			break
		}
		if owns != nil && !owns(a) {
			continue
		}
		if len(devices) >= s.cfg.MaxDevices {
			s.refused++
			continue
		}
		devices[a] = p
	}
	if r.err != nil || len(r.buf) != 0 {
		return fmt.Errorf("%w: %d bytes from the end", ErrDamaged, len(r.buf))
	}
	s.calendar, s.devices = cal, devices
	return nil
}

// parser reads what AppendSnapshot wrote; after an error everything is zero.
type parser struct {
	buf []byte
	err error
}

func (r *parser) uvarint() uint64 {
	v, n := binary.Uvarint(r.buf)
	if n <= 0 {
		r.err, r.buf = ErrDamaged, nil
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

func (r *parser) varint() int64 {
	v, n := binary.Varint(r.buf)
	if n <= 0 {
		r.err, r.buf = ErrDamaged, nil
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

// hour reads a Unix hour, or the one before the first.
func (r *parser) hour() int64 {
	v := r.varint()
	if v < -1 || v > maxHour {
		r.err = ErrDamaged
		return 0
	}
	return v
}

func (r *parser) take(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.buf)) {
		r.err, r.buf = ErrDamaged, nil
		return nil
	}
	out := r.buf[:n]
	r.buf = r.buf[n:]
	return out
}

func (r *parser) float32() float32 {
	b := r.take(4)
	if b == nil {
		return 0
	}
	v := math.Float32frombits(binary.BigEndian.Uint32(b))
	if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
		r.err = ErrDamaged
	}
	return v
}

func (r *parser) past() *past {
	p := &past{first: r.hour(), base: r.hour()}
	active := r.varint()
	p.active, p.lastDay = uint16(min(max(active, 0), math.MaxUint16)), r.varint() // the day is only compared
	n := r.uvarint()
	if n > maxLog {
		r.err = ErrDamaged
	}
	p.log = append([]byte(nil), r.take(n)...)
	p.last = p.base
	for rest := p.log; len(rest) > 0 && r.err == nil; {
		var rec record
		if rest, r.err = rec.read(rest, p.last); r.err == nil {
			p.last = rec.hour
		}
	}
	if flag := r.take(1); len(flag) == 1 && flag[0] == 1 {
		p.limit = &limit{since: r.hour()}
		for k := range numMeasures {
			for h := range p.limit.mid[k] {
				p.limit.mid[k][h] = r.float32()
			}
			p.limit.sigma[k], p.limit.tail[k] = r.float32(), r.float32()
		}
	}
	return p
}
