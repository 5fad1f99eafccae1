// SPDX-License-Identifier: Apache-2.0

package pcap

import "container/heap"

// A capture's clock can be set while it runs, captures are glued together or
// written in any order, and a hostile one may say anything. The timeline hands
// packets on in the order of their times as far as it can hold them, so that the
// probe's clock neither goes back nor is carried away by a few packets.
const (
	// slack is how far behind the clock packets may be, as they are between the
	// interfaces of one capture; they keep their times.
	slack = activeTimeout
	// ahead is how far the clock may leap on the word of one packet. Packets
	// further ahead wait until their time comes or confirm packets in a row say
	// that it has come. It is far below slack, so that stray packets, each a
	// little ahead of the one before, cannot lead the clock away from the others.
	ahead = 1e9
	// confirm also is the number of packets that are sorted at the start, where
	// nothing is known. The captures at hand with the least order (bro-simple-scan)
	// have under 30 packets.
	confirm = 64
	// maxHeld bounds the packets that wait, to about 8 MB. Then the first of them
	// goes where time stands.
	maxHeld = 1 << 16
	// late is how far ahead of the clock a packet that waited in vain may be at the
	// end of the capture to keep its time. The next capture of a series is an hour away.
	late = 3600e9
	// latest is the end of time, in 2116, so that sums of times cannot overflow.
	latest = 1 << 62
)

// timeline gives packets their times. Where time jumps back by more than slack,
// the packets after it are shifted so that time goes on without a gap: rates stay
// true, dates are marked as clamped. The shift ends when the capture's own times
// have caught up.
type timeline struct {
	need    int // confirm, but for tests
	clock   int64
	shift   int64
	started bool
	ended   bool
	now     stamped // the packet to place after those that are due before it
	hasNow  bool
	held    waiting
	seq     uint64
	streak  []int64 // times of the newest packets in a row that are ahead, a ring of need
	run     int     // how many there were in a row
	horizon int64   // what waits is due up to here
	backs   uint64  // jumps back
	strays  uint64  // packets that could not be placed in their own time
}

// push takes the next packet of the capture; pop must have been drained before.
func (t *timeline) push(s stamped) {
	s.raw = min(max(s.at, 0), latest)
	s.at = t.effective(s.raw)
	s.clamped = s.at != s.raw
	if t.started && s.at <= t.clock+ahead {
		t.run, t.streak = 0, t.streak[:0]
		t.now, t.hasNow = s, true
		return
	}
	t.seq++
	s.seq = t.seq
	heap.Push(&t.held, s)
	if len(t.streak) < t.need {
		t.streak = append(t.streak, s.at)
	} else {
		t.streak[t.run%t.need] = s.at
	}
	t.run++
	if t.run >= t.need {
		t.horizon = t.streak[0]
		for _, at := range t.streak[1:] {
			t.horizon = min(t.horizon, at)
		}
	}
}

// end says that no packet follows: what waits is due.
func (t *timeline) end() { t.ended = true }

// pop returns the next packet whose time is settled.
func (t *timeline) pop() (stamped, bool) {
	if len(t.held) > 0 {
		first := &t.held[0]
		switch {
		case t.ended:
			return t.last(heap.Pop(&t.held).(stamped)), true //nolint:errcheck,forcetypeassert // the heap holds nothing else
		case t.hasNow && first.at <= t.now.at, first.at <= t.horizon:
			return t.place(heap.Pop(&t.held).(stamped)), true //nolint:errcheck,forcetypeassert // see above
		case len(t.held) > maxHeld:
			return t.stray(heap.Pop(&t.held).(stamped)), true //nolint:errcheck,forcetypeassert // see above
		}
	}
	if !t.hasNow {
		return stamped{}, false
	}
	t.hasNow = false
	return t.place(t.now), true
}

// last settles a packet that still waits when the capture ends. Those of the
// last run were contradicted by nothing.
func (t *timeline) last(s stamped) stamped {
	if s.seq+uint64(t.run) > t.seq || s.at <= t.clock+late {
		return t.place(s)
	}
	return t.stray(s)
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
	switch {
	case t.started && s.at < t.clock-slack:
		t.backs++
		t.shift = t.clock - s.raw
		s.at, s.clamped = t.clock, true
	case !s.clamped:
		t.shift = 0
	}
	t.clock, t.started = max(t.clock, s.at), true
	return s
}

// stray puts a packet where time stands.
func (t *timeline) stray(s stamped) stamped {
	t.strays++
	if !t.started {
		t.clock, t.started = s.at, true
	}
	s.at, s.clamped = t.clock, true
	return s
}

// waiting is a heap by time, and by arrival among equals.
type waiting []stamped

func (w waiting) Len() int { return len(w) }
func (w waiting) Less(i, j int) bool {
	return w[i].at < w[j].at || w[i].at == w[j].at && w[i].seq < w[j].seq
}
func (w waiting) Swap(i, j int) { w[i], w[j] = w[j], w[i] }

// Push implements heap.Interface.
func (w *waiting) Push(x any) { *w = append(*w, x.(stamped)) } //nolint:errcheck,forcetypeassert // the heap holds nothing else

// Pop implements heap.Interface.
func (w *waiting) Pop() any {
	old := *w
	x := old[len(old)-1]
	*w = old[:len(old)-1]
	return x
}
