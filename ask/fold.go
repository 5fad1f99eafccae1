// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"slices"

	"tidewatch/flow"
	"tidewatch/query"
	"tidewatch/segment"
)

// maxDirect bounds the numbers that are counted by their own value: ports, protocols and
// most AS numbers.
const maxDirect = 1 << 16

// fold counts one dimension of rows by what stands in the row group: by the entries of
// its dictionary of addresses, or by small numbers themselves. Only what was counted is
// then looked up in the table, once, however many rows have it. It reports false, and has
// done nothing, where that does not pay or is not known: then each row is looked up.
func (s *scanner) fold(d query.Dimension, rows []uint32) (done bool, err error) {
	switch d {
	case query.Src, query.Dst, query.Exporter, query.SrcNet, query.SrcNet16, query.DstNet, query.DstNet16:
		return s.foldAddrs(d, rows)
	case query.SrcPort, query.DstPort, query.Proto, query.SrcAS, query.DstAS, query.Input, query.Output, query.TCPFlags:
		return s.foldNumbers(d, rows)
	case query.Device, query.Peer:
		return s.foldEnds(d == query.Peer, rows)
	default: // is put together of several columns
		return false, nil
	}
}

// room is a slice of zeros for what is counted, nil when there are far fewer rows.
func room(old []query.Volume, n, rows int) []query.Volume {
	if n > 2*rows {
		return nil
	}
	if cap(old) < n {
		old = make([]query.Volume, n)
	}
	old = old[:n]
	clear(old)
	return old
}

func (s *scanner) foldAddrs(d query.Dimension, rows []uint32) (bool, error) {
	v, err := s.view.column(addressOf(d))
	if err != nil {
		return false, err
	}
	sums := room(s.sums[0], len(v.addrs.Dict), len(rows))
	if sums == nil {
		return false, nil
	}
	s.sums[0] = sums
	bytes, packets, index := s.view.vectors[segment.Bytes].wide, s.view.vectors[segment.Packets].wide, v.addrs.Index
	for _, r := range rows {
		r &^= flip
		add(&sums[index[r]], bytes[r], packets[r])
	}
	whole := d == query.Src || d == query.Dst || d == query.Exporter
	keys := v.addrs.Dict
	if !whole {
		s.keys = append(s.keys[:0], keys...)
		keys = s.keys
		for i := range keys {
			keys[i] = masked(keys[i], d)
		}
	}
	s.table.countAll(keys, sums)
	return true, nil
}

func (s *scanner) foldNumbers(d query.Dimension, rows []uint32) (bool, error) {
	c := numberOf(d)
	v, err := s.view.column(c)
	if err != nil || len(v.small) == 0 {
		return false, err
	}
	largest := slices.Max(v.small)
	if largest >= maxDirect {
		return false, nil
	}
	sums := room(s.sums[0], int(largest)+1, len(rows))
	if sums == nil {
		return false, nil
	}
	s.sums[0] = sums
	bytes, packets := s.view.vectors[segment.Bytes].wide, s.view.vectors[segment.Packets].wide
	for _, r := range rows {
		r &^= flip
		add(&sums[v.small[r]], bytes[r], packets[r])
	}
	for i := range sums {
		if sums[i].Flows > 0 {
			s.table.count(s.table.dims[0].number(uint32(i)), &sums[i])
		}
	}
	return true, nil
}

// foldEnds takes rows that sides has doubled and turned.
func (s *scanner) foldEnds(peer bool, rows []uint32) (bool, error) {
	v, err := s.view.columns(segment.Src, segment.Dst, segment.Mark)
	if err != nil {
		return false, err
	}
	for i := range s.sums {
		sums := room(s.sums[i], len(v[i].addrs.Dict), len(rows))
		if sums == nil {
			return false, nil
		}
		s.sums[i] = sums
	}
	bytes, packets := s.view.vectors[segment.Bytes].wide, s.view.vectors[segment.Packets].wide
	index := [2][]uint32{v[0].addrs.Index, v[1].addrs.Index}
	other := uint32(0)
	if peer {
		other = 1
	}
	var neither query.Volume // between two others
	for _, r := range rows {
		side := r>>31 ^ other
		r &^= flip
		if flow.Mark(v[2].small[r])&(flow.SrcInternal|flow.DstInternal) == 0 {
			add(&neither, bytes[r], packets[r])
			continue
		}
		add(&s.sums[side][index[side][r]], bytes[r], packets[r])
	}
	if neither.Flows > 0 {
		s.table.count(s.table.dims[0].id(flow.Addr{}), &neither)
	}
	for side, sums := range s.sums {
		s.table.countAll(v[side].addrs.Dict, sums)
	}
	return true, nil
}

