// SPDX-License-Identifier: Apache-2.0

package window

import (
	"cmp"
	"slices"

	"tidewatch/flow"
)

// Attempts is what a device tried in vain in one span, or what was tried at it.
type Attempts struct {
	First, Last         int64 // Unix seconds
	By                  [NumTrials]uint64
	Total               uint64  // all but logins
	PerSecond           uint64  // most packets of them in one second; 0 where no times are told, or too few were sampled
	Refused, Answered   uint64  // RSTs, and SYNs with ACK, that came back
	Peers, Pairs, Ports uint64  // distinct; pairs of peer and port
	TopPeers, TopPorts  []Tried // most attempts first
	Logins              []Tries // most sessions first
}

// Tried is one peer, or one port, that was tried.
type Tried struct {
	Addr     flow.Addr
	Port     uint32 // proto<<16|port, where a port was tried
	Attempts uint64 // at least so many
	Distinct uint64 // ports of the peer, peers of the port; about 1400 stands for more
	seen     patch
}

// Tries are sessions like failed logins with one service.
type Tries struct {
	Peer     flow.Addr
	Port     uint16
	Sessions uint64
	Long     uint64 // sessions before a longer one of the same pair, 0 = none came
}

// Dir is Out for what the device tried, In for what was tried at it.
func (p *Probes) Dir() Direction { return p.dir }

// Last is the newest Unix second of an attempt.
func (p *Probes) Last() int64 { return p.last }

// Rate is the sampling rate of the newest attempt.
func (p *Probes) Rate() uint32 { return max(p.rate, 1) }

// PerMinute is how many attempts were noted in the minute that ends.
func (p *Probes) PerMinute() uint64 { return uint64(p.minute) }

// Burst reports whether a minute of it held about as many attempts as are noted of a
// target, which others went without.
func (p *Probes) Burst() bool { return p.burst || p.minute >= burstFlows }

// Some is the cheap first look: how many attempts, logins included, a span holds.
func (p *Probes) Some(s Span, now int64) (n, logins uint64) {
	for i := range p.spans[s] {
		if g := &p.spans[s][i]; g.stamp >= now/s.seconds()-1 {
			n += uint64(g.attempts)
			logins += uint64(g.by[TryLogin])
		}
	}
	return n, logins
}

// Read sums a span up in a, whose lists are used again.
func (p *Probes) Read(s Span, now int64, a *Attempts) {
	*a = Attempts{TopPeers: a.TopPeers[:0], TopPorts: a.TopPorts[:0], Logins: a.Logins[:0]}
	var peers, pairs, ports tally
	for i := range p.spans[s] {
		g := &p.spans[s][i]
		if g.stamp < now/s.seconds()-1 || g.first == 0 {
			continue
		}
		a.First, a.Last = earlier(a.First, g.first), max(a.Last, g.last)
		for what, n := range g.by {
			a.By[what] += uint64(n)
		}
		a.Total += uint64(g.attempts)
		a.PerSecond = max(a.PerSecond, uint64(g.fastest))
		a.Refused += uint64(g.refused)
		a.Answered += uint64(g.answered)
		peers.join(&g.peers)
		pairs.join(&g.pairs)
		ports.join(&g.allPorts)
		a.TopPeers = joinPeers(a.TopPeers, g.hosts[:g.nPeers])
		a.TopPorts = joinPorts(a.TopPorts, g.ports[:g.nPorts])
		a.Logins = joinLogins(a.Logins, g.logins[:g.nLogins])
	}
	a.Peers, a.Pairs, a.Ports = peers.estimate(), pairs.estimate(), ports.estimate()
	sortTried(a.TopPeers)
	sortTried(a.TopPorts)
	slices.SortFunc(a.Logins, func(x, y Tries) int {
		return cmp.Or(cmp.Compare(y.Sessions, x.Sessions), slices.Compare(x.Peer[:], y.Peer[:]), cmp.Compare(x.Port, y.Port))
	})
}

func joinPeers(out []Tried, list []triedPeer) []Tried {
next:
	for i := range list {
		t := &list[i]
		for k := range out {
			if o := &out[k]; o.Addr == t.addr {
				o.Attempts += uint64(t.attempts - t.over)
				o.seen.join(&t.distinct)
				continue next
			}
		}
		out = append(out, Tried{Addr: t.addr, Attempts: uint64(t.attempts - t.over), seen: t.distinct})
	}
	return out
}

func joinPorts(out []Tried, list []triedPort) []Tried {
next:
	for i := range list {
		t := &list[i]
		for k := range out {
			if o := &out[k]; o.Port == t.key {
				o.Attempts += uint64(t.attempts - t.over)
				o.seen.join(&t.peers)
				continue next
			}
		}
		out = append(out, Tried{Port: t.key, Attempts: uint64(t.attempts - t.over), seen: t.peers})
	}
	return out
}

func joinLogins(out []Tries, list []login) []Tries {
next:
	for i := range list {
		l := &list[i]
		for k := range out {
			if o := &out[k]; o.Peer == l.peer && o.Port == l.port {
				o.Sessions += uint64(l.n)
				o.Long = max(o.Long, uint64(l.sealed))
				continue next
			}
		}
		out = append(out, Tries{Peer: l.peer, Port: l.port, Sessions: uint64(l.n), Long: uint64(l.sealed)})
	}
	return out
}

// sortTried counts what is distinct, and puts the most tried first.
func sortTried(list []Tried) {
	for i := range list {
		list[i].Distinct = list[i].seen.estimate()
	}
	slices.SortFunc(list, func(x, y Tried) int {
		return cmp.Or(cmp.Compare(y.Attempts, x.Attempts), slices.Compare(x.Addr[:], y.Addr[:]), cmp.Compare(x.Port, y.Port))
	})
}
