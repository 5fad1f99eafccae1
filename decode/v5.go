// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/binary"

	"tidewatch/flow"
)

const (
	v5Header = 24
	v5Record = 48
	// v5MaxRecords is what Cisco's format allows in a datagram. More is believed
	// only when all of them are there.
	v5MaxRecords = 30
	// v5RateBits are the sampling interval's bits; the upper two name the mode.
	v5RateBits = 1<<14 - 1
)

// netflow5 decodes a NetFlow v5 datagram.
func (d *Decoder) netflow5(b []byte, m *message) {
	m.proto = NetFlow5
	if len(b) < v5Header {
		d.broken(m, ShortHeader)
		return
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	fit := (len(b) - v5Header) / v5Record
	if n == 0 || n > fit && n > v5MaxRecords {
		d.broken(m, BadCount)
		return
	}
	m.upMillis = binary.BigEndian.Uint32(b[4:])
	nanos := binary.BigEndian.Uint32(b[12:])
	if nanos >= uint32(second) {
		nanos = 0
	}
	m.export = exportTime(b[8:], nanos, m.received)
	m.domain = uint32(binary.BigEndian.Uint16(b[20:])) // engine type and id
	if !d.open(m, b, flow.Addr{}) {
		return
	}
	m.ex.countLost(NetFlow5, m.st.seq.step(binary.BigEndian.Uint32(b[16:]), uint32(n), &m.ex.sequence))
	if n > fit {
		d.broken(m, Truncated)
		n = fit
	}
	body := b[v5Header : v5Header+n*v5Record]
	rate := uint32(binary.BigEndian.Uint16(b[22:]) & v5RateBits)
	d.v5Records(body, n, rate, m)
}

// v5Records copies the records in a few passes over what is in the first-level
// cache by then: with all columns in one pass their pointers outnumber the
// registers.
func (d *Decoder) v5Records(body []byte, n int, rate uint32, m *message) {
	at := m.out.Grow(n)
	m.v5Keys(body, at)
	m.v5Counters(body, at)
	rate, known := m.rate(rate)
	m.v5Times(body, at, rateMark(known))
	o := m.out
	fillWith(o.Received[at:], m.stamp)
	fillWith(o.Exporter[at:], m.ex.index)
	fillWith(o.Sampling[at:], rate)
	if !known {
		m.ex.stats.NoRate += uint64(n)
	}
}

func fillWith[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// v5Keys copies addresses, ports, protocol and flags.
func (m *message) v5Keys(body []byte, at int) {
	o := m.out
	src := o.Src[at:]
	n := len(src)
	dst, srcPort, dstPort := o.Dst[at:][:n], o.SrcPort[at:][:n], o.DstPort[at:][:n]
	proto, flags := o.Proto[at:][:n], o.TCPFlags[at:][:n]
	for i := range src {
		r := (*[v5Record]byte)(body)
		body = body[v5Record:]
		put4(&src[i], r[0:4])
		put4(&dst[i], r[4:8])
		p := r[38]
		sp := binary.BigEndian.Uint16(r[32:])
		if p == flow.ProtoICMP {
			sp = 0
		}
		srcPort[i], dstPort[i] = sp, binary.BigEndian.Uint16(r[34:])
		flags[i], proto[i] = r[37], p
	}
}

// v5Counters copies interfaces, counters and AS numbers.
func (m *message) v5Counters(body []byte, at int) {
	o := m.out
	bytes := o.Bytes[at:]
	n := len(bytes)
	packets, inIf, outIf := o.Packets[at:][:n], o.InIf[at:][:n], o.OutIf[at:][:n]
	srcAS, dstAS := o.SrcAS[at:][:n], o.DstAS[at:][:n]
	for i := range bytes {
		r := (*[v5Record]byte)(body)
		body = body[v5Record:]
		inIf[i], outIf[i] = uint32(binary.BigEndian.Uint16(r[12:])), uint32(binary.BigEndian.Uint16(r[14:]))
		packets[i] = uint64(binary.BigEndian.Uint32(r[16:]))
		bytes[i] = uint64(binary.BigEndian.Uint32(r[20:]))
		srcAS[i], dstAS[i] = uint32(binary.BigEndian.Uint16(r[40:])), uint32(binary.BigEndian.Uint16(r[42:]))
	}
}

// v5Times converts uptimes and sets the marks.
func (m *message) v5Times(body []byte, at int, base flow.Mark) {
	o := m.out
	start := o.Start[at:]
	n := len(start)
	end, mark := o.End[at:][:n], o.Mark[at:][:n]
	stamp, export, up, shift := m.stamp, m.export, m.upMillis, m.shift
	latest, earliest := stamp+endSlack, stamp-maxAge
	for i := range start {
		r := (*[v5Record]byte)(body)
		body = body[v5Record:]
		s := export - int64(int32(up-binary.BigEndian.Uint32(r[24:])))*millisecond + shift
		e := export - int64(int32(up-binary.BigEndian.Uint32(r[28:])))*millisecond + shift
		mk := base
		if s > e || e > latest || s < earliest {
			var clamped flow.Mark
			s, e, clamped = m.times(s-shift, e-shift, 0)
			mk |= clamped
			m.ex.stats.Clamped += uint64(mk & flow.Clamped / flow.Clamped)
			m.ex.stats.NoTime += uint64(mk & flow.NoTime / flow.NoTime)
		}
		start[i], end[i] = s, e
		if binary.BigEndian.Uint32(r[12:]) == 0 { // both interfaces
			mk |= flow.NoInterface
			m.ex.stats.NoInterface++
		}
		mark[i] = mk
	}
}

// put4 writes an IPv4 address into a zeroed column.
func put4(a *flow.Addr, b []byte) {
	binary.BigEndian.PutUint64(a[8:16], 0xffff<<32|uint64(binary.BigEndian.Uint32(b)))
}
