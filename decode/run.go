// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/binary"
	"time"

	"tidewatch/flow"
)

// run executes a plan over the records of a set.
func (d *Decoder) run(p *plan, body []byte, s set, m *message) {
	d.scratch.reset(p, s.n)
	for i := range p.ops {
		d.exec(&p.ops[i], p, body, s, m)
	}
}

// runSpans executes a plan over one record whose fields were measured.
func (d *Decoder) runSpans(p *plan, rec []byte, at int, m *message) {
	d.scratch.reset(p, 1)
	for _, o := range p.ops {
		at1 := d.scratch.spans[o.index]
		o.off, o.width = at1.off, at1.width
		if o.width != 0 && o.width < variable && fits(o.col, uint16(o.width)) {
			d.exec(&o, p, rec, set{n: 1, at: at}, m)
		}
	}
}

// set says how many records there are, how far apart, and where they go.
type set struct{ stride, n, at int }

// exec runs one op.
func (d *Decoder) exec(o *op, p *plan, body []byte, s set, m *message) {
	b, at, end, stride := m.out, s.at, s.at+s.n, s.stride
	switch o.col {
	case colSrc:
		fillAddr(b.Src[at:end], body, o, stride)
	case colDst:
		fillAddr(b.Dst[at:end], body, o, stride)
	case colSrcPort:
		fill(b.SrcPort[at:end], body, o, stride)
	case colDstPort:
		fill(b.DstPort[at:end], body, o, stride)
	case colProto:
		fill(b.Proto[at:end], body, o, stride)
	case colFlags:
		if o.keep {
			orFlags(b.TCPFlags[at:end], body, o, stride)
		} else {
			fill(b.TCPFlags[at:end], body, o, stride)
		}
	case colBytes:
		fill(b.Bytes[at:end], body, o, stride)
	case colPackets:
		fill(b.Packets[at:end], body, o, stride)
	case colInIf:
		fill(b.InIf[at:end], body, o, stride)
	case colOutIf:
		fill(b.OutIf[at:end], body, o, stride)
	case colSrcAS:
		fill(b.SrcAS[at:end], body, o, stride)
	case colDstAS:
		fill(b.DstAS[at:end], body, o, stride)
	case colEgress:
		markWhere(b.Mark[at:end], body, o, stride, where{0xff, 1, flow.Egress})
	case colFragmentOffset:
		markWhere(b.Mark[at:end], body, o, stride, where{0x1fff, 0, flow.Fragment})
	case colFragmentFlags:
		markWhere(b.Mark[at:end], body, o, stride, where{moreFragments, 0, flow.Fragment})
	case colEvent: // noted in the plan; its value changes nothing
	case colICMPTypeCode, colICMPType, colICMPCode:
		fillICMP(b.DstPort[at:end], b.Proto[at:end], body, o, stride)
	case colRate:
		fill(b.Sampling[at:end], body, o, stride)
	case colInterval, colSpace, colSize, colPopulation, colProbability:
		fillRate(b.Sampling[at:end], d.scratch.num, body, o, stride)
	case colSampler:
		fill(d.scratch.sampler, body, o, stride)
	default:
		d.execTime(o, p, body, s, m)
	}
}

// moreFragments is bit 2 of IE 197, counted from the most significant.
const moreFragments = 0x20

// execTime runs an op on times.
func (d *Decoder) execTime(o *op, p *plan, body []byte, s set, m *message) {
	b, at, end := m.out, s.at, s.at+s.n
	switch o.col {
	case colBoot:
		fillTime(d.scratch.boot, body, o, s.stride, m)
	case colDuration:
		scale := millisecond
		if o.unit == unitMicros {
			scale = int64(time.Microsecond)
		}
		fillDuration(d.scratch.duration, body, o, s.stride, scale)
	case colStart, colEnd:
		times := b.Start[at:end]
		if o.col == colEnd {
			times = b.End[at:end]
		}
		switch {
		case o.unit != unitUptime || m.hasUp:
			fillTime(times, body, o, s.stride, m)
		case p.boot:
			fillFromBoot(times, d.scratch.boot, body, o, s.stride)
		case p.uptime:
			fillUptimes(d.scratch.duration, body, o, s.stride)
		}
	case colStartDelay:
		fillDelay(b.Start[at:end], body, o, s.stride)
	default:
	}
}

// fillTime converts times to Unix ns.
func fillTime(dst []int64, body []byte, o *op, stride int, m *message) {
	pos := o.off
	if o.unit == unitUptime && !o.keep && o.width == 4 { // the common one by far
		for i := range dst {
			dst[i] = m.export - int64(int32(m.upMillis-binary.BigEndian.Uint32(body[pos:])))*millisecond
			pos += stride
		}
		return
	}
	for i := range dst {
		if !o.keep || dst[i] == 0 {
			dst[i] = o.unit.unixNanos(load(body[pos:], o.width), m)
		}
		pos += stride
	}
}

// fillFromBoot converts uptimes of records that carry their exporter's start.
func fillFromBoot(dst, boot []int64, body []byte, o *op, stride int) {
	pos := o.off
	for i := range dst {
		if boot[i] != 0 && dst[i] == 0 {
			dst[i] = boot[i] + int64(uint32(load(body[pos:], o.width)))*millisecond
		}
		pos += stride
	}
}

// fillUptimes keeps the difference of two uptimes when nobody knows when the
// exporter started: the end comes first and is kept as it is, then the start
// turns it into a duration.
func fillUptimes(duration []int64, body []byte, o *op, stride int) {
	pos := o.off
	for i := range duration {
		v := uint32(load(body[pos:], o.width))
		if o.col == colEnd {
			duration[i] = int64(v)
		} else {
			duration[i] = min(int64(max(int32(uint32(duration[i])-v), 0))*millisecond, maxAge)
		}
		pos += stride
	}
}

func fillDuration(dst []int64, body []byte, o *op, stride int, scale int64) {
	pos := o.off
	for i := range dst {
		if !o.keep || dst[i] == 0 {
			dst[i] = int64(min(load(body[pos:], o.width), uint64(maxAge/scale))) * scale
		}
		pos += stride
	}
}

// fillDelay moves starts by the milliseconds until the first answer.
func fillDelay(start []int64, body []byte, o *op, stride int) {
	pos := o.off
	for i := range start {
		if start[i] != 0 {
			start[i] += int64(uint32(load(body[pos:], o.width))) * millisecond
		}
		pos += stride
	}
}
