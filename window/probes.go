// SPDX-License-Identifier: Apache-2.0

package window

import "tidewatch/flow"

// Span is a stretch of time over which attempts are counted. Each is kept as two
// generations, the running one and the one before, so it reaches back one to two of them.
type Span uint8

// The spans.
const (
	Short Span = iota // 5 to 10 minutes
	Hours             // one to two hours
	Day               // half a day to a day
	NumSpans
)

func (s Span) seconds() int64 { return [NumSpans]int64{300, 3600, halfDay}[s] }

const (
	triedKept  = 8 // ports and peers kept of each generation, the most often tried
	loginsKept = 4 // services logged in to, of each generation
)

// Probes are the attempts of one device that led nowhere, or, of a device that is the
// target, those that others outside made at it. Its peers are the other ends.
type Probes struct {
	Addr flow.Addr
	last int64 // newest Unix second of an attempt

	dev    int32
	used   bool
	dirty  bool // anything was tried since the last minute
	dir    Direction
	rate   uint32
	minute uint32            // attempts in the running minute
	rates  [8]perSecond      // packets of attempts, by second
	burst  bool              // a minute of it held as many as are noted of a target
	usual  [triedKept]usedBy // of the hour before, see Window.Answered

	spans [NumSpans][2]tries
}

// usedBy says with how many peers a device exchanged data on a port, as client.
type usedBy struct {
	key  uint32
	many bool
	n    uint8
}

// rateSamples is how many sampled packets tell a rate, to a third.
const rateSamples = 10

// perSecond counts the packets that were sent in one Unix second.
type perSecond struct{ stamp, packets, samples uint32 }

// began counts the packets of an attempt in the second in which it began, and returns how
// many there are. Exports bring some seconds at once, and in any order.
func (p *Probes) began(x *piece) uint32 {
	if x.mark&flow.NoTime != 0 {
		return 0
	}
	r := &p.rates[x.first%int64(len(p.rates))]
	if stamp := uint32(x.first); r.stamp != stamp {
		*r = perSecond{stamp: stamp}
	}
	r.packets += uint32(min(max(1, x.packets/uint64(x.last-x.first+1)), 1<<20))
	if r.samples++; x.rate > 1 && r.samples < rateSamples {
		return 0
	}
	return r.packets
}

// tries is one generation.
type tries struct {
	stamp       int64 // Unix time / length of a generation
	first, last int64 // Unix seconds
	by          [NumTrials]uint32
	refused     uint32 // RSTs that came back
	answered    uint32 // SYNs and ACKs that came back and led to nothing
	attempts    uint32 // all but logins
	fastest     uint32 // most packets of them in one second
	peers       tally
	pairs       tally // of peer and port
	allPorts    tally

	nPorts, nPeers, nLogins int
	ports                   [triedKept]triedPort
	hosts                   [triedKept]triedPeer
	logins                  [loginsKept]login
}

type triedPort struct {
	key      uint32
	attempts uint32
	over     uint32 // of those, what may belong to others before it
	peers    patch
}

type triedPeer struct {
	addr     flow.Addr
	attempts uint32
	over     uint32 // of those, what may belong to others before it
	distinct patch  // ports tried, or devices
}

// login counts sessions like failed logins between the device and a peer.
type login struct {
	peer   flow.Addr
	sealed uint32 // sessions when a longer one followed, 0 = none did
	n      uint32
	port   uint16
}

func (p *Probes) reset(addr flow.Addr, dev int32, dir Direction, now int64) {
	*p = Probes{Addr: addr, dev: dev, used: true, dir: dir, last: now}
}

// turn makes the generation of second now the running one.
func (p *Probes) turn(s Span, now int64) *tries {
	g, stamp := &p.spans[s], now/s.seconds()
	if stamp > g[0].stamp {
		if g[1] = g[0]; g[1].stamp != stamp-1 {
			g[1] = tries{stamp: stamp - 1}
		}
		g[0] = tries{stamp: stamp}
	}
	return &g[0]
}

// note books one attempt in all spans.
func (p *Probes) note(what Trial, x *piece, now int64) {
	peer, addr := x.peer(p.dir)
	p.last, p.dirty, p.rate = max(p.last, x.last), true, x.rate
	key, port := triedKey(x)
	if what < NumTrials && what != TryLogin {
		p.minute++
	}
	rate := uint32(0)
	if what < TryLogin {
		rate = p.began(x)
	}
	for s := range NumSpans {
		g := p.turn(s, now)
		switch what {
		case tryRefused:
			g.refused++
		case tryAnswer:
			g.answered++
		case tryLong:
			for i := range p.spans[s] {
				p.spans[s][i].long(addr, x.dstPort)
			}
		case TryLogin:
			g.begin(what, x)
			g.login(addr, x.dstPort)
		default:
			g.begin(what, x)
			g.attempts++
			g.fastest = max(g.fastest, rate)
			g.peers.add(peer)
			g.pairs.add(scatter(port ^ peer))
			g.allPorts.add(port)
			g.port(key, peer)
			rankPeer(&g.hosts, &g.nPeers, addr, port)
		}
	}
}

func (g *tries) begin(what Trial, x *piece) {
	g.first, g.last = earlier(g.first, x.first), max(g.last, x.last)
	g.by[what]++
}

// triedKey is what was tried: protocol and port; of ICMP the protocol alone; and its hash.
func triedKey(x *piece) (key uint32, hash uint64) {
	key = uint32(x.proto) << 16
	if x.class != flow.ICMP {
		key |= uint32(x.dstPort)
	}
	return key, scatter(uint64(key) + 1)
}

// scatter makes a hash of a number (the finalizer of MurmurHash3, public domain): ports
// that follow each other must not fall into registers that do.
func scatter(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// port counts an attempt for its port; the least tried gives way (Space-Saving).
func (g *tries) port(key uint32, peer uint64) {
	low := 0
	for i := range g.ports[:g.nPorts] {
		t := &g.ports[i]
		if t.key == key {
			t.attempts++
			t.peers.add(peer)
			return
		}
		if t.attempts < g.ports[low].attempts {
			low = i
		}
	}
	t := &g.ports[low]
	if g.nPorts < triedKept {
		t = &g.ports[g.nPorts]
		g.nPorts++
	}
	*t = triedPort{key: key, attempts: t.attempts + 1, over: t.attempts}
	t.peers.add(peer)
}

// login counts a session; of services the least tried gives way, with its count.
func (g *tries) login(peer *flow.Addr, port uint16) {
	low := 0
	for i := range g.logins[:g.nLogins] {
		l := &g.logins[i]
		if l.peer == *peer && l.port == port {
			l.n++
			return
		}
		if l.n < g.logins[low].n {
			low = i
		}
	}
	l := &g.logins[low]
	if g.nLogins < loginsKept {
		l = &g.logins[g.nLogins]
		g.nLogins++
	}
	*l = login{peer: *peer, port: port, n: 1}
}

// long notes that a longer session followed short ones of the same pair.
func (g *tries) long(peer *flow.Addr, port uint16) {
	for i := range g.logins[:g.nLogins] {
		if l := &g.logins[i]; l.peer == *peer && l.port == port {
			l.sealed = l.n
		}
	}
}
