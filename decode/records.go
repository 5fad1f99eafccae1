// SPDX-License-Identifier: Apache-2.0

package decode

import "tidewatch/flow"

// dataSet decodes the records of one data set.
func (d *Decoder) dataSet(m *message, t *template, body []byte) {
	switch {
	case t.options:
		d.optionsSet(m, t, body)
	case t.variable:
		d.variableSet(m, t, body)
	default:
		n := len(body) / t.size // what is left over is padding
		m.data += uint32(n)
		if n == 0 {
			return
		}
		at := m.out.Grow(n)
		d.run(&t.forward, body, set{stride: t.size, n: n, at: at}, m)
		d.finish(m, &t.forward, at)
		m.count(at)
		if t.reverse.ops != nil {
			at = m.out.Grow(n)
			d.run(&t.reverse, body, set{stride: t.size, n: n, at: at}, m)
			d.finishReverse(m, &t.reverse, at)
		}
	}
}

// variableSet walks records of variable length, each to its own end. A record
// takes at least one byte, so the walk ends.
func (d *Decoder) variableSet(m *message, t *template, body []byte) {
	spans := d.spans(len(t.fields))
	for len(body) >= t.size {
		size, ok := measure(t.fields, body, spans)
		if !ok {
			if !isPadding(body) {
				d.broken(m, BadField)
				m.blind = true
			}
			return
		}
		m.data++
		at := m.out.Grow(1)
		d.runSpans(&t.forward, body, at, m)
		d.finish(m, &t.forward, at)
		m.count(at)
		if t.reverse.ops != nil {
			at = m.out.Grow(1)
			d.runSpans(&t.reverse, body, at, m)
			d.finishReverse(m, &t.reverse, at)
		}
		body = body[size:]
	}
}

// isPadding tells a few zero bytes at the end of a set from a broken record.
func isPadding(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func (d *Decoder) spans(n int) []span {
	d.scratch.spans = zeroed(d.scratch.spans, n)
	return d.scratch.spans
}

// finish completes the records from at on: what the message and the exporter
// say, rates, times and marks.
func (d *Decoder) finish(m *message, p *plan, at int) {
	b := m.out
	d.rates(m, p, at)
	n := b.Len() - at
	received, start, end := b.Received[at:][:n], b.Start[at:][:n], b.End[at:][:n]
	exporter, marks := b.Exporter[at:][:n], b.Mark[at:][:n]
	proto, srcPort := b.Proto[at:][:n], b.SrcPort[at:][:n]
	inIf, outIf := b.InIf[at:][:n], b.OutIf[at:][:n]
	index, stamp, shift := m.ex.index, m.stamp, m.shift
	for i := range n {
		mark := p.mark
		s, e := start[i]+shift, end[i]+shift
		if start[i] == 0 || end[i] == 0 || s > e || e > stamp+endSlack || stamp-s > maxAge {
			var dur int64
			if p.duration {
				dur = d.scratch.duration[i]
			}
			var more flow.Mark
			s, e, more = m.times(start[i], end[i], dur)
			mark |= more
		}
		start[i], end[i] = s, e
		if inIf[i]|outIf[i] == 0 {
			mark |= flow.NoInterface
		}
		if isICMP(proto[i]) {
			srcPort[i] = 0
		}
		marks[i] |= mark
		received[i], exporter[i] = stamp, index
	}
	if p.events {
		markRepeats(b, at)
	}
}

// markRepeats marks a record that says the same as the one before it. A Cisco ASA
// reports the end of a flow as an update and again as a deletion, both with all
// bytes.
func markRepeats(b *flow.Batch, at int) {
	for i := at + 1; i < b.Len(); i++ {
		if b.Bytes[i] != 0 && b.Bytes[i] == b.Bytes[i-1] && b.Packets[i] == b.Packets[i-1] &&
			b.Start[i] == b.Start[i-1] && b.End[i] == b.End[i-1] && b.Proto[i] == b.Proto[i-1] &&
			b.SrcPort[i] == b.SrcPort[i-1] && b.DstPort[i] == b.DstPort[i-1] &&
			b.Src[i] == b.Src[i-1] && b.Dst[i] == b.Dst[i-1] {
			b.Mark[i] |= flow.Duplicate
		}
	}
}

// finishReverse completes reverse halves and keeps those that had traffic.
func (d *Decoder) finishReverse(m *message, p *plan, at int) {
	d.finish(m, p, at)
	b := m.out
	kept := at
	for i := at; i < b.Len(); i++ {
		if b.Bytes[i] == 0 && b.Packets[i] == 0 {
			continue
		}
		b.Mark[i] |= flow.Reverse
		if kept != i {
			move(b, kept, i)
		}
		kept++
	}
	b.Truncate(kept)
	m.count(at)
}

// move copies record from onto record to.
func move(b *flow.Batch, to, from int) {
	b.Received[to], b.Start[to], b.End[to] = b.Received[from], b.Start[from], b.End[from]
	b.Src[to], b.Dst[to] = b.Src[from], b.Dst[from]
	b.SrcPort[to], b.DstPort[to] = b.SrcPort[from], b.DstPort[from]
	b.Proto[to], b.TCPFlags[to], b.Mark[to] = b.Proto[from], b.TCPFlags[from], b.Mark[from]
	b.Bytes[to], b.Packets[to] = b.Bytes[from], b.Packets[from]
	b.Sampling[to], b.Exporter[to] = b.Sampling[from], b.Exporter[from]
	b.InIf[to], b.OutIf[to] = b.InIf[from], b.OutIf[from]
	b.SrcAS[to], b.DstAS[to] = b.SrcAS[from], b.DstAS[from]
}

// count books what is missing in the records from at on.
func (m *message) count(at int) {
	s, b := &m.ex.stats, m.out
	src, dst := b.Src[at:], b.Dst[at:]
	for i, mark := range b.Mark[at:] {
		if mark&(flow.NoRate|flow.NoTime|flow.NoInterface|flow.Clamped) != 0 {
			s.NoRate += uint64(mark & flow.NoRate / flow.NoRate)
			s.NoTime += uint64(mark & flow.NoTime / flow.NoTime)
			s.NoInterface += uint64(mark & flow.NoInterface / flow.NoInterface)
			s.Clamped += uint64(mark & flow.Clamped / flow.Clamped)
		}
		if src[i].IsZero() && dst[i].IsZero() {
			s.NoAddress++
		}
	}
}