func add(v *query.Volume, bytes, packets int64) {
	v.Bytes += uint64(bytes)
	v.Packets += uint64(packets)
	v.Flows++
}

// count adds to a group that may be unknown; the number of a value is its slot.
func (t *table) count(number uint32, v *query.Volume) {
	if number == unknown {
		t.rest.Add(*v)
		return
	}
	slot := t.slot(key{number})
	t.volume[slot].Add(*v)
}

// countAll counts sums of many values; those without a flow do not count. A large table
// lies outside of the cache, so what some values need is read ahead for all of them, link
// by link: waiting for one is waiting for all.
func (t *table) countAll(keys []flow.Addr, sums []query.Volume) {
	var at, hash [ahead]uint64
	n := 0
	d := t.dims[0]
	if t.sieve != nil {
		t.sieve.least = t.seen / uint64(t.limit)
	}
	for i := range sums {
		if sums[i].Flows == 0 {
			continue
		}
		t.seen += sums[i].Of(t.by)
		at[n], hash[n] = uint64(i), d.index.seed.Hash(&keys[i])
		if n++; n == ahead {
			t.touch(hash[:])
			for k := range at {
				t.sift(&keys[at[k]], hash[k], &sums[at[k]])
			}
			n = 0
		}
	}
	for k := range n {
		t.sift(&keys[at[k]], hash[k], &sums[at[k]])
	}
}

// sift counts a value, unless the sieve holds it back.
func (t *table) sift(k *flow.Addr, hash uint64, v *query.Volume) {
	d := t.dims[0]
	number := find(&d.index, d.list, k, hash)
	if number == unknown && !d.frozen && (t.sieve == nil || t.sieve.lets(hash, v.Of(t.by))) {
		number = d.add(k, hash)
	}
	t.count(number, v)
}

// touch reads what sift will: of values that are there the group, of others the cell of
// the sieve.
func (t *table) touch(hashes []uint64) {
	d := t.dims[0]
	var at [ahead]uint32
	d.index.likely(hashes, &at)
	for i, n := range at[:len(hashes)] {
		switch {
		case n != unknown:
			t.touched += uint64(d.list[n][15])
			if int(n) < len(t.volume) {
				t.touched += t.volume[n].Flows
			}
		case t.sieve != nil:
			t.touched += *t.sieve.cell(hashes[i])
		}
	}
}

// touchKeys reads what hashed and then count will.
func (t *table) touchKeys(hashes []uint64) {
	var at [ahead]uint32
	t.index.likely(hashes, &at)
	for _, n := range at[:len(hashes)] {
		if n != unknown {
			t.touched += uint64(t.keys[n][0]) + t.volume[n].Flows
		}
	}
}

func addressOf(d query.Dimension) segment.Column {
	switch d {
	case query.Exporter:
		return segment.Exporter
	case query.Dst, query.DstNet, query.DstNet16:
		return segment.Dst
	default: // the networks of sources, too
	}
	return segment.Src
}

// numberOf is the column of a dimension that is a number.
func numberOf(d query.Dimension) segment.Column {
	switch d {
	case query.SrcPort:
		return segment.SrcPort
	case query.DstPort:
		return segment.DstPort
	case query.Proto:
		return segment.Proto
	case query.SrcAS:
		return segment.SrcAS
	case query.DstAS:
		return segment.DstAS
	case query.Input:
		return segment.InIf
	case query.Output:
		return segment.OutIf
	default:
	}
	return segment.TCPFlags
}
