// SPDX-License-Identifier: Apache-2.0

package window

import (
	"encoding/binary"

	"tidewatch/flow"
	"tidewatch/pages"
)

// keyCounts counts by key, exactly: open addressing with linear probing, half full at
// most. A key whose count falls to zero leaves no trace.
type keyCounts struct {
	entries []keyCount
	n       int
}

type keyCount struct {
	key   uint64 // never 0 in use
	count int64
}

// countKey mixes an address and a service. The table holds what the pairs hold, so
// a stranger who crafts collisions costs no more than a long probe, and a pair.
func countKey(a *flow.Addr, service uint32) uint64 {
	s := flow.Seed{uint64(service), 0x9e3779b97f4a7c15}
	return s.Mix(binary.LittleEndian.Uint64(a[:8]), binary.LittleEndian.Uint64(a[8:])) | 1
}

func (t *keyCounts) find(key uint64) (at uint64, ok bool) {
	mask := uint64(len(t.entries) - 1)
	for i := key >> 1 & mask; ; i = (i + 1) & mask {
		switch t.entries[i].key {
		case key:
			return i, true
		case 0:
			return i, false
		}
	}
}

// of is the count of a key.
func (t *keyCounts) of(key uint64) int {
	if t.n == 0 {
		return 0
	}
	i, ok := t.find(key)
	if !ok {
		return 0
	}
	return int(t.entries[i].count)
}

// add changes the count of a key.
func (t *keyCounts) add(key uint64, by int64) {
	if 2*(t.n+1) > len(t.entries) {
		old := t.entries
		t.entries = pages.Make[keyCount](max(1024, 2*len(old)))
		for _, e := range old {
			if e.key != 0 {
				i, _ := t.find(e.key)
				t.entries[i] = e
			}
		}
	}
	i, ok := t.find(key)
	e := &t.entries[i]
	if !ok {
		*e = keyCount{key: key}
		t.n++
	}
	if e.count += by; e.count <= 0 {
		t.remove(i)
	}
}

// remove closes the gap (backward shift), so that probes need no tombstones.
func (t *keyCounts) remove(i uint64) {
	mask := uint64(len(t.entries) - 1)
	t.n--
	for j := (i + 1) & mask; t.entries[j].key != 0; j = (j + 1) & mask {
		if home := t.entries[j].key >> 1 & mask; (j-home)&mask >= (j-i)&mask {
			t.entries[i] = t.entries[j]
			i = j
		}
	}
	t.entries[i] = keyCount{}
}
