// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/binary"

	"tidewatch/flow"
)

const (
	v9Header        = 20
	v9TemplateSet   = 0
	v9OptionsSet    = 1
	ipfixHeader     = 16
	ipfixTemplates  = 2
	ipfixOptionsSet = 3
)

// netflow9 decodes a NetFlow v9 datagram. The header's count is ignored: some
// exporters count records, some sets, softflowd only data records.
func (d *Decoder) netflow9(b []byte, m *message) {
	m.proto = NetFlow9
	if len(b) < v9Header {
		d.broken(m, ShortHeader)
		return
	}
	m.upMillis, m.hasUp = binary.BigEndian.Uint32(b[4:]), true
	m.export = exportTime(b[8:], 0, m.received)
	m.domain = binary.BigEndian.Uint32(b[16:])
	if !d.open(m, b, flow.Addr{}) {
		return
	}
	m.ex.countLost(NetFlow9, m.st.seq.step(binary.BigEndian.Uint32(b[12:]), 1, &m.ex.sequence))
	d.sets(m, b[v9Header:])
}

// ipfix decodes an IPFIX message.
func (d *Decoder) ipfix(b []byte, m *message) {
	m.proto = IPFIX
	if len(b) < ipfixHeader {
		d.broken(m, ShortHeader)
		return
	}
	length := int(binary.BigEndian.Uint16(b[2:]))
	if length < ipfixHeader {
		d.broken(m, BadSetLength)
		return
	}
	m.export = exportTime(b[4:], 0, m.received)
	m.domain = binary.BigEndian.Uint32(b[12:])
	if !d.open(m, b, flow.Addr{}) {
		return
	}
	switch {
	case length > len(b):
		d.broken(m, Truncated)
		m.blind = true
	case length < len(b):
		d.broken(m, TrailingBytes)
		b = b[:length]
	}
	if m.st.boot != 0 {
		m.setBoot(m.st.boot)
	}
	d.sets(m, b[ipfixHeader:])
	// The number is that of the first record here, so the count comes last.
	flows := m.data - uint32(m.res.Options)
	m.ex.countLost(IPFIX, m.st.seq.stepRecords(binary.BigEndian.Uint32(b[8:]), m.data, flows, &m.ex.sequence))
	if m.blind {
		m.st.seq.forget()
	}
}

// sets walks the sets of a message by their lengths. Each takes at least four
// bytes, so the walk ends.
func (d *Decoder) sets(m *message, b []byte) {
	for len(b) >= 4 {
		id, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		switch {
		case n < 4:
			if id != 0 || n != 0 { // some exporters fill the datagram with zeros
				d.broken(m, BadSetLength)
			}
			m.blind = m.blind || id != 0 || n != 0
			return
		case n > len(b):
			d.broken(m, Truncated)
			m.blind = true
			n = len(b)
		}
		d.set(m, id, b[4:n])
		b = b[n:]
	}
}

// set hands one set to whom it is for.
func (d *Decoder) set(m *message, id uint16, body []byte) {
	v9 := m.proto == NetFlow9
	switch {
	case id >= minDataSet:
		key := newTemplateKey(m.proto, m.domain, id)
		if t := d.lookup(m.ex, key, m.received); t != nil {
			d.dataSet(m, t, body)
			return
		}
		if len(body) == 0 {
			return
		}
		m.blind = true
		if d.hold(m, key, body) {
			m.res.Held++
		} else {
			d.broken(m, MissingTemplate)
		}
	case v9 && id == v9TemplateSet, !v9 && id == ipfixTemplates:
		d.templates(m, body)
	case v9 && id == v9OptionsSet:
		d.optionsTemplates9(m, body)
	case !v9 && id == ipfixOptionsSet:
		d.optionsTemplates(m, body)
	default:
		d.broken(m, ReservedSet)
	}
}

// templates reads a template set. A template costs at least four bytes.
func (d *Decoder) templates(m *message, b []byte) {
	for len(b) >= 4 {
		id, count := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if id == 0 && count == 0 { // padding
			return
		}
		b = b[4:]
		if count == 0 {
			d.noFields(m, id, ipfixTemplates)
			continue
		}
		n, ok := specLength(b, count, m.proto == IPFIX)
		if !ok {
			d.broken(m, BadTemplate)
			return
		}
		d.define(m, &definition{key: newTemplateKey(m.proto, m.domain, id), spec: b[:n], count: count})
		b = b[n:]
	}
}

// noFields is a withdrawal in IPFIX (RFC 7011, 8.1) and nonsense in v9.
func (d *Decoder) noFields(m *message, id, set uint16) {
	switch {
	case m.proto != IPFIX:
		d.broken(m, EmptyTemplate)
	case id >= minDataSet:
		m.ex.withdraw(m.domain, id)
	case id != set:
		d.broken(m, BadTemplate)
	case !m.emptied[set-ipfixTemplates]: // once is enough, and each costs a walk over the table
		m.emptied[set-ipfixTemplates] = true
		m.ex.withdraw(m.domain, id)
	}
}

// optionsTemplates reads an IPFIX options template set (RFC 7011, 3.4.2.2).
func (d *Decoder) optionsTemplates(m *message, b []byte) {
	for len(b) >= 4 {
		id, count := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if id == 0 && count == 0 {
			return
		}
		if count == 0 {
			d.noFields(m, id, ipfixOptionsSet)
			b = b[4:]
			continue
		}
		if len(b) < 6 {
			d.broken(m, BadTemplate)
			return
		}
		scope := int(binary.BigEndian.Uint16(b[4:]))
		b = b[6:]
		n, ok := specLength(b, count, true)
		if !ok || scope > count {
			d.broken(m, BadTemplate)
			return
		}
		d.define(m, &definition{
			key: newTemplateKey(IPFIX, m.domain, id), spec: b[:n], count: count, scope: scope, options: true,
		})
		b = b[n:]
	}
}

// optionsTemplates9 reads a v9 options template set, where lengths are in bytes
// (RFC 3954, 6.1).
func (d *Decoder) optionsTemplates9(m *message, b []byte) {
	for len(b) >= 6 {
		id := binary.BigEndian.Uint16(b)
		scope, option := int(binary.BigEndian.Uint16(b[2:])), int(binary.BigEndian.Uint16(b[4:]))
		if id == 0 && scope == 0 && option == 0 {
			return
		}
		b = b[6:]
		n := scope + option
		if scope%4 != 0 || option%4 != 0 || n > len(b) {
			d.broken(m, BadTemplate)
			return
		}
		d.define(m, &definition{
			key: newTemplateKey(NetFlow9, m.domain, id), spec: b[:n], count: n / 4, scope: scope / 4, options: true,
		})
		b = b[n:]
	}
}
