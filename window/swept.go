// SPDX-License-Identifier: Apache-2.0

package window

import (
	"net/netip"

	"tidewatch/flow"
)

// Swept is what addresses outside tried at the devices of one network, in half days like
// Upload: the noise of the internet, and who makes most of it.
type Swept struct {
	dirty  bool
	minute uint32
	now    int64 // the running minute
	gens   [2]sweep
}

type sweep struct {
	stamp       int64 // Unix time / halfDay
	first, last int64
	attempts    uint64
	sources     tally
	devices     tally
	ports       tally
	nSources    int
	top         [triedKept]triedPeer // of sources
}

// sweep notes an attempt at a device of network i, for all networks around it, too.
func (t *Tracker) sweep(i int, p *piece) {
	for t.swept[i].note(p, t.now); i > 0; t.swept[i].note(p, t.now) {
		i = t.cfg.Networks.Parent(i)
	}
}

func (s *Swept) note(p *piece, now int64) {
	g, stamp := &s.gens, now/halfDay
	if stamp > g[0].stamp {
		if g[1] = g[0]; g[1].stamp != stamp-1 {
			g[1] = sweep{stamp: stamp - 1}
		}
		g[0] = sweep{stamp: stamp}
	}
	if m := now / 60; m != s.now {
		s.now, s.minute = m, 0
	}
	s.dirty = true
	s.minute++
	g[0].note(p)
}

func (g *sweep) note(p *piece) {
	if g.first == 0 || p.first < g.first {
		g.first = p.first
	}
	g.last = max(g.last, p.last)
	g.attempts++
	g.sources.add(p.srcHash)
	g.devices.add(p.dstHash)
	_, port := triedKey(p)
	g.ports.add(port)
	rankPeer(&g.top, &g.nSources, p.src, p.dstHash)
}

// Noise is what came at a network in the last half day to day.
type Noise struct {
	First, Last             int64 // Unix seconds
	Attempts                uint64
	Sources, Devices, Ports uint64
	Top                     []Tried // sources, most attempts first; Distinct is devices
	PerMinute               uint32  // attempts in the newest minute
}

// Read sums it up; top is memory to work in.
func (s *Swept) Read(now int64, top []Tried) (n Noise) {
	var sources, devices, ports tally
	n.Top = top[:0]
	for i := range s.gens {
		g := &s.gens[i]
		if g.attempts == 0 || g.stamp < now/halfDay-1 {
			continue
		}
		n.First, n.Last = earlier(n.First, g.first), max(n.Last, g.last)
		n.Attempts += g.attempts
		sources.join(&g.sources)
		devices.join(&g.devices)
		ports.join(&g.ports)
		n.Top = joinPeers(n.Top, g.top[:g.nSources])
	}
	n.Sources, n.Devices, n.Ports = sources.estimate(), devices.estimate(), ports.estimate()
	n.PerMinute = s.minute
	sortTried(n.Top)
	return n
}

// Swept returns what others outside tried at the devices of network i; nil when there was nothing since the last minute tick.
func (w *Window) Swept(i int) *Swept {
	if s := &w.t.swept[i]; s.dirty {
		return s
	}
	return nil
}

// Networks is the number of networks, see Networks.
func (w *Window) Networks() int { return len(w.t.swept) }

// NetworkPrefix is network i; the site is ::/0.
func (w *Window) NetworkPrefix(i int) netip.Prefix {
	if w.t.cfg.Networks == nil {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return w.t.cfg.Networks.Prefix(i)
}

// NetworkParent is the smallest network around network i, the site around itself.
func (w *Window) NetworkParent(i int) int {
	if w.t.cfg.Networks == nil {
		return 0
	}
	return w.t.cfg.Networks.Parent(i)
}

func earlier(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// rankPeer counts an attempt of a peer; the one with fewest gives way (Space-Saving).
func rankPeer(list *[triedKept]triedPeer, n *int, addr *flow.Addr, what uint64) {
	low := 0
	for i := range list[:*n] {
		t := &list[i]
		if t.addr == *addr {
			t.attempts++
			t.distinct.add(what)
			return
		}
		if t.attempts < list[low].attempts {
			low = i
		}
	}
	t := &list[low]
	if *n < triedKept {
		t = &list[*n]
		*n++
	}
	*t = triedPeer{addr: *addr, attempts: t.attempts + 1, over: t.attempts}
	t.distinct.add(what)
}
