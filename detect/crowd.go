// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math"

	"tidewatch/flow"
	"tidewatch/window"
)

// Classes is a set of classes of traffic.
type Classes uint32

// ClassSet is the set of some classes.
func ClassSet(classes ...flow.Class) (s Classes) {
	for _, c := range classes {
		s |= 1 << c
	}
	return s
}

// Has reports whether a class is in the set.
func (s Classes) Has(c flow.Class) bool { return s&(1<<c) != 0 }

const (
	// fewSources is the least of a sample of sources that shares are told of: below
	// it the standard error of a share is over an eighth.
	fewSources = 16
	// fullMemory is how likely a stranger may be taken for known for the share of
	// strangers to be told.
	fullMemory = 0.5
	// recentSeconds is the time that ratios are taken over: what the ten-second bins
	// and the distinct counts hold, and new enough to be what goes on now.
	recentSeconds = 60
	// spoofedFlows: who writes other people's addresses on packets draws a new one for
	// each; a source that is there sends more than one flow (CESNET NEMEA hoststats:
	// "probably spoofed" when there are fewer flows than twice the sources).
	spoofedFlows = 2
	shortFlow    = 2 // packets on average
	// grown is how many times as much as usual must arrive for what goes back to say
	// anything about the attack rather than about the traffic beside it.
	grown = 1.5
	// someFlows is the least number of connections, or packets, that a ratio is told of.
	someFlows = 30
)

// Crowd appends what tells an attack from a crowd to indicators: numbers about the
// inbound traffic of these classes that began at the Unix second from and goes on
// until the second to, beside those of the minutes before. They weigh nothing: the
// score is the detector's, this informs the assessment. Under packet sampling most
// cannot be known and are left out, as are those that too little is known for.
func Crowd(h *window.Host, from, to int64, classes Classes, out []Indicator) []Indicator {
	c := crowd{h: h, from: from, recent: max(from, to-recentSeconds), to: to, out: out}
	if h.Rate() == 1 {
		c.who(classes)
		c.spoofing(classes)
		c.completion(classes)
	}
	c.response()
	return c.out
}

type crowd struct {
	h                *window.Host
	from, recent, to int64
	out              []Indicator
}

func (c *crowd) add(name string, observed, expected float64, unit string) {
	c.out = append(c.out, Indicator{Name: name, Observed: round(observed), Expected: round(expected), Unit: unit})
}

