// SPDX-License-Identifier: Apache-2.0

package pcap

import (
	"math"

	"tidewatch/flow"
)

// The expiry lists. Every flow is in idle and active, a closing connection in
// closed as well.
const (
	idle     = iota // by the probe's clock at the newest packet
	active          // by its clock at the first packet
	closed          // by its clock at the first FIN or RST
	numLists        // how many there are
)

// none is the end of a list; slot 0 of the entries is never used.
const none int32 = 0

// entry is a flow in the cache and its place in each list.
type entry struct {
	rec   flow.Record
	links [numLists]links
}

type links struct {
	since      int64
	prev, next int32
	in         bool
}

// list runs through the entries, oldest first.
type list struct{ head, tail int32 }

// append puts a flow at the young end of a list, from wherever in it it was.
func (p *probe) append(which int, slot int32) {
	p.unlink(which, slot)
	l := &p.lists[which]
	p.entries[slot].links[which] = links{since: p.clock, prev: l.tail, in: true}
	if l.tail == none {
		l.head = slot
	} else {
		p.entries[l.tail].links[which].next = slot
	}
	l.tail = slot
}

func (p *probe) unlink(which int, slot int32) {
	k := &p.entries[slot].links[which]
	if !k.in {
		return
	}
	l := &p.lists[which]
	if k.prev == none {
		l.head = k.next
	} else {
		p.entries[k.prev].links[which].next = k.next
	}
	if k.next == none {
		l.tail = k.prev
	} else {
		p.entries[k.next].links[which].prev = k.prev
	}
	*k = links{}
}

// first is the flow that is over first, and when; none when there is no flow.
func (p *probe) first() (slot int32, due int64) {
	due = math.MaxInt64
	for which, timeout := range [numLists]int64{idle: idleTimeout, active: p.active, closed: closeTimeout} {
		head := p.lists[which].head
		if head == none {
			continue
		}
		if t := p.entries[head].links[which].since + timeout; t < due {
			slot, due = head, t
		}
	}
	return slot, due
}
