// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math/bits"

	"tidewatch/flow"
)

const (
	requestTens   = 4    // tens of seconds kept: a connection is told of at its end, or when it was idle for 15 s
	requestRows   = 1024 // sources share a counter when they are more
	sizeClasses   = 64   // four to the doubling, from 64 bytes on
	requestLeast  = 4    // packets of a connection that asks: SYN, ACK, request, end
	requestsFloor = 2000 // in ten seconds, for what is usual
	queriesFloor  = 10_000
	portDNS       = 53

	// A source is heavy with so many requests in ten seconds, see webflood. A
	// counter that was heavy for six hours together is that of a proxy, a delivery
	// network, a gateway; it stays so for two days without.
	heavyRequests = 100
	heavyHours    = 6 * 360
	heavyForget   = 8 // tens without for one with
)

// Requests are what is asked of one service of a lively device: connections that
// came about to its web ports, or questions to its name server. Under sampling only
// questions are counted.
type Requests struct {
	tens     [requestTens]requestTen
	newest   int64
	host     *Host
	turn     [2]uint8 // by Direction: a request and its response may come in turns
	begun    int64    // second from which anything would have been seen
	floor    float32
	requests usual // in ten seconds
	sources  usual
	sizes    [2][sizeClasses]usual
	heavy    [requestRows]uint16 // tens in which a counter was heavy
}

type requestTen struct {
	stamp    int64
	requests uint64
	bytes    uint64
	rows     [requestRows]uint16    // requests by hash of the source
	sizes    [2][sizeClasses]uint32 // of requests and of responses
}

func (t *requestTen) reset(stamp int64) {
	t.stamp, t.requests, t.bytes = stamp, 0, 0
	t.rows, t.sizes = [requestRows]uint16{}, [2][sizeClasses]uint32{}
}

func (r *Requests) reset(watched int64) {
	if r == nil {
		return
	}
	for i := range r.tens {
		r.tens[i].reset(0)
	}
	r.newest, r.begun, r.requests, r.sources, r.turn = 0, watched, 0, 0, [2]uint8{}
	r.sizes, r.heavy = [2][sizeClasses]usual{}, [requestRows]uint16{}
}

// request books what is asked of a lively device, if it is a web or name server.
// The memory is taken once in a device's busy life.
func (h *Host) request(p *piece, now int64) {
	switch {
	case p.proto == flow.ProtoTCP && webPort(p.dstPort):
		if p.rate > 1 || p.packets < requestLeast || !connected(p) {
			return
		}
		if h.web == nil {
			h.web = &Requests{floor: requestsFloor, begun: h.watched, host: h}
		}
		h.web.add(p, bunch{p.last, 1, p.bytes, p.packets}, now)
	case p.dstPort == portDNS && p.srcPort != portDNS && p.proto == flow.ProtoUDP:
		if h.dns == nil {
			h.dns = &Requests{floor: queriesFloor, begun: h.watched, host: h}
		}
		n := uint64(p.last/10 - p.first/10 + 1)
		for k := uint64(max(0, int64(n)-requestTens)); k < n; k++ {
			if q := part(p.packets, k, n); q > 0 {
				h.dns.add(p, bunch{p.first + 10*int64(k), q, q * (p.bytes / max(p.packets, 1)), 1}, now)
			}
		}
	}
}

// connected reports whether a connection came about with this piece: its begin and
// more than that, as far as the exporter shows flags.
func connected(p *piece) bool { return p.class == flow.TCPSession || p.class == flow.TCPOther }

// answer books the size of a web server's response.
func (h *Host) answer(p *piece) {
	if p.proto != flow.ProtoTCP || !webPort(p.srcPort) || !connected(p) || h.web == nil { // in this order: the flow is at hand, the host is not
		return
	}
	if t := h.web.at(p.last / 10); t != nil {
		n := uint32(1)
		if t.requests > requestsAll {
			if h.web.turn[Out]++; h.web.turn[Out]%requestsEvery != 0 {
				return
			}
			n = requestsEvery
		}
		t.sizes[Out][sizeClass(p.bytes, p.packets, p.src)] += n
	}
}

