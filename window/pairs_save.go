// SPDX-License-Identifier: Apache-2.0

package window

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"tidewatch/flow"
)

// What calls home once an hour shows a rhythm after a day, and a connection of three
// days is long on the third: more than the time between two restarts. So the pairs that
// are followed are kept. Those only noted are not, and begin anew. Format, integers as
// unsigned varints:
//
//	version (1 byte), the running second, second from which pairs are followed
//	number of pairs, then for each
//	  addresses of device and destination (16 bytes each), second since which the device is known
//	  1 for inside, service, first, last, start, count, failed, bytes, packets, bytes of the newest connection
//	  the longest connection and 3 others: bytes, packets, first, last, port of each
//	  newest hour, 28 hours by their number modulo 28
//	  number of intervals, then interval and size of each, the oldest first
//	CRC-32C of all before it (4 bytes, big endian)
const pairsVersion = 1

// errPairs is what DecodePairs fails with when the bytes are not what AppendPairs wrote.
var errPairs = errors.New("pairs: damaged or of an unknown version")

// numbers are what is kept of a pair as it is.
func (r *Pair) numbers() [6]*uint32 {
	return [6]*uint32{&r.service, &r.first, &r.last, &r.start, &r.count, &r.failed}
}

func (r *Pair) followed() [1 + connections]*connection {
	return [1 + connections]*connection{&r.longest, &r.open[0], &r.open[1], &r.open[2]}
}

// AppendPairs appends the pairs that are followed to buf, to go on with after a restart.
func (t *Tracker) AppendPairs(buf []byte) []byte {
	start, x := len(buf), &t.pairs
	buf = append(buf, pairsVersion)
	buf = binary.AppendUvarint(buf, uint64(max(t.now, 0)))
	buf = binary.AppendUvarint(buf, uint64(max(x.since, 0)))
	buf = binary.AppendUvarint(buf, uint64(len(x.all)-len(x.free)))
	for _, r := range x.all {
		if r.used {
			dev := t.dev.at(r.dev)
			buf = append(append(buf, dev.addr[:]...), r.Dest[:]...)
			buf = r.append(binary.AppendUvarint(buf, uint64(dev.born)))
		}
	}
	return binary.BigEndian.AppendUint32(buf, crc32.Checksum(buf[start:], castagnoli))
}

func (r *Pair) append(buf []byte) []byte {
	inside := uint64(0)
	if r.inside {
		inside = 1
	}
	buf = binary.AppendUvarint(buf, inside)
	for _, v := range r.numbers() {
		buf = binary.AppendUvarint(buf, uint64(*v))
	}
	for _, v := range [...]uint64{r.bytes, r.packets, r.newest} {
		buf = binary.AppendUvarint(buf, v)
	}
	for _, c := range r.followed() {
		for _, v := range [...]uint64{c.bytes, uint64(c.packets), uint64(c.first), uint64(c.last), uint64(c.port)} {
			buf = binary.AppendUvarint(buf, v)
		}
	}
	buf = binary.AppendUvarint(buf, uint64(r.hour))
	for _, n := range r.hours {
		buf = binary.AppendUvarint(buf, uint64(n))
	}
	kept := min(int(r.n), startsKept)
	buf = binary.AppendUvarint(buf, uint64(kept))
	for k := range kept {
		call := &r.calls[(int(r.n)-kept+k)%startsKept]
		buf = binary.AppendUvarint(binary.AppendUvarint(buf, uint64(call.gap)), uint64(call.size))
	}
	return buf
}

// DecodePairs goes on with what AppendPairs wrote. It comes after Resume, into a tracker
// that saw no flow yet: without the second to go on from nothing is taken up, nor on an
// error. Pairs that find no room are refused and counted.
func (t *Tracker) DecodePairs(data []byte) error {
	if len(data) < 5 || data[0] != pairsVersion ||
		crc32.Checksum(data[:len(data)-4], castagnoli) != binary.BigEndian.Uint32(data[len(data)-4:]) {
		return errPairs
	}
	whole := checkpointReader{rest: data[1 : len(data)-4]}
	t.eachPair(&whole, func(*flow.Addr, int64, *Pair) {})
	if whole.bad || len(whole.rest) != 0 {
		return errPairs
	}
	if t.now == 0 {
		return nil
	}
	again := checkpointReader{rest: data[1 : len(data)-4]}
	t.pairs.since = t.eachPair(&again, t.takePair)
	return nil
}

// eachPair reads all pairs, and returns since when pairs are followed.
func (t *Tracker) eachPair(in *checkpointReader, f func(device *flow.Addr, born int64, r *Pair)) (since int64) {
	now := int64(in.next() & (1<<62 - 1))
	since = min(int64(in.next()&(1<<62-1)), now)
	for n := in.next(); n > 0 && !in.bad; n-- {
		var device flow.Addr
		var r Pair
		in.addr(&device)
		in.addr(&r.Dest)
		born := min(int64(in.next()&(1<<62-1)), now)
		if r.read(in); !in.bad {
			f(&device, max(born, 1), &r)
		}
	}
	return since
}

func (r *Pair) read(in *checkpointReader) {
	short := func() uint16 { return uint16(min(in.next(), 1<<16-1)) }
	word := func() uint32 { return uint32(min(in.next(), 1<<32-1)) }
	r.inside = in.next() == 1
	for _, v := range r.numbers() {
		*v = word()
	}
	r.bytes, r.packets, r.newest = in.next(), in.next(), in.next()
	for _, c := range r.followed() {
		*c = connection{bytes: in.next(), packets: word(), first: word(), last: word(), port: short()}
	}
	r.hour = word()
	for i := range r.hours {
		r.hours[i] = short()
	}
	kept := in.next()
	if in.bad = in.bad || kept > startsKept || r.first > r.last; in.bad {
		return
	}
	r.n = uint16(kept)
	for i := range kept {
		r.calls[i].gap, r.calls[i].size = short(), short()
	}
}

// takePair follows a pair that was followed before, if it is not silent for too long.
func (t *Tracker) takePair(device *flow.Addr, born int64, saved *Pair) {
	if int64(saved.last) < t.now-idlePair {
		return
	}
	h := t.cfg.Seed.Hash(device)
	slot := t.dev.find(h, device)
	if slot < 0 {
		if t.dev.count() >= t.cfg.MaxDevices {
			t.losses.PairsRefused++
			return
		}
		slot = t.slot(h, device)
		dev := t.dev.at(slot)
		dev.born, dev.touched = born, min(int64(saved.last), t.now)
	}
	x := &t.pairs
	x.prepare(t)
	saved.hash = t.hashPair(h, t.cfg.Seed.Hash(&saved.Dest), saved.service)
	n := x.vacant(saved.hash)
	if n == nil || t.dev.at(slot).pairs >= pairsPerDevice || len(x.free) == 0 && len(x.all) >= t.cfg.MaxPairs {
		t.losses.PairsRefused++
		return
	}
	*n = pairNote{tag: pairTag(saved.hash), first: saved.first, last: max(saved.start, saved.first)}
	t.enlist(slot, n, saved)
}

// vacant is a place for a pair that has none, nil when all of its set are taken.
func (x *pairs) vacant(hash uint64) (free *pairNote) {
	set := x.set(hash)
	for i := range set {
		switch n := &set[i]; {
		case n.tag == pairTag(hash):
			return nil
		case n.tag == 0 && free == nil:
			free = n
		}
	}
	return free
}
