// SPDX-License-Identifier: Apache-2.0

package window

import (
	"cmp"
	"slices"

	"tidewatch/flow"
)

// Entry is one heavy hitter: its key and at most this much volume. Over bounds
// how much of Weight may belong to keys that were here before it.
type Entry struct {
	Key         flow.Addr // an address, or a small number packed by numKey
	Bytes       uint64
	Packets     uint64
	Flows       uint64
	Weight      uint64 // what the list is ordered by
	Over        uint64
	First, Last int64 // Unix nanoseconds of the first start and the last end
}

// Number is the key of a list of ports or AS numbers.
func (e *Entry) Number() uint32 {
	return uint32(e.Key[12])<<24 | uint32(e.Key[13])<<16 | uint32(e.Key[14])<<8 | uint32(e.Key[15])
}

func numKey(n uint32) flow.Addr {
	return flow.Addr{12: byte(n >> 24), 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}
}

// topK is a Space-Saving summary (Metwally et al. 2005): a key that is not in
// the full list takes the place of the lightest and inherits its weight, so
// every key heavier than total/k is in the list. Tags speed the scan up.
type topK struct {
	tags    []uint32
	weights []uint64 // beside the entries, so that the search for the lightest reads few cache lines
	entries []Entry
}

func newTopK(k int) topK {
	return topK{tags: make([]uint32, 0, k), weights: make([]uint64, 0, k), entries: make([]Entry, 0, k)}
}

func (t *topK) reset() {
	t.tags, t.weights, t.entries = t.tags[:0], t.weights[:0], t.entries[:0]
}

// add counts one flow for key under its hash. It returns the entry and whether
// the key is new in the list.
func (t *topK) add(tag uint32, key *flow.Addr, weight uint64) (e *Entry, fresh bool) {
	for i, have := range t.tags {
		if have == tag && t.entries[i].Key == *key {
			t.weights[i] += weight
			e := &t.entries[i]
			e.Weight = t.weights[i]
			return e, false
		}
	}
	if n := len(t.tags); n < cap(t.tags) {
		t.tags, t.weights = append(t.tags, tag), append(t.weights, weight)
		t.entries = append(t.entries, Entry{Key: *key, Weight: weight})
		return &t.entries[n], true
	}
	low, over := 0, t.weights[0]
	for i, w := range t.weights {
		if w < over {
			low, over = i, w
		}
	}
	t.tags[low], t.weights[low] = tag, over+weight
	t.entries[low] = Entry{Key: *key, Weight: over + weight, Over: over}
	return &t.entries[low], true
}

// merged appends the union of several lists to out, heaviest first, at most n.
func merged(out []Entry, n int, lists ...*topK) []Entry {
	at := len(out)
	for _, t := range lists {
	next:
		for i := range t.entries {
			e := &t.entries[i]
			for j := at; j < len(out); j++ {
				if o := &out[j]; o.Key == e.Key {
					o.Bytes += e.Bytes
					o.Packets += e.Packets
					o.Flows += e.Flows
					o.Weight += e.Weight
					o.Over += e.Over
					o.First, o.Last = min(o.First, e.First), max(o.Last, e.Last)
					continue next
				}
			}
			out = append(out, *e)
		}
	}
	slices.SortFunc(out[at:], func(a, b Entry) int {
		return cmp.Or(cmp.Compare(b.Weight-b.Over, a.Weight-a.Over), slices.Compare(a.Key[:], b.Key[:]))
	})
	return out[:min(len(out), at+n)]
}
