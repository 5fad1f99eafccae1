// SPDX-License-Identifier: Apache-2.0

package window

import (
	"tidewatch/flow"
	"tidewatch/pages"
)

const (
	minutes   = 8 // open minutes: five of a window, two of lateness, the running one
	lateness  = 2 // minutes after which a minute counts as closed
	chunkBits = 10
	chunkSize = 1 << chunkBits
)

// Sums are a device's totals over a minute, a window or an hour, by Direction.
type Sums struct {
	Bytes, Packets, Flows [2]uint64
}

func (s *Sums) add(o *Sums) {
	for d := range 2 {
		s.Bytes[d] += o.Bytes[d]
		s.Packets[d] += o.Packets[d]
		s.Flows[d] += o.Flows[d]
	}
}

// hour is what an hour of a device amounts to: its totals, and the busiest five
// minutes in it, which are what a five-minute window is compared with.
type hour struct {
	Sums
	Peak5 Sums // largest five-minute sum of each measure that ended in this hour
}

// device is the state every internal address has. What each flow needs stands
// first, in two cache lines of 64 bytes.
type device struct {
	addr    flow.Addr
	hash    uint64
	touched int64 // last second of traffic
	born    int64
	hot     int32     // index into the hot pool, -1 = none
	up      int32     // index into the uploads, -1 = none
	met     int32     // index into the contacts, -1 = none
	via     uint32    // exporter that reported it last
	due     [2]uint32 // bytes until the next flow is noted as a contact: requests to outside, the rest

	now    Sums   // the running minute, whose place in minutes is empty
	upHour uint64 // bytes sent to outside in the running hour
	until  int64  // second up to which it stays in the real-time tier, see Tier

	minutes  [minutes]Sums
	hours    [2]hour // by Unix hour, even and odd
	lull     lull
	net      uint16   // most specific network, see Networks
	tried    [2]uint8 // attempts in vain in the running hour by Direction, up to the first few, see try
	probes   [2]int32 // by Direction: one more than the index of its record of attempts, 0 = none
	pairs    uint16   // that are followed
	newPairs uint16   // that were noted in the running hour
	pair     int32    // the newest of them, one more than its slot; 0 = none
	talks    uint16   // that it has, see Talk
	asked    uint16   // of those, with name servers
	_        [12]byte // whole cache lines, or the next device would begin inside of one
}

// minute returns the sums of minute i; running is the running one.
func (d *device) minute(i, running int64) *Sums {
	if i == running {
		return &d.now
	}
	return &d.minutes[mod(i, minutes)]
}

// devices is a growing pool of devices in chunks, so growth copies nothing.
type devices struct {
	chunks []*[chunkSize]device
	n      int32
	free   []int32
	table  table
}

func (p *devices) at(i int32) *device      { return &p.chunks[i>>chunkBits][i&(chunkSize-1)] }
func (p *devices) addr(i int32) *flow.Addr { return &p.at(i).addr }
func (p *devices) hashOf(i int32) uint64   { return p.at(i).hash }
func (p *devices) live(d *device) bool     { return d.born != 0 }
func (p *devices) count() int              { return p.table.n }
func (p *devices) find(h uint64, a *flow.Addr) int32 {
	return p.table.find(h, a, p.addr)
}

// add makes a slot for the address.
func (p *devices) add(h uint64, a *flow.Addr, now int64) int32 {
	var i int32
	if n := len(p.free); n > 0 {
		i, p.free = p.free[n-1], p.free[:n-1]
	} else {
		if int(p.n)>>chunkBits == len(p.chunks) {
			p.chunks = append(p.chunks, (*[chunkSize]device)(pages.Make[device](chunkSize)))
		}
		i = p.n
		p.n++
	}
	*p.at(i) = device{addr: *a, hash: h, touched: now, born: max(now, 1), hot: -1, up: -1, met: -1}
	// Where in its first grain a device begins must not depend on its first flow.
	p.at(i).due = [2]uint32{1 + uint32(h>>32)%grainFirst, 1 + uint32(h>>40)%grainFirst}
	p.table.put(h, i, p.hashOf)
	return i
}

func (p *devices) remove(i int32) {
	d := p.at(i)
	p.table.drop(d.hash, i, p.hashOf)
	*d = device{}
	p.free = append(p.free, i)
}
