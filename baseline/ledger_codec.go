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

// ledgerVersion is the newest format; the first lacked what accounts usually get.
const ledgerVersion = 2

var errLedger = errors.New("ledger: a field is out of its range or cut off")

// AppendBinary appends the ledger: a version, the number of devices, then each in the
// order of addresses. Integers are little-endian, days and blocks unsigned varints,
// so that empty ones take a byte.
func (l *Ledger) AppendBinary(buf []byte) []byte {
	e := binary.LittleEndian
	buf = e.AppendUint32(append(buf, ledgerVersion), uint32(len(l.devices)))
	addrs := make([]flow.Addr, 0, len(l.devices))
	for a := range l.devices {
		addrs = append(addrs, a)
	}
	slices.SortFunc(addrs, func(a, b flow.Addr) int { return bytes.Compare(a[:], b[:]) })
	for _, addr := range addrs {
		d := l.devices[addr]
		buf = append(buf, addr[:]...)
		buf = e.AppendUint16(buf, d.first)
		buf = e.AppendUint16(buf, d.day)
		buf = e.AppendUint16(buf, d.active)
		buf = append(buf, d.usual.n)
		for _, v := range d.numbers() {
			buf = e.AppendUint32(buf, math.Float32bits(*v))
		}
		buf = append(d.total.appendBinary(buf), byte(len(d.hosts)), byte(len(d.networks)))
		for _, list := range [][]Account{d.hosts, d.networks} {
			for i := range list {
				buf = list[i].appendBinary(buf)
			}
		}
	}
	return buf
}

// numbers are the fractions, that which may be negative last.
func (d *DeviceLedger) numbers() [4]*float32 {
	return [4]*float32{&d.lost, &d.usual.vari, &d.usual.top, &d.usual.mean}
}

func (a *Account) numbers() [6]*float32 {
	return [6]*float32{&a.latest, &a.today, &a.block, &a.weight, &a.over, &a.excess}
}

func (a *Account) appendBinary(buf []byte) []byte {
	e := binary.LittleEndian
	buf = append(buf, a.Key[:]...)
	buf = e.AppendUint32(buf, a.Service)
	for _, v := range [...]uint16{a.first, a.last, a.fed, a.since} {
		buf = e.AppendUint16(buf, v)
	}
	buf = e.AppendUint32(buf, a.hour)
	for _, v := range a.numbers() {
		buf = e.AppendUint32(buf, math.Float32bits(*v))
	}
	for _, v := range a.days {
		buf = binary.AppendUvarint(buf, uint64(v))
	}
	for _, v := range a.blocks {
		buf = binary.AppendUvarint(buf, uint64(v))
	}
	return a.rise.appendBinary(buf)
}

// packed reads what pack made.
func (in *habitInput) packed() uint16 {
	v, n := binary.Uvarint(in.buf)
	if in.bad || n <= 0 || v > math.MaxUint16 {
		in.bad = true
		return 0
	}
	in.buf = in.buf[n:]
	return uint16(v)
}

func (a *Account) read(in *habitInput, version uint8) {
	copy(a.Key[:], in.take(len(a.Key)))
	a.Service = in.u32()
	for _, v := range []*uint16{&a.first, &a.last, &a.fed, &a.since} {
		*v = in.u16()
	}
	a.hour = in.u32()
	for _, v := range a.numbers() {
		*v = in.number(false)
	}
	for i := range a.days {
		a.days[i] = in.packed()
	}
	for i := range a.blocks {
		a.blocks[i] = in.packed()
	}
	if version > 1 {
		a.rise.read(in)
	}
}

// Decode replaces the ledger by what AppendBinary wrote and returns the rest of buf. On an error
// nothing is changed. Devices beyond the bound are refused and counted.
func (l *Ledger) Decode(buf []byte) (rest []byte, err error) {
	in := habitInput{buf: buf}
	version := in.u8()
	if in.bad {
		return buf, errLedger
	}
	if version < 1 || version > ledgerVersion {
		return buf, fmt.Errorf("ledger: version %d is unknown; %d is the newest known", version, ledgerVersion)
	}
	devices, watched, refused := map[flow.Addr]*DeviceLedger{}, map[flow.Addr]bool{}, uint64(0)
	for range in.u32() {
		addr, d := flow.Addr(in.take(16)), new(DeviceLedger)
		high, err := d.read(&in, version)
		switch {
		case err != nil:
			return buf, err
		case len(devices) >= l.cfg.MaxDevices:
			refused++
			continue
		}
		devices[addr] = d
		if high {
			watched[addr] = true
		}
	}
	if in.bad {
		return buf, errLedger
	}
	l.devices, l.watched, l.uncounted = devices, watched, true
	l.refused += refused
	return in.buf, nil
}

// read takes one device, and tells whether any of its accounts is watched.
func (d *DeviceLedger) read(in *habitInput, version uint8) (watched bool, err error) {
	d.first, d.day, d.active, d.usual.n = in.u16(), in.u16(), in.u16(), in.u8()
	for i, v := range d.numbers() {
		*v = in.number(i == 3)
	}
	d.total.read(in, version)
	hosts, networks := int(in.u8()), int(in.u8())
	if in.bad || d.usual.n > trendMemory || hosts > ledgerHosts || networks > ledgerMost || d.first > d.day {
		return false, errLedger
	}
	d.hosts, d.networks = make([]Account, hosts), make([]Account, networks)
	for _, list := range [][]Account{d.hosts, d.networks} {
		for i := range list {
			list[i].read(in, version)
		}
	}
	for i := range d.networks {
		watched = watched || d.networks[i].watched()
	}
	if in.bad {
		return false, errLedger
	}
	return watched, nil
}
