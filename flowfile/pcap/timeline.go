// SPDX-License-Identifier: Apache-2.0

package pcap

// A capture's clock can be set while it runs, captures are glued together in
// any order, and a hostile one may say anything. The timeline keeps the probe
// working: its clock never goes back and is not carried away by one packet.
const (
	// slack is how far packets may be out of order, as they are between the
	// interfaces of one capture; they keep their times.
	slack = activeTimeout
	// ahead is how far time may leap forward on the word of one packet. Of a
	// longer leap the next packet must say the same, or it did not happen.
	ahead = 3600e9
	// latest is the end of time, in 2116, so that sums of times cannot overflow.
	latest = 1 << 62
)

// timeline gives packets their times. Where time jumps back by more than slack,
// the packets after it are shifted so that time goes on without a gap: rates stay
// true, dates are marked as clamped. The shift ends when the capture's own times
// have caught up.
type timeline struct {
	clock   int64
	shift   int64
	waiting stamped // a packet from the future, or the very first
	waits   bool
	started bool
	backs   uint64 // jumps back
	strays  uint64 // packets far ahead of all around them
}

// order appends to todo the packets whose times are settled now: none, s, or one
// that waited and s.
func (t *timeline) order(s stamped, todo []stamped) []stamped {
	s.at = min(max(s.at, 0), latest)
	if t.waits {
		t.waits = false
		w := t.waiting
		if t.effective(s.at) >= t.effective(w.at)-ahead {
			todo = append(todo, t.place(w))
		} else {
			todo = append(todo, t.stray(w, s.at))
		}
	} else if !t.started {
		t.waiting, t.waits = s, true
		return todo
	}
	if t.effective(s.at) > t.clock+ahead {
		t.waiting, t.waits = s, true
		return todo
	}
	return append(todo, t.place(s))
}

// stray puts a packet that nobody confirmed where time stands; next is the time
// of the packet after it, which counts when there is none before it.
func (t *timeline) stray(w stamped, next int64) stamped {
	if !t.started {
		t.clock, t.started = next, true
	}
	t.strays++
	w.at, w.clamped = t.clock, true
	return w
}

// rest appends the packet that still waits when the capture ends: nothing
// contradicts it any more.
func (t *timeline) rest(todo []stamped) []stamped {
	if !t.waits {
		return todo
	}
	t.waits = false
	return append(todo, t.place(t.waiting))
}

// effective is the time of a packet under the shift that now holds for it.
func (t *timeline) effective(at int64) int64 {
	if t.shift == 0 || at >= t.clock-slack {
		return at
	}
	return min(at+t.shift, latest)
}

// place settles the time of s and moves the clock.
func (t *timeline) place(s stamped) stamped {
	at := t.effective(s.at)
	switch {
	case t.started && at < t.clock-slack:
		t.backs++
		t.shift = t.clock - s.at
		at = t.clock
	case at == s.at:
		t.shift = 0
	}
	if at != s.at {
		s.clamped = true
	}
	s.at, t.clock, t.started = at, max(t.clock, at), true
	return s
}
