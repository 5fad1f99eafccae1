// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/netip"
	"slices"
	"sync"

	"tidewatch/detect/outage"
	"tidewatch/flow"
	"tidewatch/incident"
)

// exporterNames remembers which exporter has which index.
type exporterNames struct {
	mu    sync.RWMutex
	addrs []netip.Addr
}

func (n *exporterNames) add(i uint32, a netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.addrs) <= int(i) {
		n.addrs = append(n.addrs, netip.Addr{})
	}
	n.addrs[i] = a
}

func (n *exporterNames) of(i uint32) netip.Addr {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if int(i) >= len(n.addrs) {
		return netip.Addr{}
	}
	return n.addrs[i]
}

// all are the addresses known so far.
func (n *exporterNames) all() []netip.Addr {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return slices.DeleteFunc(slices.Clone(n.addrs), func(a netip.Addr) bool { return !a.IsValid() })
}

// fileExporters numbers the exporters of several files as one run: each file
// has numbers of its own, and an address must have one number in all of them.
// Exporters without an address keep their number for all files.
type fileExporters struct {
	names  exporterNames
	byAddr map[netip.Addr]uint32
	file   map[uint32]uint32 // number in the present file -> number of the run
	silent map[uint32]uint32 // likewise, of those without an address, in all files
	next   uint32
}

func newFileExporters() *fileExporters {
	return &fileExporters{byAddr: map[netip.Addr]uint32{}, file: map[uint32]uint32{}, silent: map[uint32]uint32{}}
}

// open forgets the numbers of the file before.
func (x *fileExporters) open() { clear(x.file) }

// maxFileExporters bounds the exporters that are told apart by address; further
// ones count as without an address.
const maxFileExporters = 65_536

// named is told by a reader that a number of its file is this exporter.
func (x *fileExporters) named(index uint32, a netip.Addr) {
	a = a.Unmap()
	n, known := x.byAddr[a]
	if !known {
		if len(x.byAddr) >= maxFileExporters {
			delete(x.file, index)
			return
		}
		n = x.next
		x.next++
		x.byAddr[a] = n
		x.names.add(n, a)
	}
	x.file[index] = n
}

// renumber puts the run's numbers into a batch.
func (x *fileExporters) renumber(b *flow.Batch) {
	var last, to uint32
	for i, index := range b.Exporter {
		if i == 0 || index != last {
			last, to = index, x.number(index)
		}
		b.Exporter[i] = to
	}
}

func (x *fileExporters) number(index uint32) uint32 {
	if n, ok := x.file[index]; ok {
		return n
	}
	n, ok := x.silent[index]
	if !ok {
		n = x.next
		x.next++
		x.silent[index] = n
	}
	return n
}

// Restore takes over what was open when an earlier run ended, before the first batch.
func (e *Engine) Restore(unfinished []incident.Incident) error {
	for i := range unfinished {
		inc := &unfinished[i]
		if a, err := netip.ParseAddr(inc.Subject); err == nil && inc.Kind == outage.Kind && inc.State.Active() {
			e.outages.Restore(a, inc.Started)
		}
	}
	return e.book.Restore(unfinished)
}
