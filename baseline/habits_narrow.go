// SPDX-License-Identifier: Apache-2.0

package baseline

const (
	// narrowCircle is how many peers an hour a device may ask, and narrowKnows how many
	// peers and services it may remember, to be one that nobody browses with: who does
	// fills the memory of 128 within days.
	narrowCircle, narrowKnows = 4, 64
)

// Narrow reports a device that nobody's curiosity leads to new places: it answers
// others (a server, a printer), or asks few (a camera, a phone, a door).
func (h *Habits) Narrow() bool {
	return h.answered > h.asked || h.circle <= narrowCircle && h.met.count() <= narrowKnows
}

// Uses is how many services the device asked others for, inside or outside, and began
// to before a day; of the 20 heaviest, those it offers included.
func (h *Habits) Uses(before uint16) (n int) {
	for i := range h.services {
		if u := &h.services[i]; u.Last != 0 && u.Key&Offered == 0 && u.First < before {
			n++
		}
	}
	return n
}

// UsedBefore reports whether the device had used, or offered, a service before a day.
// What is no longer among its heaviest is old.
func (h *Habits) UsedBefore(key uint32, day uint16) bool {
	if u := find(h.services[:], key); u != nil {
		return u.First < day
	}
	return h.met.knows(spreadKey(^key))
}

// MetBefore reports the same of a peer.
func (h *Habits) MetBefore(key uint32, day uint16) bool {
	if u := find(h.peers[:], key); u != nil {
		return u.First < day
	}
	return h.met.knows(spreadKey(key))
}

func find(list []Usage, key uint32) *Usage {
	for i := range list {
		if u := &list[i]; u.Key == key && u.Last != 0 {
			return u
		}
	}
	return nil
}
