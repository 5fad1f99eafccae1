// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/binary"

	"tidewatch/flow"
)

// sFlow v5 sample formats of enterprise 0 (sflow_version_5.txt, section 5).
const (
	flowSample            = 1
	counterSample         = 2
	expandedFlowSample    = 3
	expandedCounterSample = 4
)

// sflowHead is the header of an sFlow datagram.
type sflowHead struct {
	agent    flow.Addr
	subAgent uint32
	seq      uint32
	samples  int
	size     int
}

// sflowHeader reads the header; ok is false when it is cut or its agent is of an
// unknown address family.
func sflowHeader(b []byte) (h sflowHead, ok bool) {
	if len(b) < 8 {
		return h, false
	}
	at := 8
	switch binary.BigEndian.Uint32(b[4:]) {
	case 1:
		at += 4
		if len(b) >= at {
			h.agent = flow.AddrFrom4([4]byte(b[8:12]))
		}
	case 2:
		at += 16
		if len(b) >= at {
			h.agent = flow.Addr(b[8:24])
		}
	default:
		return h, false
	}
	if len(b) < at+16 {
		return h, false
	}
	h.subAgent = binary.BigEndian.Uint32(b[at:])
	h.seq = binary.BigEndian.Uint32(b[at+4:])
	h.samples = int(binary.BigEndian.Uint32(b[at+12:]))
	h.size = at + 16
	return h, true
}

// sflow5 decodes an sFlow v5 datagram. It has no clock of its own: a sample is
// as old as its arrival.
func (d *Decoder) sflow5(b []byte, m *message) {
	m.proto = SFlow5
	h, ok := sflowHeader(b)
	if !ok {
		d.broken(m, ShortHeader)
		return
	}
	m.domain = h.subAgent
	if !d.open(m, b, h.agent) {
		return
	}
	m.ex.countLost(SFlow5, m.st.seq.step(h.seq, 1, &m.ex.sequence))
	b = b[h.size:]
	left := h.samples
	for ; left > 0 && len(b) >= 8; left-- {
		kind, n := binary.BigEndian.Uint32(b), int(binary.BigEndian.Uint32(b[4:]))
		b = b[8:]
		if n > len(b) {
			d.broken(m, Truncated)
			n = len(b)
		}
		d.sample(m, kind, b[:n])
		b = b[n:]
	}
	switch {
	case left > 0:
		d.broken(m, Truncated)
	case len(b) > 0:
		d.broken(m, TrailingBytes)
	}
}

// sample hands one sample to whom it is for.
func (d *Decoder) sample(m *message, kind uint32, b []byte) {
	switch kind {
	case flowSample, expandedFlowSample:
		s, ok := readSample(b, kind == expandedFlowSample)
		if !ok {
			d.broken(m, BadSample)
			return
		}
		m.ex.stats.FlowSamples++
		d.flowRecords(m, &s)
	case counterSample, expandedCounterSample:
		m.ex.stats.Counters++
		m.res.Counters++
	default:
		d.broken(m, UnknownSample)
	}
}

// sampled is a flow sample's own header; rest are its records.
type sampled struct {
	source, rate uint32 // source is the interface sampled, 0 if it is none
	in, out      uint32
	records      uint32
	rest         []byte
}

// readSample reads a flow sample's header in its compact or expanded form.
func readSample(b []byte, expanded bool) (s sampled, ok bool) {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(b[4*i:]) }
	if !expanded {
		if len(b) < 32 {
			return s, false
		}
		if source := word(1); source>>24 == 0 {
			s.source = source
		}
		s.rate, s.records, s.rest = word(2), word(7), b[32:]
		s.in, s.out = ifIndex(word(5)>>30, word(5)&ifUnknown), ifIndex(word(6)>>30, word(6)&ifUnknown)
		return s, true
	}
	if len(b) < 44 {
		return s, false
	}
	if word(1) == 0 {
		s.source = word(2)
	}
	s.rate, s.records, s.rest = word(3), word(10), b[44:]
	s.in, s.out = ifIndex(word(6), word(7)), ifIndex(word(8), word(9))
	return s, true
}

// ifUnknown stands for the device itself or for not known, in 30 bits.
const ifUnknown = 1<<30 - 1

// ifIndex is the interface, 0 for discarded packets, several outputs, and the
// device itself.
func ifIndex(format, value uint32) uint32 {
	if format != 0 || value == ifUnknown {
		return 0
	}
	return value
}
