// SPDX-License-Identifier: Apache-2.0

package scenario

import "tidewatch/flow"

// The calendar's reach in seconds: the longest session, the inactive timeout
// and a second for the exporter's look. Longer events export piece by piece.
const (
	longestSession = 3000
	calendarSlots  = 4096 // a power of two above longestSession and the timeouts
)

// calendar holds records until the second in which they are exported. Records
// are kept in one slice and chained per second, so that memory follows what is
// pending and nothing is allocated once that has reached its size.
type calendar struct {
	records []pending
	free    int32 // head of the chain of unused records; -1 = none
	slots   [calendarSlots]chain
	now     int64 // the second drained last
}

type pending struct {
	flow.Record
	next int32
}

type chain struct{ head, tail, count int32 }

// reset empties the calendar and sets its time.
func (c *calendar) reset(now int64) {
	c.records, c.free, c.now = c.records[:0], -1, now
	for i := range c.slots {
		c.slots[i] = chain{-1, -1, 0}
	}
}

// add gives room for a record that is exported at second sec, or nil when that
// second is over (its flow lies before the run) or beyond the calendar.
func (c *calendar) add(sec int64) *flow.Record {
	if sec <= c.now || sec >= c.now+calendarSlots {
		return nil
	}
	at := c.free
	if at >= 0 {
		c.free = c.records[at].next
	} else {
		at = int32(len(c.records))
		c.records = append(c.records, pending{})
	}
	p := &c.records[at]
	p.next = -1
	slot := &c.slots[sec&(calendarSlots-1)]
	if slot.head < 0 {
		slot.head = at
	} else {
		c.records[slot.tail].next = at
	}
	slot.tail = at
	slot.count++
	return &p.Record
}

// drain appends the records of second sec to b, in the order of add.
func (c *calendar) drain(sec int64, b *flow.Batch) {
	slot := &c.slots[sec&(calendarSlots-1)]
	i := b.Grow(int(slot.count)) // once, and not for every record
	for at := slot.head; at >= 0; i++ {
		p := &c.records[at]
		b.Received[i], b.Start[i], b.End[i] = p.Received, p.Start, p.End
		b.Src[i], b.Dst[i] = p.Src, p.Dst
		b.SrcPort[i], b.DstPort[i] = p.SrcPort, p.DstPort
		b.Proto[i], b.TCPFlags[i], b.Mark[i] = p.Proto, p.TCPFlags, p.Mark
		b.Packets[i], b.Bytes[i], b.Sampling[i] = p.Packets, p.Bytes, p.Sampling
		b.InIf[i], b.OutIf[i] = p.InIf, p.OutIf
		b.SrcAS[i], b.DstAS[i] = p.SrcAS, p.DstAS
		next := p.next
		p.next, c.free = c.free, at
		at = next
	}
	*slot = chain{-1, -1, 0}
	c.now = sec
}
