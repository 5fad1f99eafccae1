// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math"
	"net/netip"

	"tidewatch/flow"
	"tidewatch/pages"
)

// closeup is what is kept of a device that was once lively beyond counts: samples of
// its inbound flows and of who sends them, and which sources it knows. From it
// detectors tell an attack from a crowd, and what would be hit by a filter. It is
// allocated at the first second of a device with many flows or packets, about 38 KiB, and given back
// with its seconds.
//
// Each minute has a picture: the running one, the one before, and the newest in
// which nobody suspected the device and that was over a minute before. So while an
// attack goes on, what was usual before it is still there to compare with.
type closeup struct {
	// One cache line that every flow reads.
	least              [strata]float64 // what a priority must exceed to enter the running picture's samples
	suspected          int64           // last Unix second of suspicion; see Tracker.Suspect
	since              int64           // second in which what is suspected began
	largest            [2]uint32       // no source with a larger key enters the running picture
	now, before, usual uint8           // places of the pictures
	_                  [1]byte
	classes            uint32   // that it is suspected for
	recent             *recents // nil: it is not suspected, or nobody knows for what

	pictures [3]picture
	known    known
}

// picture is one minute of inbound traffic.
type picture struct {
	minute  int64 // 0: none
	sums    Ordinary
	sources [2]sources // of whole connections, and of all else: customers must not hide who floods
	flows   [strata]reservoir
}

// Ordinary is what a device had in some minutes.
type Ordinary struct {
	Minutes         int
	Packets         [2]uint64 // by Direction
	Asked, Sessions uint64    // inbound flows of SYN alone, and of whole connections
}

// closeups hands them out and takes them back.
type closeups struct {
	pool pages.Pool[closeup]
	free []*closeup

	recent     pages.Pool[recents]
	freeRecent []*recents

	_ [8]byte // whole cache lines: what follows it in a Tracker is booked with every flow
}

func (x *closeups) take(now int64) (c *closeup) {
	if n := len(x.free); n > 0 {
		c, x.free = x.free[n-1], x.free[:n-1]
		*c = closeup{}
	} else {
		c = x.pool.New()
	}
	c.now, c.before, c.usual = 0, 1, 2
	c.suspected = math.MinInt64
	c.pictures[0].minute = now / 60
	c.largest = [2]uint32{math.MaxUint32, math.MaxUint32}
	return c
}

// give takes the close-up of a device back, if it has one.
func (x *closeups) give(h *Host) {
	if h.near != nil {
		x.clear(h.near)
		x.free = append(x.free, h.near)
		h.near = nil
	}
}

// add notes one inbound flow.
func (c *closeup) add(p *piece, now int64) {
	n := &c.pictures[c.now]
	if k := sourcesOf(p.class); keyOf(p) <= c.largest[k] && n.sources[k].add(p, uint8(now%60), &c.known) {
		c.largest[k] = n.sources[k].largest()
	}
	if p.class == flow.TCPSession { // only who completes connections is there under that address
		c.known.learn(p.srcHash)
	}
	u, s := p.chance(), stratumOf(p.class)
	w := float64(max(p.bytes, 1))
	if w > c.least[s]*u {
		c.least[s] = n.flows[s].add(p, w/u)
	}
	if c.classes&(1<<p.class) != 0 {
		c.recent.add(p, w, u, now)
	}
}

// touch reads what add changes.
func (c *closeup) touch(p *piece) uint64 {
	sum := uint64(c.now)
	if k := sourcesOf(p.class); keyOf(p) <= c.largest[k] {
		sum += uint64(c.pictures[c.now].sources[k][p.srcHash>>26%buckets].key)
	}
	if p.class == flow.TCPSession {
		sum += c.known.fresh[uint32(p.srcHash)%knownBits/64]
	}
	return sum
}

// answered notes one outbound UDP flow: whom the device sends to has spoken to it,
// or was asked.
func (c *closeup) answered(p *piece) { c.known.learn(p.dstHash) }

// turn ends a minute.
func (c *closeup) turn(h *Host, minute int64) {
	n := &c.pictures[c.now]
	in, out := h.Classes(In, 60*minute, 60*minute+59), h.Classes(Out, 60*minute, 60*minute+59)
	for class := range in {
		n.sums.Packets[In] += in[class].Packets
		n.sums.Packets[Out] += out[class].Packets
	}
	n.sums.Asked, n.sums.Sessions = in[flow.TCPSyn].Flows, in[flow.TCPSession].Flows
	quiet := c.suspected < 60*(minute-1)
	c.known.turn(minute, quiet)
	free := c.before
	if quiet {
		free, c.usual = c.usual, c.before
		h.nears.clear(c)
	}
	c.before, c.now = c.now, free
	c.pictures[free] = picture{minute: minute + 1}
	c.least, c.largest = [strata]float64{}, [2]uint32{math.MaxUint32, math.MaxUint32}
}

// Suspect tells that a device is under attack, as of now and since a Unix second, by
// inbound traffic of a set of classes, empty when that is not known: what is learned of
// it is not to be taken for usual, what was before is kept, and what comes now is sampled.
// It does nothing for addresses of which there is no close-up.
func (t *Tracker) Suspect(a flow.Addr, since int64, classes uint32) {
	if h := t.Host(a); h != nil {
		h.Suspect(t.now, since, classes)
	}
}

// SuspectPrefix is Suspect of a prefix that is followed.
func (t *Tracker) SuspectPrefix(net netip.Prefix, since int64, classes uint32) {
	if x := t.Followed(net); x != nil {
		x.Suspect(t.now, since, classes)
	}
}

// Suspect is Tracker.Suspect of this device.
func (h *Host) Suspect(now, since int64, classes uint32) {
	if c := h.near; c != nil {
		c.blame(h.nears, classes)
		if !c.suspicious() || since < c.since {
			c.since = since
		}
		c.suspected = now
	}
}

// suspicious reports whether the device was suspected in the running minute or the one
// before, of which there are pictures.
func (c *closeup) suspicious() bool { return c.suspected >= 60*(c.pictures[c.now].minute-1) }

// Unsuspected is the Unix second before which traffic was usual as far as is known: from,
// unless an attack was under way by then, or had ended lately. Then it is the begin of
// that one, since what an attack did first is not usual for what it does next.
func (h *Host) Unsuspected(from int64) int64 {
	if c := h.near; c != nil && c.suspicious() {
		return min(from, c.since)
	}
	return from
}

// earlier lists the pictures of usual traffic that were over at the Unix second from.
func (h *Host) earlier(from int64) (out []*picture) {
	c, from := h.near, h.Unsuspected(from)
	for _, i := range [...]uint8{c.before, c.usual} {
		if p := &c.pictures[i]; p.minute > 0 && 60*p.minute+60 <= from {
			out = append(out, p)
		}
	}
	return out
}

// Ordinary sums the usual minutes known of the time before the Unix second from; ok is
// false when none is.
func (h *Host) Ordinary(from int64) (sum Ordinary, ok bool) {
	if h.near == nil {
		return sum, false
	}
	for _, p := range h.earlier(from) {
		ok = true
		sum.Minutes++
		sum.Packets[In] += p.sums.Packets[In]
		sum.Packets[Out] += p.sums.Packets[Out]
		sum.Asked += p.sums.Asked
		sum.Sessions += p.sums.Sessions
	}
	return sum, ok
}
