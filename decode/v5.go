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

// v5Records copies the records in one pass: all columns are known beforehand.
func (d *Decoder) v5Records(body []byte, n int, rate uint32, m *message) {
	o := m.out
	at := o.Grow(n)
	received, start, end := o.Received[at:][:n], o.Start[at:][:n], o.End[at:][:n]
	src, dst := o.Src[at:][:n], o.Dst[at:][:n]
	srcPort, dstPort := o.SrcPort[at:][:n], o.DstPort[at:][:n]
	proto, flags, mark := o.Proto[at:][:n], o.TCPFlags[at:][:n], o.Mark[at:][:n]
	bytes, packets := o.Bytes[at:][:n], o.Packets[at:][:n]
	sampling, exporter := o.Sampling[at:][:n], o.Exporter[at:][:n]
	inIf, outIf := o.InIf[at:][:n], o.OutIf[at:][:n]
	srcAS, dstAS := o.SrcAS[at:][:n], o.DstAS[at:][:n]

	rate, known := m.rate(rate)
	base := rateMark(known)
	index, stamp, export, up, shift := m.ex.index, m.stamp, m.export, m.upMillis, m.shift
	for i := range n {
		r := body[i*v5Record:][:v5Record:v5Record]
		put4(&src[i], r[0:4])
		put4(&dst[i], r[4:8])
		in, out := uint32(binary.BigEndian.Uint16(r[12:])), uint32(binary.BigEndian.Uint16(r[14:]))
		inIf[i], outIf[i] = in, out
		packets[i] = uint64(binary.BigEndian.Uint32(r[16:]))
		bytes[i] = uint64(binary.BigEndian.Uint32(r[20:]))
		s := export - int64(int32(up-binary.BigEndian.Uint32(r[24:])))*millisecond + shift
		e := export - int64(int32(up-binary.BigEndian.Uint32(r[28:])))*millisecond + shift
		mk := base
		if s > e || e > stamp+endSlack || stamp-s > maxAge {
			var clamped flow.Mark
			s, e, clamped = m.times(s-shift, e-shift, 0)
			mk |= clamped
		}
		start[i], end[i] = s, e
		p := r[38]
		sp := binary.BigEndian.Uint16(r[32:])
		if p == flow.ProtoICMP {
			sp = 0
		}
		srcPort[i], dstPort[i] = sp, binary.BigEndian.Uint16(r[34:])
		flags[i], proto[i] = r[37], p
		srcAS[i], dstAS[i] = uint32(binary.BigEndian.Uint16(r[40:])), uint32(binary.BigEndian.Uint16(r[42:]))
		if in|out == 0 {
			mk |= flow.NoInterface
		}
		mark[i] = mk
		received[i], exporter[i], sampling[i] = stamp, index, rate
	}
	m.count(at)
}

// put4 writes an IPv4 address into a zeroed column.
func put4(a *flow.Addr, b []byte) {
	binary.BigEndian.PutUint64(a[8:], 0xffff<<32|uint64(binary.BigEndian.Uint32(b)))
}
