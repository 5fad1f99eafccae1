// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

// A connection is held in a piece of ten seconds or more in which both sides send
// at most a packet a second, the client a line of a request at most and the server
// nothing but acknowledgements (72 bytes over IPv6 with time stamps): a request
// that does not come to its end. A waiting web socket or long poll is answered
// with data now and then, and an upload is faster.
const (
	heldSeconds   = 10
	heldIn        = 300 // mean bytes of a packet
	heldOut       = 80
	heldMinutes   = 16
	heldPerSecond = 1 // packets
)

// held counts connections that clients keep open at a web server, by minute.
type held struct {
	minutes [heldMinutes]heldMinute
	last    int64 // newest second of any
}

type heldMinute struct {
	stamp   int64
	seconds [2]uint32 // that such pieces last, together
	peers   distinct  // to whom the server sends nothing
}

func (x *held) reset() {
	for i := range x.minutes {
		x.minutes[i].stamp, x.minutes[i].seconds = 0, [2]uint32{}
		x.minutes[i].peers.reset()
	}
	x.last = 0
}

// webPort tells the ports that web servers listen on.
func webPort(p uint16) bool {
	return p == 80 || p == 443 || p == 8000 || p == 8080 || p == 8443
}

// add books a piece of ten seconds or more.
func (x *held) add(d Direction, p *piece, now int64) {
	port, size := p.dstPort, uint64(heldIn)
	if d == Out {
		port, size = p.srcPort, heldOut
	}
	n := p.last - p.first + 1
	if p.proto != flow.ProtoTCP || !webPort(port) || p.rate > 1 || p.packets > heldPerSecond*uint64(n) || p.bytes > size*p.packets {
		return
	}
	oldest := now/60 - heldMinutes + 1
	for m := max(p.first/60, oldest); m <= p.last/60; m++ {
		k := &x.minutes[m%heldMinutes]
		if k.stamp != m {
			k.stamp, k.seconds = m, [2]uint32{}
			k.peers.reset()
		}
		k.seconds[d] += uint32(min(p.last, 60*m+59) - max(p.first, 60*m) + 1)
		if d == Out { // many a customer is slow, few servers are silent
			k.peers.add(p.dstHash)
		}
	}
	x.last = max(x.last, p.last)
}

// Held is how many connections were held on average in a Unix minute of the last
// quarter of an hour, by how many sources; see the constants above.
func (h *Host) Held(minute int64) (connections float64, sources uint64) {
	k := &h.held.minutes[mod(minute, heldMinutes)]
	if k.stamp != minute {
		return 0, 0
	}
	var u union
	u.add(&k.peers)
	return float64(min(k.seconds[In], k.seconds[Out])) / 60, u.estimate()
}

// HeldMany is the cheap first look at whether at least n connections were held.
func (h *Host) HeldMany(minute int64, n float64) bool {
	k := &h.held.minutes[mod(minute, heldMinutes)]
	return k.stamp == minute && float64(min(k.seconds[In], k.seconds[Out])) >= 60*n
}

// HeldUntil is the newest Unix second in which a connection was held.
func (h *Host) HeldUntil() int64 { return h.held.last }