// sizeClass is the class of a size, as if over IPv4.
func sizeClass(bytes, packets uint64, a *flow.Addr) int {
	if more := 20 * packets; !a.Is4() && bytes > more {
		bytes -= more
	}
	n := bits.Len64(bytes)
	if n < 7 {
		return 0
	}
	return min(4*(n-7)+int(bytes>>(n-3)&3), sizeClasses-1)
}

// bunch is some requests that ended in a second, of so many packets each.
type bunch struct {
	at                int64
	n, bytes, packets uint64
}

// requestsAll is how many requests in ten seconds are all booked; of more each fourth
// is, fourfold.
const (
	requestsAll   = 4096
	requestsEvery = 4
)

// add books requests of a source.
func (r *Requests) add(p *piece, x bunch, now int64) {
	if now/10 > r.newest {
		r.advance(now / 10)
	}
	t := r.at(x.at / 10)
	if t == nil {
		return // told too late to be counted: the rate is at least what is counted
	}
	if t.requests > requestsAll {
		if r.turn[In]++; r.turn[In]%requestsEvery != 0 {
			return
		}
		x.n, x.bytes = requestsEvery*x.n, requestsEvery*x.bytes
	}
	t.requests += x.n
	t.bytes += x.bytes
	row := &t.rows[p.srcHash>>54]
	*row = uint16(min(uint64(*row)+x.n, 1<<16-1))
	t.sizes[In][sizeClass(x.bytes/x.n, x.packets, p.src)] += uint32(x.n)
}

// at is a ten that is kept, else nil.
func (r *Requests) at(t int64) *requestTen {
	if k := &r.tens[mod(t, requestTens)]; k.stamp == t && t > 0 {
		return k
	}
	return nil
}

// advance makes room for the tens up to t and learns from those that go.
func (r *Requests) advance(t int64) {
	from := max(r.newest+1, t-usualFloor)
	if r.newest == 0 {
		from = t - requestTens + 1
	}
	for ; from <= t; from++ {
		k := &r.tens[mod(from, requestTens)]
		gone := from - requestTens
		if r.newest > 0 {
			if k.stamp != gone {
				k.reset(gone)
			}
			r.learn(k, 10*gone < r.begun+youth)
		}
		k.reset(from)
	}
	r.newest = t
}

// learn follows what is usual by a ten that is known.
func (r *Requests) learn(t *requestTen, young bool) {
	r.requests.follow(float32(t.requests), r.floor, young)
	sources, _ := r.host.Distinct(10*t.stamp, 10*t.stamp+9)
	r.sources.follow(float32(sources), r.floor, young)
	for d := range t.sizes {
		for i, n := range &t.sizes[d] {
			r.sizes[d][i].follow(float32(n), r.floor, young)
		}
	}
	limit := t.common() + heavyRequests
	for i, n := range &t.rows {
		switch {
		case float64(n) > limit && young:
			r.heavy[i] = 2 * heavyHours
		case float64(n) > limit:
			r.heavy[i] = min(r.heavy[i]+1, 2*heavyHours)
		case t.stamp%heavyForget == 0:
			r.heavy[i] = max(r.heavy[i], 1) - 1
		}
	}
}

// common is how many requests a counter has that no heavy source shares, twice over:
// the mean of those that are not far above it.
func (t *requestTen) common() float64 {
	m := float64(t.requests) / requestRows
	for range 3 {
		var sum, n float64
		for _, x := range &t.rows {
			if v := float64(x); v <= 2*m+heavyRequests {
				sum, n = sum+v, n+1
			}
		}
		m = sum / max(n, 1)
	}
	return 2 * m
}
