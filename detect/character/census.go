// SPDX-License-Identifier: Apache-2.0

package character

import "tidewatch/baseline"

const (
	// perSecond is how many devices are looked through in a second: some one to three
	// milliseconds, and 100 000 devices take 100 s.
	perSecond = 1024
	// catchUp is for how many seconds without traffic a tick makes up: a quiet network of
	// 8 000 devices is answered by the next minute, and no tick takes longer than 20 ms or so.
	catchUp = 8
	// addresses is about how many addresses is asked in a day, perPass in one pass: in an
	// outbreak of more the others are not weighed.
	addresses, perPass = 64, 16
)

// census counts among all devices how many of those of few habits use a class, and how
// many have dealt with an address. It looks through them only when somebody begins
// something, some in each second. What it counts is how things were before the day of
// since, so an answer holds for as long as that day.
type census struct {
	since   uint16
	classes [classes]answer
	peers   [addresses]answer
	asked   int  // of peers
	pending int  // of these, without an answer yet
	wanted  bool // there is something that no pass counts yet
	running bool
	at      int // number of the device to look at next
	left    int // devices that may be looked at in this tick
	sampled int // devices of which it cannot be known
}

// answer is what is known of a class or of an address.
type answer struct {
	state       state
	peer        uint32
	like, users int // devices of few habits, and those of them that use the class; those that met the peer
}

type state uint8

const (
	unasked  state = iota
	waiting        // for the next pass
	counting       // in this one
	answered
)

// begin starts a tick, so many seconds after the one before.
func (c *census) begin(since uint16, seconds int) {
	if c.since != since {
		*c = census{since: since}
	}
	c.left = perSecond * min(seconds, catchUp)
}

// class asks how many use a class.
func (c *census) class(k class) *answer {
	a := &c.classes[k]
	if a.state == unasked {
		a.state, c.wanted = waiting, true
	}
	return a
}

// peer asks how many have dealt with an address; nil when there is no room to ask.
func (c *census) peer(key uint32) *answer {
	for i := range c.peers[:c.asked] {
		if a := &c.peers[i]; a.peer == key {
			return a
		}
	}
	if c.asked == addresses || c.pending == perPass {
		return nil
	}
	a := &c.peers[c.asked]
	*a = answer{state: waiting, peer: key}
	c.asked, c.pending, c.wanted = c.asked+1, c.pending+1, true
	return a
}

// turn moves all answers from one state to the next.
func (c *census) turn(from, to state) {
	for i := range c.classes {
		if a := &c.classes[i]; a.state == from {
			a.state = to
		}
	}
	for i := range c.peers[:c.asked] {
		if a := &c.peers[i]; a.state == from {
			a.state = to
			if to == answered {
				c.pending--
			}
		}
	}
}

// walk looks through devices as long as there is something to count and the tick has
// some left. Where there are few devices, that answers at once.
func (d *Detector) walk(hour int64) {
	c := &d.census
	for c.left > 0 && (c.running || c.wanted) {
		if !c.running {
			c.running, c.wanted, c.at, c.sampled = true, false, 0, 0
			c.turn(waiting, counting)
		}
		some := d.past.Some(c.at, c.at+c.left)
		for _, h := range some {
			d.countIn(h, hour)
		}
		c.at += len(some)
		if c.left -= len(some); c.left > 0 { // there are no more
			c.running = false
			c.turn(counting, answered)
		}
	}
}

// countIn counts a device.
func (d *Detector) countIn(h *baseline.Habits, hour int64) {
	c := &d.census
	if h.Sampled(hour, d.cfg.LearnDays) {
		c.sampled++
	}
	if d.few(h, hour, c.since) {
		for k := class(1); int(k) < classes; k++ {
			a := &c.classes[k]
			if a.state != counting {
				continue
			}
			a.like++
			// A mail server that sends mail is no example for others.
			if d.table.asked(h, k, c.since) && !d.table.offered(h, k, c.since) {
				a.users++
			}
		}
	}
	for i := range c.peers[:c.asked] {
		if a := &c.peers[i]; a.state == counting && h.MetBefore(a.peer, c.since) {
			a.users++
		}
	}
}
