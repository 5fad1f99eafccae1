// SPDX-License-Identifier: Apache-2.0

package window

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"

	"tidewatch/flow"
)

// A checkpoint is what the open minutes and hours of all devices hold, so that a
// crash costs no more learning than the time since. It is not for judging: seconds,
// uploads and sketches start anew. Format, integers as unsigned varints:
//
//	version (1 byte), the running second
//	number of networks, then for each its first address (16 bytes), its length and
//	  6 peaks of the hour; version 1 has none
//	number of devices, then for each
//	  address (16 bytes), second of first and of last traffic
//	  8 minutes by their number modulo 8, 6 sums each
//	  2 hours by their number modulo 2, 6 sums and 6 peaks each
//	CRC-32C of all before it (4 bytes, big endian)
const checkpointVersion = 2

// ErrCheckpoint is what Resume fails with when the bytes are not a checkpoint.
var ErrCheckpoint = errors.New("damaged checkpoint")

var castagnoli = crc32.MakeTable(crc32.Castagnoli) //nolint:gochecknoglobals // a constant that Go cannot compute

func (s *Sums) fields() [6]*uint64 {
	return [6]*uint64{&s.Bytes[0], &s.Bytes[1], &s.Packets[0], &s.Packets[1], &s.Flows[0], &s.Flows[1]}
}

// each calls f with every count of the device that a checkpoint holds, when the
// running minute is this one.
func (d *device) each(running int64, f func(*uint64)) {
	for i := range d.minutes {
		m := &d.minutes[i]
		if int64(i) == mod(running, minutes) {
			m = &d.now
		}
		for _, v := range m.fields() {
			f(v)
		}
	}
	for i := range d.hours {
		for _, s := range []*Sums{&d.hours[i].Sums, &d.hours[i].Peak5} {
			for _, v := range s.fields() {
				f(v)
			}
		}
	}
}

// Checkpoint appends the open minutes and hours of all shards to buf, and the peaks of
// their networks, which may be nil.
func Checkpoint(buf []byte, networks *NetworkTotals, shards ...*Tracker) []byte {
	start := len(buf)
	buf = append(buf, checkpointVersion)
	buf = binary.AppendUvarint(buf, uint64(shards[0].now))
	buf = networks.checkpoint(buf)
	var live uint64
	for _, t := range shards {
		for i := range t.dev.n {
			if t.worth(t.dev.at(i)) {
				live++
			}
		}
	}
	buf = binary.AppendUvarint(buf, live)
	for _, t := range shards {
		buf = t.checkpoint(buf)
	}
	return binary.BigEndian.AppendUint32(buf, crc32.Checksum(buf[start:], castagnoli))
}

func (t *Tracker) checkpoint(buf []byte) []byte {
	for i := range t.dev.n {
		d := t.dev.at(i)
		if !t.worth(d) {
			continue
		}
		buf = append(buf, d.addr[:]...)
		buf = binary.AppendUvarint(buf, uint64(d.born))
		buf = binary.AppendUvarint(buf, uint64(max(d.touched, 0)))
		d.each(t.now/60, func(v *uint64) { buf = binary.AppendUvarint(buf, *v) })
	}
	return buf
}

// worth tells whether a device had traffic in what a checkpoint holds.
func (t *Tracker) worth(d *device) bool {
	return t.dev.live(d) && d.touched > t.now-2*3600
}

// Resume fills an empty tracker from a checkpoint and returns its second, from
// which the caller moves on. owner is as in Add.
func (t *Tracker) Resume(data []byte, owner func(hash uint64) bool) (now int64, err error) {
	r, now, err := openCheckpoint(data)
	if err != nil {
		return 0, err
	}
	r.networks(func(netip.Prefix, *Sums) {})
	for n := r.next(); n > 0 && !r.bad; n-- {
		var a flow.Addr
		r.addr(&a)
		d := device{born: int64(r.next()), touched: int64(r.next())}
		d.each(now/60, func(v *uint64) { *v = r.next() })
		h := t.cfg.Seed.Hash(&a)
		if r.bad || owner != nil && !owner(h) || t.dev.count() >= t.cfg.MaxDevices {
			continue
		}
		if i := t.slot(h, &a); i >= 0 {
			to := t.dev.at(i)
			to.born, to.touched, to.now, to.minutes, to.hours = max(d.born, 1), d.touched, d.now, d.minutes, d.hours
		}
	}
	if r.bad || len(r.rest) != 0 || now < 1 {
		return 0, ErrCheckpoint
	}
	t.now = now
	return now, nil
}
