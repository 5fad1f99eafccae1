// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"math"
	"slices"

	"tidewatch/flow"
	"tidewatch/query"
)

// key names a group: the numbers of its values, 0 for dimensions that are not asked.
type key [query.MaxGroup]uint32

// table adds up groups in bounded memory. What is too many is pruned: the lighter
// half loses its name and goes to the rest. A group that comes back after that begins
// anew, so no figure is ever too high, and none is too low by more than lost.
type table struct {
	by     query.Measure
	dims   []*values
	index  index // of keys; unused with one dimension: the slot is the number of the value
	keys   []key
	volume []query.Volume
	frozen bool
	limit  int

	rest query.Volume // of pruned groups
	lost query.Volume // what a group may lack, by each measure; with a sieve by its own alone

	sifted bool   // a sieve is to be set once the table is full; for one dimension
	sieve  *sieve // nil: all come in
	seen   uint64 // by the measure

	touched uint64 // means nothing: what was read ahead must be used
}

func newTable(dims int, by query.Measure, limit int) *table {
	t := &table{by: by, limit: limit, index: newIndex()}
	for range dims {
		t.dims = append(t.dims, newValues())
	}
	if dims == 0 {
		t.volume, t.keys = make([]query.Volume, 1), make([]key, 1)
	}
	return t
}

// settle ends counting: what the sieve may have held back is lost, too.
func (t *table) settle() {
	if t.sieve == nil {
		return
	}
	switch t.by {
	case query.Bytes:
		t.lost.Bytes += t.sieve.least
	case query.Packets:
		t.lost.Packets += t.sieve.least
	case query.Flows:
		t.lost.Flows += t.sieve.least
	}
	t.sieve, t.sifted = nil, false
}

// slot is where the group is counted, unknown when it is not among those of a frozen
// table.
func (t *table) slot(k key) uint32 {
	switch len(t.dims) {
	case 0:
		return 0
	case 1:
		s := k[0]
		for int(s) >= len(t.keys) && s != unknown {
			t.keys = append(t.keys, key{uint32(len(t.keys))})
			t.volume = append(t.volume, query.Volume{})
		}
		return s
	}
	return t.hashed(&k, t.hash(&k))
}

// hashed is slot of a group of several dimensions whose hash is known.
func (t *table) hashed(k *key, hash uint64) uint32 {
	if s := find(&t.index, t.keys, k, hash); s != unknown || t.frozen {
		return s
	}
	s := uint32(len(t.keys))
	t.index.add(hash, s)
	t.keys, t.volume = append(t.keys, *k), append(t.volume, query.Volume{})
	return s
}

func (t *table) hash(k *key) uint64 {
	return t.index.seed.Mix(uint64(k[0])<<32|uint64(k[1]), uint64(k[2]))
}

// named are the values of a group.
func (t *table) named(k key) (out [query.MaxGroup]flow.Addr) {
	for i, d := range t.dims {
		out[i] = d.list[k[i]]
	}
	return out
}

// place is slot of a group given by its values.
func (t *table) place(values *[query.MaxGroup]flow.Addr) uint32 {
	var k key
	for i, d := range t.dims {
		k[i] = d.id(values[i])
	}
	return t.slot(k)
}

// find is the slot of a group that may not be there.
func (t *table) find(values *[query.MaxGroup]flow.Addr) uint32 {
	var k key
	for i, d := range t.dims {
		v := &values[i]
		if k[i] = find(&d.index, d.list, v, d.index.seed.Hash(v)); k[i] == unknown {
			return unknown
		}
	}
	if len(t.dims) == 1 {
		return k[0]
	}
	return find(&t.index, t.keys, &k, t.hash(&k))
}

// prune keeps the heavier half when there are too many groups.
func (t *table) prune() {
	if len(t.keys) <= t.limit {
		return
	}
	t.cut(t.nth(t.limit / 2))
	if t.sifted && t.sieve == nil {
		t.sieve = newSieve(t.limit)
	}
}

