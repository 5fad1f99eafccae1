// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"tidewatch/flow"
	"tidewatch/query"
	"tidewatch/rollup"
	"tidewatch/segment"
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
// the destination. What an address sends to itself counts once.
func sides(w *view, rows, out []uint32) ([]uint32, error) {
	v, err := w.columns(segment.Mark, segment.Src, segment.Dst)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		m := flow.Mark(v[0].small[r])
		from := m&flow.DstInternal == 0 || m&flow.SrcInternal != 0
		if from {
			out = append(out, r)
		}
		if m&flow.DstInternal != 0 && (!from || *v[1].addr(r) != *v[2].addr(r)) {
			out = append(out, r|flip)
		}
	}
	return out, nil
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
	case rollup.Direction:
		return directionCodes(w, known, rows, out)
	default:
	}
	return numberCodes(w, numberOf(d), known, rows, out)
}

func addrCodes(w *view, d query.Dimension, known *values, rows, out []uint32) ([]uint32, error) {
	v, err := w.column(addressOf(d))
	if err != nil {
		return nil, err
	}
	// Each address is looked up once, and only those of selected rows.
	wanted, ids := make([]bool, len(v.addrs.Dict)), make([]uint32, len(v.addrs.Dict))
	for _, r := range rows {
		wanted[v.addrs.Index[r&^flip]] = true
	}
	keys := v.addrs.Dict
	if d != query.Src && d != query.Dst && d != query.Exporter {
		keys = make([]flow.Addr, len(keys))
		for i := range keys {
			if wanted[i] {
				keys[i] = masked(v.addrs.Dict[i], d)
			}
		}
	}
	known.all(keys, wanted, ids)
	for _, r := range rows {
		out = append(out, ids[v.addrs.Index[r&^flip]])
	}
	return out, nil
}

// fresh is an index whose value was not looked up yet; unknown ones stay unknown.
const fresh = unknown - 1

func freshIDs(v *vector) []uint32 {
	ids := make([]uint32, len(v.addrs.Dict))
	for i := range ids {
		ids[i] = fresh
	}
	return ids
}

func numberCodes(w *view, c segment.Column, known *values, rows, out []uint32) ([]uint32, error) {
	v, err := w.column(c)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		out = append(out, known.number(v.small[r&^flip]))
	}
	return out, nil
}

// endCodes takes the own end or the other one; flows between two others have neither,
// which is the zero address.
func endCodes(w *view, peer bool, known *values, rows, out []uint32) ([]uint32, error) {
	v, err := w.columns(segment.Src, segment.Dst, segment.Mark)
	if err != nil {
		return nil, err
	}
	ids := [2][]uint32{freshIDs(v[0]), freshIDs(v[1])}
	for _, r := range rows {
		side := int(r >> 31)
		if peer {
			side = 1 - side
		}
		r &^= flip
		if flow.Mark(v[2].small[r])&(flow.SrcInternal|flow.DstInternal) == 0 {
			out = append(out, known.id(flow.Addr{}))
			continue
		}
		x := v[side].addrs.Index[r]
		if ids[side][x] == fresh {
			ids[side][x] = known.id(v[side].addrs.Dict[x])
		}
		out = append(out, ids[side][x])
	}
	return out, nil
}

func serviceCodes(w *view, known *values, rows, out []uint32) ([]uint32, error) {
	v, err := w.columns(segment.Proto, segment.SrcPort, segment.DstPort)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		r &^= flip
		out = append(out, known.number(service(v[0].small[r], v[1].small[r], v[2].small[r])))
	}
	return out, nil
}

func directionCodes(w *view, known *values, rows, out []uint32) ([]uint32, error) {
	marks, err := w.column(segment.Mark)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		out = append(out, known.number(uint32(query.DirectionOf(flow.Mark(marks.small[r&^flip])))))
	}
	return out, nil
}

// service packs protocol and port; without ports the protocol is all.
func service(proto, src, dst uint32) uint32 {
	switch proto {
	case flow.ProtoTCP, flow.ProtoUDP, flow.ProtoSCTP:
		return proto<<16 | min(src, dst, DynamicPort)
	}
	return proto << 16
}