// round keeps four digits after the point: more would pretend to be known.
func round(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// who looks at a sample of the sources: are they new, from where, and alike?
func (c *crowd) who(classes Classes) {
	now, before := c.h.Sources(c.from, uint32(classes)), c.h.SourcesBefore(c.from)
	if len(now) < fewSources {
		return
	}
	known := len(before) >= fewSources
	usual := func(f func([]window.Source) (float64, bool)) float64 {
		if v, ok := f(before); ok && known {
			return v
		}
		return 0
	}
	if chance := c.h.KnownByChance(); chance > 0 && chance <= fullMemory {
		share, ok := strangers(now, chance)
		if usually, also := strangers(before, chance); ok && also {
			c.add("new_sources", share, usually, "share")
		}
	}
	v, _ := spread(now)
	c.add("source_dispersion", v, usual(spread), "share")
	if v, ok := spreadASN(now); ok {
		c.add("asn_dispersion", v, usual(spreadASN), "share")
	}
	v, _ = alike(now)
	c.add("flow_similarity", v, usual(alike), "share")
}

// strangers is the share of sources that the device never dealt with, corrected for
// those that are taken for known by chance.
func strangers(sources []window.Source, chance float64) (share float64, ok bool) {
	n, all := 0, 0
	for i := range sources {
		if sources[i].Sure {
			all++
			if !sources[i].Known {
				n++
			}
		}
	}
	return min(1, float64(n)/float64(max(all, 1))/(1-chance)), all >= fewSources
}

// spread is the entropy of the networks that sources come from (/24, of IPv6 /48), as
// a part of the most that so many sources can have: 0 is one network, 1 is each
// from its own.
func spread(sources []window.Source) (float64, bool) {
	return entropy(sources, func(s *window.Source) (flow.Addr, bool) {
		a := s.Addr
		n := 6
		if a.Is4() {
			n = 15
		}
		clear(a[n:])
		return a, true
	})
}

// spreadASN is the same of AS numbers, when the exporters tell them.
func spreadASN(sources []window.Source) (float64, bool) {
	return entropy(sources, func(s *window.Source) (uint32, bool) { return s.ASN, s.ASN != 0 })
}

func entropy[K comparable](sources []window.Source, key func(*window.Source) (K, bool)) (float64, bool) {
	counts, n := map[K]int{}, 0
	order := []K{} // sums in the order of a map would differ in their last bits
	for i := range sources {
		k, ok := key(&sources[i])
		if !ok {
			continue
		}
		if counts[k]++; counts[k] == 1 {
			order = append(order, k)
		}
		n++
	}
	if n < fewSources {
		return 0, false
	}
	h := 0.0
	for _, k := range order {
		p := float64(counts[k]) / float64(n)
		h -= p * math.Log(p)
	}
	return h / math.Log(float64(n)), true
}

// alike is the share of sources whose newest flow has the most common mean packet
// size, in steps of eight bytes: tools send the same to the byte, people do not.
func alike(sources []window.Source) (float64, bool) {
	counts, most := map[uint16]int{}, 0
	for i := range sources {
		k := sources[i].Size / 8
		counts[k]++
		most = max(most, counts[k])
	}
	return float64(most) / float64(max(len(sources), 1)), len(sources) > 0
}

// spoofing divides all flows by all sources. It says nothing of flows of many
// packets: whoever sends a second one under an address keeps to it.
func (c *crowd) spoofing(classes Classes) {
	var flows, attack, packets uint64
	for class, v := range c.h.Classes(window.In, c.recent, c.to) {
		flows += v.Flows
		if classes.Has(flow.Class(class)) {
			attack, packets = attack+v.Flows, packets+v.Packets
		}
	}
	if packets > shortFlow*attack {
		return
	}
	if sources, _ := c.h.Distinct(c.recent, c.to); sources >= fewSources {
		c.add("flows_per_source", float64(flows)/float64(sources), spoofedFlows, "flows")
	}
}

// completion is the share of connections that were asked for and not completed.
func (c *crowd) completion(classes Classes) {
	if !classes.Has(flow.TCPSyn) && !classes.Has(flow.TCPSession) {
		return
	}
	asked, whole := c.h.Class(window.In, flow.TCPSyn, c.recent, c.to).Flows, c.h.Class(window.In, flow.TCPSession, c.recent, c.to).Flows
	if asked+whole < someFlows {
		return
	}
	usual := 0.0
	if o, _ := c.h.Ordinary(c.from); o.Asked+o.Sessions >= someFlows {
		usual = float64(o.Asked) / float64(o.Asked+o.Sessions)
	}
	c.add("incomplete_connections", float64(asked)/float64(asked+whole), usual, "share")
}

// response is how much goes back for what arrives.
func (c *crowd) response() {
	o, ok := c.h.Ordinary(c.from)
	if !ok || o.Packets[window.In] < someFlows*uint64(c.h.Rate()) || o.Packets[window.Out] == 0 {
		return // nothing to compare with, or nothing of it is visible
	}
	var packets [2]uint64
	for dir := range packets {
		for _, v := range c.h.Classes(window.Direction(dir), c.recent, c.to) {
			packets[dir] += v.Packets
		}
	}
	usual := float64(o.Packets[window.In]) / float64(o.Minutes) / 60
	if float64(packets[window.In])/float64(c.to-c.recent+1) < grown*usual {
		return
	}
	ratio := func(p [2]uint64) float64 { return float64(p[window.Out]) / float64(p[window.In]) }
	c.add("response_ratio", ratio(packets), ratio(o.Packets), "packets")
}
