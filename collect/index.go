// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"net/netip"
	"sync"
)

// exporterIndex numbers exporters over all readers. A number lives as long as
// some decoder knows the exporter; then it is given to a newcomer, so that
// columns indexed by it stay dense. Its bound is that of the decoders: readers
// times decode.Config.MaxExporters, and one burst more per reader.
type exporterIndex struct {
	mu    sync.Mutex // guards what follows
	known map[netip.Addr]*numbered
	free  []uint32
	next  uint32
	seen  func(uint32, netip.Addr)
}

// numbered is one exporter and how many decoders know it.
type numbered struct {
	index uint32
	users int
}

// take returns the number of a for one more decoder.
func (x *exporterIndex) take(a netip.Addr) uint32 {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := x.known[a]; n != nil {
		n.users++
		return n.index
	}
	index := x.next
	if last := len(x.free) - 1; last >= 0 {
		index, x.free = x.free[last], x.free[:last]
	} else {
		x.next++
	}
	x.known[a] = &numbered{index: index, users: 1}
	if x.seen != nil {
		x.seen(index, a)
	}
	return index
}

// release says that one decoder forgot a.
func (x *exporterIndex) release(a netip.Addr) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.known[a]
	if n == nil {
		return
	}
	if n.users--; n.users == 0 {
		delete(x.known, a)
		x.free = append(x.free, n.index)
	}
}

// admit is the decoder's Index function.
func (r *reader) admit(a netip.Addr) (uint32, bool) {
	r.admitted[a] = struct{}{}
	return r.c.index.take(a), true
}

// releaseForgotten gives back the numbers of exporters that the decoder evicted.
// The lock is held.
func (r *reader) releaseForgotten() {
	evicted := r.decoder.Totals().ExportersEvicted
	if evicted == r.evicted {
		return
	}
	r.evicted = evicted
	live := make(map[netip.Addr]struct{}, len(r.admitted))
	for s := range r.decoder.Exporters() {
		live[s.Addr] = struct{}{}
	}
	for a := range r.admitted {
		if _, ok := live[a]; !ok {
			r.c.index.release(a)
		}
	}
	r.admitted = live
}
