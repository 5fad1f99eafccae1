// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"tidewatch/flow"
	"tidewatch/query"
)

// flip marks a row of a selection that is looked at from its destination: the device
// is the destination, the peer the source.
const flip = 1 << 31

// DynamicPort stands for all service ports from there on: both ends chose them.
const DynamicPort = 32768

// twoSided reports whether a flow may stand for two devices.
func twoSided(group []query.Dimension) bool {
	for _, d := range group {
		if d == query.Device || d == query.Peer {
			return true
		}
	}
	return false
}

// sides doubles the rows between two own addresses, and turns those whose own end is
// the destination.
func sides(marks *Vector, rows, out []uint32) []uint32 {
	for _, r := range rows {
		m := flow.Mark(marks.Number(r))
		if m&flow.DstInternal == 0 || m&flow.SrcInternal != 0 {
			out = append(out, r)
		}
		if m&flow.DstInternal != 0 {
			out = append(out, r|flip)
		}
	}
	return out
}

// codes gives each row of a selection the number of its value in one dimension.
func codes(w *view, d query.Dimension, known *values, rows, out []uint32) ([]uint32, error) {
	out = out[:0]
	switch d {
	case query.Src, query.Dst, query.Exporter, query.SrcNet, query.SrcNet16, query.DstNet, query.DstNet16:
		return addrCodes(w, d, known, rows, out)
	case query.Device, query.Peer:
		return endCodes(w, d == query.Peer, known, rows, out)
	case query.Service:
		return serviceCodes(w, known, rows, out)
	case query.SrcPort:
		return numberCodes(w, SrcPort, known, rows, out)
	case query.DstPort:
		return numberCodes(w, DstPort, known, rows, out)
	case query.Proto:
		return numberCodes(w, Proto, known, rows, out)
	case query.SrcAS:
		return numberCodes(w, SrcAS, known, rows, out)
	case query.DstAS:
		return numberCodes(w, DstAS, known, rows, out)
	case query.Input:
		return numberCodes(w, InIf, known, rows, out)
	case query.Output:
		return numberCodes(w, OutIf, known, rows, out)
	case query.TCPFlags:
	}
	return numberCodes(w, TCPFlags, known, rows, out)
}

func addrCodes(w *view, d query.Dimension, known *values, rows, out []uint32) ([]uint32, error) {
	c := Src
	switch d {
	case query.Exporter:
		c = Exporter
	case query.Dst, query.DstNet, query.DstNet16:
		c = Dst
	default: // the networks of sources, too
	}
	v, err := w.column(c)
	if err != nil {
		return nil, err
	}
	return dictCodes(v, len(v.Addrs), rows, out, func(i uint32) uint32 { return known.id(masked(v.Addrs[i], d)) }), nil
}

func numberCodes(w *view, c Column, known *values, rows, out []uint32) ([]uint32, error) {
	v, err := w.column(c)
	if err != nil {
		return nil, err
	}
	return dictCodes(v, len(v.Numbers), rows, out, func(i uint32) uint32 { return known.number(v.Numbers[i]) }), nil
}

// fresh is an index whose value was not looked up yet; unknown ones stay unknown.
const fresh = unknown - 1

// dictCodes looks each distinct value up once, and only those of selected rows.
func dictCodes(v *Vector, values int, rows, out []uint32, id func(uint32) uint32) []uint32 {
	if v.Index == nil {
		for _, r := range rows {
			out = append(out, id(r&^flip))
		}
		return out
	}
	ids := make([]uint32, values)
	for i := range ids {
		ids[i] = fresh
	}
	for _, r := range rows {
		x := v.Index[r&^flip]
		if ids[x] == fresh {
			ids[x] = id(x)
		}
		out = append(out, ids[x])
	}
	return out
}

// endCodes takes the own end or the other one; flows between two others have neither,
// which is the zero address.
func endCodes(w *view, peer bool, known *values, rows, out []uint32) ([]uint32, error) {
	var v [2]*Vector
	var err error
	for i, c := range [2]Column{Src, Dst} {
		if v[i], err = w.column(c); err != nil {
			return nil, err
		}
	}
	marks, err := w.column(Mark)
	if err != nil {
		return nil, err
	}
	var ids [2][]uint32
	for i := range ids {
		ids[i] = make([]uint32, len(v[i].Addrs))
		for k := range ids[i] {
			ids[i][k] = fresh
		}
	}
	for _, r := range rows {
		side := int(r >> 31)
		if peer {
			side = 1 - side
		}
		r &^= flip
		if flow.Mark(marks.Number(r))&(flow.SrcInternal|flow.DstInternal) == 0 {
			out = append(out, known.id(flow.Addr{}))
			continue
		}
		x := r
		if v[side].Index != nil {
			x = v[side].Index[r]
		}
		if ids[side][x] == fresh {
			ids[side][x] = known.id(v[side].Addrs[x])
		}
		out = append(out, ids[side][x])
	}
	return out, nil
}

func serviceCodes(w *view, known *values, rows, out []uint32) ([]uint32, error) {
	var v [3]*Vector
	var err error
	for i, c := range [3]Column{Proto, SrcPort, DstPort} {
		if v[i], err = w.column(c); err != nil {
			return nil, err
		}
	}
	for _, r := range rows {
		r &^= flip
		out = append(out, known.number(service(uint8(v[0].Number(r)), v[1].Number(r), v[2].Number(r))))
	}
	return out, nil
}

// service packs protocol and port; without ports the protocol is all.
func service(proto uint8, src, dst uint64) uint64 {
	switch proto {
	case flow.ProtoTCP, flow.ProtoUDP, flow.ProtoSCTP:
		return uint64(proto)<<16 | min(src, dst, DynamicPort)
	}
	return uint64(proto) << 16
}