// cut keeps groups above least, as many as fit into half of the table. It moves them to
// the front, so that a table that is pruned again and again needs no more memory.
func (t *table) cut(least uint64) {
	var dropped query.Volume
	kept := 0
	for i, k := range t.keys {
		v := t.volume[i]
		if v.Of(t.by) <= least {
			dropped = largest(dropped, v)
			t.rest.Add(v)
			continue
		}
		t.keys[kept], t.volume[kept] = k, v
		kept++
	}
	t.keys, t.volume = t.keys[:kept], t.volume[:kept]
	t.lost.Add(dropped)
	for i, d := range t.dims {
		used := make([]bool, len(d.list))
		for _, k := range t.keys {
			used[k[i]] = true
		}
		numbers := d.keep(used)
		for s := range t.keys {
			t.keys[s][i] = numbers[t.keys[s][i]]
		}
	}
	t.index.clear()
	if len(t.dims) > 1 {
		for s := range t.keys {
			t.index.add(t.hash(&t.keys[s]), uint32(s))
		}
	}
}

// largest takes the larger of each measure.
func largest(a, b query.Volume) query.Volume {
	return query.Volume{Bytes: max(a.Bytes, b.Bytes), Packets: max(a.Packets, b.Packets), Flows: max(a.Flows, b.Flows)}
}

// add takes over what another table counted.
func (t *table) add(o *table) {
	t.rest.Add(o.rest)
	t.lost.Add(o.lost)
	translate := make([][]uint32, len(o.dims))
	for i, d := range o.dims {
		for _, v := range d.list {
			translate[i] = append(translate[i], t.dims[i].id(v))
		}
	}
	for i, k := range o.keys {
		for d := range o.dims {
			k[d] = translate[d][k[d]]
		}
		t.volume[t.slot(k)].Add(o.volume[i])
	}
}

// top lists the heaviest slots, and what all the others and the rest add up to.
func (t *table) top(n int) (slots []uint32, other query.Volume) {
	other = t.rest
	for i := range t.volume {
		if t.volume[i].Flows > 0 {
			slots = append(slots, uint32(i))
		}
	}
	heavier := func(a, b uint32) int {
		if x, y := t.volume[a].Of(t.by), t.volume[b].Of(t.by); x != y {
			if x > y {
				return -1
			}
			return 1
		}
		x, y := t.named(t.keys[a]), t.named(t.keys[b]) // any order, but always the same
		for i := range x {
			if c := slices.Compare(x[i][:], y[i][:]); c != 0 {
				return c
			}
		}
		return 0
	}
	if least := t.nth(n); least > 0 {
		slots = slices.DeleteFunc(slots, func(s uint32) bool {
			light := t.volume[s].Of(t.by) < least
			if light {
				other.Add(t.volume[s])
			}
			return light
		})
	}
	slices.SortFunc(slots, heavier)
	for _, s := range slots[min(n, len(slots)):] {
		other.Add(t.volume[s])
	}
	return slots[:min(n, len(slots))], other
}

// nth is the measure of the nth heaviest group, so that only few must be sorted.
func (t *table) nth(n int) uint64 { return t.nthBy(t.by, n) }

func (t *table) nthBy(by query.Measure, n int) uint64 {
	if len(t.volume) <= n {
		return 0
	}
	all := make([]uint64, len(t.volume))
	for i := range t.volume {
		all[i] = t.volume[i].Of(by)
	}
	return nthLargest(all, n)
}

// copy is a frozen table with the same slots and nothing counted.
func (t *table) copy() *table {
	slots := make([]uint32, len(t.keys))
	for i := range slots {
		slots[i] = uint32(i)
	}
	return t.freeze(slots)
}

// freeze makes a table of these groups alone, to count only them.
func (t *table) freeze(slots []uint32) *table {
	f := newTable(len(t.dims), t.by, math.MaxInt)
	for _, s := range slots {
		values := t.named(t.keys[s])
		f.place(&values)
	}
	f.frozen = true
	for _, d := range f.dims {
		d.frozen = true
	}
	return f
}
