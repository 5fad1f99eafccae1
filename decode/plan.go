// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"cmp"
	"slices"

	"tidewatch/flow"
)

// op copies one field of every record of a set into one column.
type op struct {
	col   column
	unit  unit
	rank  uint8
	keep  bool // fill only where an earlier op left zero
	index uint16
	off   int
	width int
}

// plan is a compiled template: its ops in the order they run.
type plan struct {
	ops      []op
	mark     flow.Mark // what all records get
	ownRate  bool      // records carry a rate
	sampler  bool      // records name their sampler
	boot     bool      // records carry the exporter's start-up time
	duration bool      // scratch.duration is used
	events   bool      // records are a firewall's events
	uptime   bool      // start and end are known as uptime only
}

// compile places the fields of a template. With reverse it gives the plan of the
// other half of a biflow, where source and destination have changed sides.
func compile(fields []field, proto Protocol, reverse bool) plan {
	var p plan
	off, fixed := 0, true
	for i, f := range fields {
		e := place(f, reverse)
		if e.col != noColumn && f.length != 0 && fits(e.col, f.length) {
			o := op{col: e.col, unit: e.unit, rank: e.rank, index: uint16(i), width: int(f.length)}
			if fixed {
				o.off = off
			}
			p.ops = append(p.ops, o)
		}
		fixed = fixed && f.length != variable
		off += int(f.length)
	}
	inner := isTunnel(fields)
	slices.SortStableFunc(p.ops, func(a, b op) int {
		if inner && a.col == b.col && a.col <= colFlags {
			return cmp.Compare(b.index, a.index)
		}
		return cmp.Or(cmp.Compare(a.col, b.col), cmp.Compare(a.rank, b.rank))
	})
	if inner {
		p.ops = slices.CompactFunc(p.ops, func(a, b op) bool { return a.col == b.col && a.col > colDst && a.col <= colFlags })
	}
	p.settle(proto)
	p.ops = slices.Clip(p.ops)
	return p
}

// place maps a field to its column for one direction.
func place(f field, reverse bool) element {
	switch {
	case f.pen == penReverse && reverse:
		return reverseOwn(f.id)
	case f.pen == penCERT:
		return certElement(f.id, reverse)
	case f.pen != 0:
		return element{}
	case !reverse:
		return ianaElement(f.id)
	}
	return reverseOf(f.id)
}

// reverseOwn places an RFC 5103 reverse element: what was measured on the way back.
func reverseOwn(id uint16) element {
	e := ianaElement(id)
	switch e.col {
	case colBytes, colPackets, colFlags, colInIf, colOutIf, colStart, colEnd, colDuration, colEgress:
		return e
	default:
		return element{}
	}
}

// sharedRank puts what both halves share after what the reverse half has itself.
const sharedRank = 16

// reverseOf places a forward element in the reverse half: keys change sides,
// counters and flags are the forward half's alone.
func reverseOf(id uint16) element {
	switch id {
	case 232: // responderOctets
		return element{col: colBytes, rank: 3}
	case 299: // responderPackets
		return element{col: colPackets, rank: 3}
	}
	e := ianaElement(id)
	switch e.col {
	case colBytes, colPackets, colFlags, colEgress, colFragmentOffset, colFragmentFlags:
		return element{}
	case colSrc:
		e.col = colDst
	case colDst:
		e.col = colSrc
	case colSrcPort:
		e.col = colDstPort
	case colDstPort:
		e.col = colSrcPort
	case colInIf:
		e.col = colOutIf
	case colOutIf:
		e.col = colInIf
	case colSrcAS:
		e.col = colDstAS
	case colDstAS:
		e.col = colSrcAS
	default:
	}
	e.rank += sharedRank
	return e
}

// isBiflow reports whether records count both directions.
func isBiflow(fields []field) bool {
	return slices.ContainsFunc(fields, func(f field) bool {
		switch f.pen {
		case penReverse:
			c := ianaElement(f.id).col
			return c == colBytes || c == colPackets
		case 0:
			return f.id == 232 || f.id == 299
		}
		return false
	})
}

// isTunnel reports whether records describe a packet within a packet: the fields
// then stand from the outer header to the inner (RFC 7011, 8), and the inner one
// tells who talks to whom.
func isTunnel(fields []field) bool {
	protos := 0
	for _, f := range fields {
		if f.pen == 0 && f.id == 4 {
			protos++
		}
	}
	return protos > 1
}

// fits reports whether a column can be read from a field of that length.
func fits(c column, length uint16) bool {
	if length == variable {
		return true // judged record by record
	}
	switch c {
	case colSrc, colDst:
		return length == 4 || length == 16
	case colProbability:
		return length == 8
	default:
		return length <= 8
	}
}

// settle decides which op of a column fills and which only stand in, and what
// the records have in common.
func (p *plan) settle(proto Protocol) {
	p.uptime = proto == IPFIX && p.onlyUptime()
	has := map[column]bool{}
	for i := range p.ops {
		o := &p.ops[i]
		o.keep = has[o.col]
		has[o.col] = true
	}
	if has[colRate] {
		p.ops = slices.DeleteFunc(p.ops, func(o op) bool { return o.col > colRate && o.col <= colProbability })
	}
	p.ownRate = has[colRate] || has[colInterval] || has[colPopulation] || has[colProbability]
	if !p.ownRate { // a space or a size without the other half of its pair says nothing
		p.ops = slices.DeleteFunc(p.ops, func(o op) bool { return o.col == colSpace || o.col == colSize })
	}
	p.sampler = has[colSampler]
	p.boot = has[colBoot]
	p.events = has[colEvent]
	p.duration = has[colDuration] || p.uptime
	if !has[colFlags] {
		p.mark |= flow.NoTCPFlags
	}
}

// onlyUptime reports whether start and end are given by uptime and not otherwise.
func (p *plan) onlyUptime() bool {
	start, end := false, false
	for _, o := range p.ops {
		switch {
		case o.col != colStart && o.col != colEnd:
		case o.unit != unitUptime:
			return false
		case o.col == colStart:
			start = true
		default:
			end = true
		}
	}
	return start && end
}
