// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"tidewatch/flow"
	"tidewatch/window"
)

const (
	// A receiver acknowledges every second segment (RFC 9293, 3.8.6.3), or, where
	// its hardware joins segments, one for up to 64 KB of them (RFC 3449, 5.1 and
	// what is deployed since): a tenth is less than any conversation of small
	// packets sends back, a hundredth less than a download.
	acknowledged, stretched = 10, 100
	// dataBytes is a mean packet from which it carries data; bare segments have 40
	// to 60 bytes and floods are made of them.
	dataBytes = 500
	// strayPackets is the most packets of a flow that may belong to no session,
	// where only one direction is visible: a session has more.
	strayPackets = 2
)

// excused reports whether the traffic of a signature was asked for, by what goes
// in the other direction. It sets how many unanswered connections there are.
func (d *Detector) excused(h *window.Host, c *burst, s *signature, k *kind) bool {
	sampled := h.Rate() > 1
	switch s.answer {
	case completed:
		k.asked, k.answered = c.in[s.class].flows, c.flows(&c.in, set(flow.TCPSession, flow.TCPSynAck))
		if sampled {
			k.asked = k.packets
		}
		return d.alone(h, c, k)
	case sought:
		d.unsought(c, k)
		if sampled {
			k.asked = k.packets
			return d.alone(h, c, k) || 10*k.answered > k.packets
		}
		return 2*k.asked < c.in[s.class].flows
	case session:
		return d.session(h, c, s, k)
	case flagless:
		// An exporter that reports no flags shows the device's own packets without them.
		return c.out[flow.TCPNull].packets*stretched > k.packets || k.answered*acknowledged > k.packets || c.unknown(h, s)
	case dialogue:
		if !sampled {
			k.asked = max(0, c.in[flow.UDP].flows-c.out[flow.UDP].flows)
		}
		return 2*k.answered > k.packets || k.answered*acknowledged > k.packets && d.few(h, c.dir) || c.downloads(k) ||
			// Who sends a lot to one peer outside gets an acknowledgement for up to 40 packets.
			c.dir == window.Out && k.answered*stretched > k.packets
	case pings:
		return 2*k.answered > k.packets && (c.dir == window.Out || min(k.packets, c.seen.packets) < c.limits.pps)
	case tunnel:
		// A few ends and nothing back is a port mirror (ERSPAN) or a flood from one
		// host: only the device's past can tell.
		return k.answered*acknowledged > k.packets || d.few(h, c.dir) && (k.answered*stretched > k.packets || !c.limits.known)
	default:
		return false
	}
}

// alone reports whether under sampling a class is too small a part of all TCP to
// be an attack: a lone SYN may be the only packet seen of a good connection.
func (d *Detector) alone(h *window.Host, c *burst, k *kind) bool {
	if h.Rate() <= 1 {
		return false
	}
	var sum float64
	for class := range flow.NumClasses {
		if class.IsTCP() {
			sum += c.in[class].packets
		}
	}
	return k.packets < sum/2
}

// unsought counts the answers to connections that the device did not ask for:
// those that are left when each of its own flows has one.
func (d *Detector) unsought(c *burst, k *kind) {
	have := c.flows(&c.in, set(flow.TCPSynAck, flow.TCPSession))
	own := c.flows(&c.out, sought.classes())
	k.asked = min(c.in[flow.TCPSynAck].flows, max(0, have-own))
}

// session reports whether packets belong to connections. Each flow of one has
// its counterpart in the other direction, and a receiver acknowledges.
func (d *Detector) session(h *window.Host, c *burst, s *signature, k *kind) bool {
	have := c.sum(&c.in, set(s.class, flow.TCPSession))
	data := k.bytes >= dataBytes*k.packets
	if c.unknown(h, s) || data && k.answered*stretched > have && d.few(h, c.dir) {
		return true // nobody can tell, or a download
	}
	if h.Rate() == 1 && !c.blind {
		// RST answers what belongs to no session, so it is no counterpart.
		flows := c.flows(&c.in, set(s.class, flow.TCPSession, flow.TCPAck, flow.TCPRst, flow.TCPSynAck))
		own := c.flows(&c.out, sought.classes())
		// Of a few flows the counterparts may lie in other ten seconds: they prove nothing.
		if lone := flows - own; lone >= c.limits.conns && 2*lone >= c.in[s.class].flows {
			return false
		}
	}
	return k.answered*acknowledged > have || data && k.answered*stretched > have
}

// unknown reports that nothing of the other direction was ever seen, and the
// flows may be halves of sessions.
func (c *burst) unknown(h *window.Host, s *signature) bool {
	v := &c.in[s.class]
	return c.blind && (h.Rate() > 1 || v.packets > strayPackets*v.flows)
}

// portWeb is the port of web servers, over QUIC too (RFC 9114).
const portWeb = 443

// downloads reports whether UDP is what web servers send to many at once, behind one
// address: each of their clients acknowledges every second packet at first, so that
// together they stay just below half (RFC 9000, 13.2.2).
func (c *burst) downloads(k *kind) bool {
	return c.web >= 0.8 && k.bytes >= dataBytes*k.packets && 3*k.answered > k.packets
}

// few reports whether four fifths of what a device receives come from three sources:
// a download. Over QUIC its receiver acknowledges every second packet at first and
// every tenth later (RFC 9000, 13.2.2, and what is deployed since), so that little
// comes back. Of what it sends, likewise by targets outside.
func (d *Detector) few(h *window.Host, dir window.Direction) bool {
	var all, three uint64
	if dir == window.Out {
		d.top, all = h.TopTargets(d.top[:0], 3)
		for i := range d.top {
			three += d.top[i].Weight - d.top[i].Over
		}
		return all > 0 && 5*three >= 4*all
	}
	d.top = h.TopSources(d.top[:0], 32)
	for i := range d.top {
		all += d.top[i].Packets
		if i < 3 {
			three += d.top[i].Packets
		}
	}
	return all > 0 && 5*three >= 4*all
}
