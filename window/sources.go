// SPDX-License-Identifier: Apache-2.0

package window

import (
	"math"

	"tidewatch/flow"
)

const buckets = 64

// sources is a uniform sample of the different sources of a minute: each falls into
// a bucket by its hash, and a bucket keeps that with the smallest (bottom-k sampling
// with one place a bucket; Li, Owen and Zhang 2012). How often a source sends does
// not matter, so that the sample is one of senders and not of traffic. Who is in it
// at the end was in it from its first flow on, so its counts are exact.
//
// A share p of n sampled sources has a standard error of sqrt(p(1-p)/n): 6 % at
// most with all 64.
type sources [buckets]sourceSlot

func sourcesOf(c flow.Class) int {
	if c == flow.TCPSession {
		return 0
	}
	return 1
}

type sourceSlot struct {
	key   uint32 // 0: empty
	asn   uint32
	flows uint16 // at most 65535
	size  uint16 // mean packet of its newest flow in bytes
	at    uint8  // second of the minute in which it was heard last
	class flow.Class
	known bool
	addr  flow.Addr
}

// keyOf is what a source is sampled by, never 0.
func keyOf(p *piece) uint32 { return uint32(p.srcHash>>32) | 1 }

// largest is the largest key of all buckets: of a device with many sources nearly all
// have a larger one, and are done with. While a bucket is empty any key may enter.
func (s *sources) largest() (key uint32) {
	for i := range s {
		if s[i].key == 0 {
			return math.MaxUint32
		}
		key = max(key, s[i].key)
	}
	return key
}

// add notes a flow that was received in a second of the minute. It reports whether
// its source is new in the sample.
func (s *sources) add(p *piece, at uint8, k *known) (fresh bool) {
	key := keyOf(p)
	e := &s[p.srcHash>>26%buckets]
	switch {
	case e.key == key && e.addr == *p.src:
		if e.flows < math.MaxUint16 {
			e.flows++
		}
	case e.key == 0 || key < e.key:
		fresh = true
		*e = sourceSlot{key: key, addr: *p.src, flows: 1, known: k.has(p.srcHash)}
	default:
		return false
	}
	e.asn, e.class, e.at = p.srcAS, p.class, at
	e.size = uint16(min(p.bytes/max(p.packets, 1), math.MaxUint16))
	return fresh
}

// Source is one of a sample of those who sent to a device.
type Source struct {
	Addr  flow.Addr
	ASN   uint32 // 0: not reported
	Flows uint64
	Size  uint16 // mean packet of its newest flow in bytes
	Class flow.Class
	Known bool // the device had dealings with it; see KnownByChance
	Sure  bool // if it had, that would be remembered

	key uint32
}

// Sources samples those who sent flows of some classes (a set of bits 1<<class) to
// the device since the Unix second from, in the running minute and the one before:
// at most 64, each source as likely as any other.
func (h *Host) Sources(from int64, classes uint32) []Source {
	if h.near == nil {
		return nil
	}
	c := h.near
	return sampled(&c.known, from, classes, &c.pictures[c.before], &c.pictures[c.now])
}

// SourcesBefore samples likewise who sent anything in the usual minutes known of the
// time before the Unix second from.
func (h *Host) SourcesBefore(from int64) []Source {
	if h.near == nil {
		return nil
	}
	return sampled(&h.near.known, 0, ^uint32(0), h.earlier(from)...)
}

// sampled takes the smallest of each bucket of several pictures, the earlier first.
func sampled(k *known, from int64, classes uint32, pictures ...*picture) (out []Source) {
	for b := range buckets {
		var best Source
		for _, p := range pictures {
			for i := range p.sources {
				e := &p.sources[i][b]
				if e.key == 0 || classes>>e.class&1 == 0 || 60*p.minute+int64(e.at) < from || best.key != 0 && e.key > best.key {
					continue
				}
				s := Source{
					Addr: e.addr, ASN: e.asn, Flows: uint64(e.flows), Size: e.size, Class: e.class,
					Known: e.known, Sure: k.remembers(uint64(e.key) << 32), key: e.key,
				}
				if best.key == s.key && best.Addr == s.Addr {
					s.Flows += best.Flows
					s.Known = s.Known && best.Known // what it was when it came
				}
				best = s
			}
		}
		if best.key != 0 {
			out = append(out, best)
		}
	}
	return out
}
