// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

// A connection is held in a piece of ten seconds or more in which both sides send
// at most a packet a second, the client a line of a request at most and the server
// nothing but acknowledgements (72 bytes over IPv6 with time stamps): a request
// that does not come to its end. A waiting web socket or long poll is answered
// with data now and then, and an upload is faster.
//
// A connection of which only the handshake was seen, which neither side ended, is
// held for openSeconds: its record comes when it was idle for the inactive timeout,
// and servers wait a minute at least for what comes next (nginx and Apache httpd
// for a request 60 s, sshd for a login 120 s).
const (
	heldSeconds   = 10
	heldIn        = 300 // mean bytes of a packet
	heldOut       = 80
	heldPerSecond = 1  // packets
	openSeconds   = 60 // whole tens
	openPackets   = 2  // of the client: SYN and ACK
	heldTens      = 24 // four minutes: what exporters with an active timeout of a minute tell is whole after 75 s
	heldMinutes   = 5
	heldKnown     = 12    // tens after which they count as known
	heldFloor     = 4_000 // seconds in ten: 400 connections, see webflood
)

// held counts connections that clients keep open at a device and in which nothing
// goes on, by ten seconds.
type held struct {
	tens   [heldTens]heldTen
	peers  [heldMinutes]heldPeers
	usual  usual // seconds in ten
	newest int64 // ten of the newest piece
	last   int64 // newest second of any
	begun  int64 // second from which anything would have been seen
}

type heldTen struct {
	stamp   int64
	seconds [2]uint32 // that such pieces last, together
}

func (t *heldTen) least() uint32 { return min(t.seconds[In], t.seconds[Out]) }

// heldPeers are those to whom the server sends nothing, by minute.
type heldPeers struct {
	stamp int64
	known distinct
}

func (x *held) reset(watched int64) {
	x.tens = [heldTens]heldTen{}
	for i := range x.peers {
		x.peers[i].stamp = 0
		x.peers[i].known.reset()
	}
	x.usual, x.newest, x.last, x.begun = 0, 0, 0, watched
}

// webPort tells the ports that web servers listen on.
func webPort(p uint16) bool {
	return p == 80 || p == 443 || p == 8000 || p == 8080 || p == 8443
}

// hold books a piece of ten seconds or more.
func (h *Host) hold(d Direction, p *piece, now int64) {
	port, size := p.dstPort, uint64(heldIn)
	if d == Out {
		port, size = p.srcPort, heldOut
	}
	n := p.last - p.first + 1
	if p.proto != flow.ProtoTCP || p.rate > 1 || p.packets > heldPerSecond*uint64(n) || p.bytes > size*p.packets {
		return
	}
	switch {
	case webPort(port):
		h.held.add(d, p, [2]int64{p.first, p.last}, now)
	case serves(d, p):
		h.idle.add(d, p, [2]int64{p.first, p.last}, now)
	}
}

// open books a handshake that nothing followed, at any port.
func (h *Host) open(d Direction, p *piece, now int64) {
	if p.rate > 1 || p.bytes > heldOut*p.packets || !serves(d, p) || d == In && p.packets < openPackets {
		return
	}
	first := p.last / 10 * 10
	h.idle.add(d, p, [2]int64{first, first + openSeconds - 1}, now)
}

// add books that a connection is held from one second to another.
func (x *held) add(d Direction, p *piece, span [2]int64, now int64) {
	first, last := span[0], span[1]
	x.advance(now / 10)
	for t := max(first/10, x.newest-heldTens+1); t <= last/10 && t < x.newest+heldTens/2; t++ {
		k := &x.tens[mod(t, heldTens)]
		if k.stamp != t {
			*k = heldTen{stamp: t}
		}
		k.seconds[d] += uint32(min(last, 10*t+9) - max(first, 10*t) + 1)
	}
	if d == Out { // many a customer is slow, few servers are silent
		for m := max(first/60, now/60-heldMinutes+2); m <= min(last/60, now/60+1); m++ {
			k := &x.peers[mod(m, heldMinutes)]
			if k.stamp != m {
				k.stamp = m
				k.known.reset()
			}
			k.known.add(p.dstHash)
		}
	}
	x.last = max(x.last, min(last, now))
}

// advance follows what is usual up to the tens that are known by ten t.
func (x *held) advance(t int64) {
	if t <= x.newest {
		return
	}
	for k := max(x.newest+1, t-heldTens) - heldKnown; x.newest > 0 && k <= t-heldKnown; k++ {
		x.usual.follow(float32(x.at(k)), heldFloor, 10*k < x.begun+youth)
	}
	x.newest = t
}

// at is how many seconds connections were held in ten t, together.
func (x *held) at(t int64) uint32 {
	if k := &x.tens[mod(t, heldTens)]; k.stamp == t {
		return k.least()
	}
	return 0
}

// Held is what clients keep open at a device.
type Held struct{ x *held }

// HeldWeb tells of requests to web ports that do not come to their end.
func (h *Host) HeldWeb() Held { return Held{&h.held} }

// HeldIdle tells of connections to any TCP service in which nothing goes on: only
// the handshake, at any port, or hardly more, at other ports than those of the web.
func (h *Host) HeldIdle() Held { return Held{&h.idle} }

// Most is the largest number of connections held at once in ten seconds of the two
// minutes before now, and the Unix second in which those begin.
func (v Held) Most(now int64) (connections float64, at int64) {
	t := now / 10
	for k := t - heldKnown; k < t; k++ {
		if n := float64(v.x.at(k)) / 10; n > connections {
			connections, at = n, 10*k
		}
	}
	return connections, at
}

// Usual is how many are held usually.
func (v Held) Usual() float64 { return float64(v.x.usual) / 10 }

// Sources is about how many hold connections in the minute of a Unix second.
func (v Held) Sources(at int64) uint64 {
	k := &v.x.peers[mod(at/60, heldMinutes)]
	if k.stamp != at/60 {
		return 0
	}
	var u union
	u.add(&k.known)
	return u.estimate()
}

// Since is the Unix second from which on so many connections are held, up to at.
func (v Held) Since(at int64, connections float64) int64 {
	t := at / 10
	for t > v.x.newest-heldTens+1 && float64(v.x.at(t-1)) >= 10*connections {
		t--
	}
	return 10 * t
}

// Until is the newest Unix second in which a connection was held.
func (v Held) Until() int64 { return v.x.last }
