// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"encoding/binary"

	"tidewatch/flow"
)

// setHeader is the id and the length of a set, and maxPadding what closing it
// may add.
const (
	setHeader  = 4
	maxPadding = 3
)

// encodeTemplated writes v9 and IPFIX. Rows stay in their order: a change of
// address family closes the set and opens one of the other template.
func (e *Encoder) encodeTemplated(b *flow.Batch, from, to int) error {
	header, timeSize := v9Header, v9Time
	if e.cfg.Protocol == IPFIX {
		header, timeSize = ipfixHeader, ipfixTime
	}
	for i := from; i < to; i++ {
		packets, bytes, _ := e.sampler.take(b.Packets[i], b.Bytes[i])
		if packets == 0 && e.sampler.n > 1 {
			e.stats.Unsampled++
			continue
		}
		id, size := uint16(tmpl4), fixedSize+2*addressSize+2*timeSize
		if !is4(&b.Src[i], &b.Dst[i]) {
			id, size = tmpl6, size+extraV6
		}
		need := size + maxPadding
		if e.set == 0 || e.setID != id {
			need += setHeader + maxPadding
		}
		if e.pos > 0 && e.pos+need > len(e.buf) {
			if err := e.flushTemplated(); err != nil {
				return err
			}
		}
		if e.pos == 0 {
			e.openTemplated(header)
		}
		if e.set == 0 || e.setID != id {
			e.closeSet()
			e.openSet(id)
		}
		e.row(b, i, packets, bytes)
		e.count++
		e.stats.Records++
	}
	if e.pos > 0 {
		return e.flushTemplated()
	}
	return nil
}

// openTemplated leaves room for the header and puts the templates first when
// they are due.
func (e *Encoder) openTemplated(header int) {
	e.pos, e.count, e.set = header, 0, 0
	if e.sinceTmpl >= 0 && e.sinceTmpl < e.cfg.TemplateEvery {
		return
	}
	e.pos += copy(e.buf[e.pos:], e.templates)
	e.sinceTmpl = 0
	e.count = v9TemplateRecords
	if e.cfg.Protocol == IPFIX {
		e.count = ipfixTemplateRecords
	}
}

func (e *Encoder) openSet(id uint16) {
	e.set, e.setID = e.pos, id
	binary.BigEndian.PutUint16(e.buf[e.pos:], id)
	e.pos += setHeader
}

func (e *Encoder) closeSet() {
	if e.set == 0 {
		return
	}
	for (e.pos-e.set)%4 != 0 {
		e.buf[e.pos] = 0
		e.pos++
	}
	binary.BigEndian.PutUint16(e.buf[e.set+2:], uint16(e.pos-e.set))
	e.set = 0
}

// row writes one record in the order of recordFields.
func (e *Encoder) row(b *flow.Batch, i int, packets, bytes uint64) {
	be := binary.BigEndian
	w := e.buf[e.pos:]
	n := 0
	if e.setID == tmpl4 {
		n += copy(w, b.Src[i][12:])
		n += copy(w[n:], b.Dst[i][12:])
	} else {
		n += copy(w, b.Src[i][:])
		n += copy(w[n:], b.Dst[i][:])
	}
	w = w[n:]
	be.PutUint64(w, bytes)
	be.PutUint64(w[8:], packets)
	if e.cfg.Protocol == IPFIX {
		be.PutUint64(w[16:], uint64(b.Start[i]/1e6))
		be.PutUint64(w[24:], uint64(b.End[i]/1e6))
		w, n = w[32:], n+32
	} else {
		be.PutUint32(w[16:], e.uptime(b.Start[i]))
		be.PutUint32(w[20:], e.uptime(b.End[i]))
		w, n = w[24:], n+24
	}
	const rest = fixedSize - 16
	w = w[:rest:rest]
	be.PutUint16(w, b.SrcPort[i])
	be.PutUint16(w[2:], b.DstPort[i])
	be.PutUint16(w[4:], icmpOf(b, i))
	be.PutUint32(w[6:], b.InIf[i])
	be.PutUint32(w[10:], b.OutIf[i])
	be.PutUint32(w[14:], b.SrcAS[i])
	be.PutUint32(w[18:], b.DstAS[i])
	w[22] = b.Proto[i]
	w[23] = b.TCPFlags[i]
	w[24] = 0
	if b.Mark[i]&flow.Egress != 0 {
		w[24] = 1
	}
	e.pos += n + rest
}

// icmpOf is the type and code of an ICMP row, zero for all others.
func icmpOf(b *flow.Batch, i int) uint16 {
	if p := b.Proto[i]; p == flow.ProtoICMP || p == flow.ProtoICMPv6 {
		return b.DstPort[i]
	}
	return 0
}

func (e *Encoder) flushTemplated() error {
	e.closeSet()
	if e.cfg.Protocol == IPFIX {
		e.ipfixHead()
	} else {
		e.v9Head()
	}
	e.sinceTmpl++
	return e.emit()
}
