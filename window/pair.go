// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

const (
	startsKept  = 64 // newest intervals between connections, and their sizes
	pairHours   = 28 // a day and more
	connections = 3  // of a pair, followed at a time

	// For how long a connection may pause, in seconds. TCP keeps alive every two
	// hours unless told otherwise (RFC 1122), and a new connection says so with a
	// SYN. Others live as long as the address translators between them remember
	// them, two minutes at least (RFC 4787). A SYN is repeated for about a minute.
	pauseTCP, pauseOther, pauseSyn = 7500, 180, 64
)

// Pair is what one device asked of one service of one destination: when its
// newest connections began and what they sent, how many there were in each hour,
// and the longest of them. Routers cut connections into pieces; pieces of the same
// ports that follow one another are one connection again.
type Pair struct {
	Dest          flow.Addr
	hash          uint64
	dev           int32
	before, after int32 // pairs of the same device, one more than their slots; 0 = none
	service       uint32

	first, last uint32 // Unix seconds: the first connection, the newest second of any
	start       uint32 // of the newest connection; 0 = none seen to begin
	count       uint32 // connections that began
	failed      uint32 // of those, nobody answered
	bytes       uint64 // sent, all of them
	newest      uint64 // sent by the newest connection
	packets     uint64

	hour    uint32 // newest Unix hour in hours
	n       uint16 // connections in calls, the oldest of 64 first to be overwritten
	used    bool
	dirty   bool // since the last minute tick
	inside  bool // the destination is an own device: only what lasts is followed
	longest connection
	open    [connections]connection
	hours   [pairHours]uint16
	calls   [startsKept]struct{ gap, size uint16 } // compact: seconds since the connection before, bytes sent
	heard   heard
}

// connection is what is known of one connection of a pair.
type connection struct {
	bytes                uint64
	packets, first, last uint32
	port                 uint16 // of the device
}

func (c *connection) seconds() int64 { return int64(c.last) - int64(c.first) }

// compact keeps up to 32 767 as it is and more in steps: of 16 seconds, of 1 024
// bytes (a rough size has no steps that matter).
func compact(v, step uint64) uint16 {
	if v < 1<<15 {
		return uint16(v)
	}
	return 1<<15 | uint16(min(v/step, 1<<15-1))
}

func expand(v uint16, step int64) int64 {
	if v < 1<<15 {
		return int64(v)
	}
	return int64(v&(1<<15-1)) * step
}

const gapStep, sizeStep = 16, 1024

// add books a piece.
func (r *Pair) add(p *piece) {
	r.dirty = true
	r.bytes += p.bytes
	r.packets += p.packets
	at := clip(p.first)
	r.first, r.last = min(r.first, at), max(r.last, clip(p.last))
	c, fresh := r.join(p)
	c.bytes += p.bytes
	c.packets += uint32(min(p.packets, 1<<32-1-uint64(c.packets)))
	c.first, c.last = min(c.first, at), max(c.last, clip(p.last))
	if c.seconds() > r.longest.seconds() || c.first == r.longest.first && c.port == r.longest.port {
		r.longest = *c
	}
	switch {
	case fresh && (p.proto != flow.ProtoTCP || begins(p) || p.class == flow.TCPOther):
		r.begin(at, p.bytes)
		if p.class == flow.TCPSyn {
			r.failed++
		}
	case c.first == r.start && r.n > 0:
		r.grow(p.bytes)
	}
}

// join finds the connection that the piece belongs to, or makes a place for it.
func (r *Pair) join(p *piece) (c *connection, fresh bool) {
	pause := int64(pauseOther)
	switch {
	case begins(p):
		pause = pauseSyn
	case p.proto == flow.ProtoTCP && p.class != flow.TCPOther:
		pause = pauseTCP
	}
	c = &r.open[0]
	for i := range r.open {
		o := &r.open[i]
		if o.first != 0 && o.port == p.srcPort && p.first <= int64(o.last)+pause && p.last >= int64(o.first)-pause {
			return o, false
		}
		if o.last < c.last {
			c = o
		}
	}
	at := clip(p.first)
	*c = connection{first: at, last: at, port: p.srcPort}
	return c, true
}

