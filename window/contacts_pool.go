// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

// acquaint gives a device a record of contacts, or -1 when all are in use. They
// are given back with the hour in which nothing was noted.
func (t *Tracker) acquaint(slot int32) int32 {
	var i int32
	switch {
	case len(t.metFree) > 0:
		i = t.metFree[len(t.metFree)-1]
		t.metFree = t.metFree[:len(t.metFree)-1]
	case len(t.contacts) < t.cfg.MaxContacts:
		i = int32(len(t.contacts))
		t.contacts = append(t.contacts, t.memory.contacts.New())
	default:
		return -1
	}
	c := t.contacts[i]
	c.reset()
	c.grain = [2]uint32{grainFirst, grainFirst}
	c.Addr, c.dev, c.used, c.dirty, c.Last = t.dev.at(slot).addr, slot, true, false, 0
	return i
}

// estrange takes the record of contacts from its device.
func (t *Tracker) estrange(i int32) {
	c := t.contacts[i]
	t.dev.at(c.dev).met = -1
	c.used, c.dirty = false, false
	t.metFree = append(t.metFree, i)
}

// openContacts begins another minute, and another hour when one was closed.
func (t *Tracker) openContacts() {
	for i, c := range t.contacts {
		c.dirty = false
		if !t.win.Hour || !c.used {
			continue
		}
		if c.nPeers == 0 {
			t.estrange(int32(i))
			continue
		}
		c.reset()
	}
}

// Contacts is one more than the highest index that Contact accepts.
func (w *Window) Contacts() int { return len(w.t.contacts) }

// Contact returns the contacts of a device that had any since the last minute
// tick, nil for the others.
func (w *Window) Contact(i int) *Contacts {
	if c := w.t.contacts[i]; c.used && c.dirty {
		return c
	}
	return nil
}

// Noted returns the contacts of a device since the hour closed last, whether or not
// there were any in this minute, nil where the place is empty.
func (w *Window) Noted(i int) *Contacts {
	if c := w.t.contacts[i]; c.used {
		return c
	}
	return nil
}

// Contacts returns the device's contacts since the hour closed last, nil when
// there were none. At a window that closes an hour they are that hour's, and
// those of the two minutes it waited for late exports.
func (d Device) Contacts() *Contacts {
	if d.dev.met < 0 {
		return nil
	}
	return d.w.t.contacts[d.dev.met]
}

// Contacts are those of a device since the hour closed last, nil when there were none.
func (t *Tracker) Contacts(a flow.Addr) *Contacts {
	i := t.dev.find(t.cfg.Seed.Hash(&a), &a)
	if i < 0 || t.dev.at(i).met < 0 {
		return nil
	}
	return t.contacts[t.dev.at(i).met]
}

// Grain is of how many bytes one flow is noted, of the coarser of the two grains: what
// lies between is not told apart.
func (c *Contacts) Grain() uint64 { return uint64(max(c.grain[0], c.grain[1], 1)) }

// Common is about how many devices of this shard ask anything of an address
// outside. Two addresses that share a place in the table push each other out
// and look rarer than they are; two devices that take turns make it look more
// common. Use it as a weight, not as a gate.
func (w *Window) Common(peer flow.Addr) int { return w.t.common.of(w.t.cfg.Seed.Hash(&peer)) }