// begin notes that a connection began. Several in one second are one occasion, and
// one that is told of late is only counted: the order of the others stands.
func (r *Pair) begin(at uint32, bytes uint64) {
	r.tallyHour(at / 3600)
	r.count++
	switch {
	case r.start == 0:
	case at <= r.start:
		if at == r.start {
			r.grow(bytes)
		}
		return
	}
	i := r.n % startsKept
	r.calls[i].gap = 0
	if r.start != 0 {
		r.calls[i].gap = compact(uint64(at-r.start), gapStep)
	}
	r.start, r.newest = at, bytes
	r.calls[i].size = compact(bytes, sizeStep)
	if r.n++; r.n >= 2*startsKept {
		r.n -= startsKept
	}
}

// grow adds to the size of the newest connection.
func (r *Pair) grow(bytes uint64) {
	r.newest += bytes
	r.calls[(r.n-1)%startsKept].size = compact(r.newest, sizeStep)
}

func (r *Pair) tallyHour(hour uint32) {
	switch {
	case hour >= r.hour+pairHours:
		r.hours, r.hour = [pairHours]uint16{}, hour
	case hour+pairHours <= r.hour:
		return
	}
	for r.hour < hour {
		r.hour++
		r.hours[r.hour%pairHours] = 0
	}
	k := &r.hours[hour%pairHours]
	*k += 1 - *k/(1<<16-1)
}

// Service is proto<<16|port of what is asked.
func (r *Pair) Service() uint32 { return r.service }

// Inside reports whether the destination is an own device.
func (r *Pair) Inside() bool { return r.inside }

// First and Last are the Unix seconds of its first and its newest traffic.
func (r *Pair) First() int64 { return int64(r.first) }

// Last is the newest Unix second of its traffic.
func (r *Pair) Last() int64 { return int64(r.last) }

// Count is how many connections began, Sent the bytes they sent.
func (r *Pair) Count() int { return int(r.count) }

// Failed is how many of these were TCP that nobody answered, as far as flags tell.
func (r *Pair) Failed() int { return int(r.failed) }

// Sent is the bytes and packets that the device sent.
func (r *Pair) Sent() (bytes, packets uint64) { return r.bytes, r.packets }

// Starts appends the seconds between its newest connections, the oldest first, and
// to sizes the bytes that each of these sent; the size of the first connection,
// which has no interval, is left out.
func (r *Pair) Starts(gaps, sizes []int64) (g, s []int64) {
	kept := min(int(r.n), startsKept)
	for k := range kept {
		i := (int(r.n) - kept + k) % startsKept
		if r.calls[i].gap == 0 {
			continue
		}
		gaps = append(gaps, expand(r.calls[i].gap, gapStep))
		sizes = append(sizes, expand(r.calls[i].size, sizeStep))
	}
	return gaps, sizes
}

// Hours appends how many connections began in each of the 24 Unix hours up to the
// one of second now, the oldest first.
func (r *Pair) Hours(now int64, out []int) []int {
	to := uint32(now / 3600)
	for h := to - 23; h <= to; h++ {
		n := 0
		if h <= r.hour && h+pairHours > r.hour {
			n = int(r.hours[h%pairHours])
		}
		out = append(out, n)
	}
	return out
}

// Connection is one connection of a pair.
type Connection struct {
	First, Last    int64 // Unix seconds
	Bytes, Packets uint64
	Port           uint16 // of the device
}

// Longest is the longest connection known, as long as it went on up to now.
func (r *Pair) Longest() Connection {
	c := &r.longest
	return Connection{First: int64(c.first), Last: int64(c.last), Bytes: c.bytes, Packets: uint64(c.packets), Port: c.port}
}
