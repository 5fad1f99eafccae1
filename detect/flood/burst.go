// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"math"

	"tidewatch/flow"
	"tidewatch/window"
)

// A horizon is an average over some seconds that must exceed its limit by a
// factor: a huge attack fires within a second, one slightly over the line
// within five, one that pulses within a minute.
type horizon struct {
	seconds int
	factor  float64
}

func horizons() [3]horizon { return [3]horizon{{1, 3}, {5, 1}, {60, 1}} }

const (
	lull     = 3    // seconds under the signal that do not end a burst
	edge     = 0.1  // share of the peak from which a second belongs to a burst
	z99      = 2.33 // one-sided 99 % quantile of the normal distribution
	minShare = 0.2  // an attack kind with less of the packets is not named
)

// kind is one family of attack traffic, with its share in a burst.
type kind struct {
	class    flow.Class
	packets  float64 // per second in the burst's ten-second bins
	bytes    float64
	asked    float64 // unanswered flows per second
	answered float64 // the device's packets of the same class, per second
	oneWay   bool    // nothing that the device sends is visible
}

// burst is one stretch of abnormal seconds of one device.
type burst struct {
	from, to  int // indexes into Seconds, inclusive
	horizon   horizon
	limits    limits
	kinds     [3]kind // SYN, UDP, ICMP
	byRate    bool    // the packet-rate gate holds
	byConns   bool    // the unanswered-connections gate holds
	pps       float64 // attack packets per second over the horizon that fired
	conns     float64
	reflector port
	reflected float64 // share of UDP packets from the reflector's port
}

// judge looks for a burst that reaches into the revised seconds and passes a gate.
func (d *Detector) judge(w *window.Window, h *window.Host) (c burst, ok bool) {
	c.limits = d.limits(w, h)
	at, ok := d.signal(h, &c)
	if !ok {
		return c, false
	}
	d.extent(&c, at)
	d.split(h, &c)
	ok = d.gates(h, &c)
	return c, ok
}

// quiet is the cheap first look: a mean over any horizon cannot exceed a limit
// that no second reached, and no second exceeds the ten seconds it lies in.
func (d *Detector) quiet(w *window.Window, h *window.Host) bool {
	packets, flows, ok := h.Peak10(h.Revised()-60, w.Now)
	return ok && float64(packets) < d.cfg.MinPPS && float64(flows) < d.cfg.MinConns &&
		(h.Rate() == 1 || float64(packets) < d.cfg.MinConns)
}

// signal computes for each second how far the worst of its rates is over its
// limit, and returns the strongest horizon that ends in a revised second.
func (d *Detector) signal(h *window.Host, c *burst) (at int, ok bool) {
	s := &d.s
	d.x[0] = 0
	for i := range s.N {
		conns := float64(s.Asked[i])
		if h.Rate() > 1 {
			conns = float64(s.Syns[i])
		}
		flows := max(0, float64(s.Flows[window.In][i])-float64(s.Flows[window.Out][i]))
		x := max(float64(s.Packets[window.In][i])/c.limits.pps, conns/c.limits.conns, flows/c.limits.conns)
		d.x[i+1] = d.x[i] + x
	}
	best := 0.0
	for _, hz := range horizons() {
		for i := max(hz.seconds-1, int(h.Revised()-s.First)); i < s.N; i++ {
			mean := (d.x[i+1] - d.x[i+1-hz.seconds]) / float64(hz.seconds) / hz.factor
			if mean > 1 && mean > best {
				best, at, ok, c.horizon = mean, i, true, hz
			}
		}
	}
	return at, ok
}

func (d *Detector) value(i int) float64 { return d.x[i+1] - d.x[i] }

// extent widens the burst from the second at to where the signal fades.
func (d *Detector) extent(c *burst, at int) {
	peak, strongest := 0.0, at
	for i := max(0, at-c.horizon.seconds+1); i <= at; i++ {
		if v := d.value(i); v > peak {
			peak, strongest = v, i
		}
	}
	// A second below half a limit and below a tenth of the peak is quiet.
	quiet := min(0.5, edge*peak)
	if peak > 1 {
		quiet = max(edge, min(edge*peak, 1))
	}
	c.from, c.to = strongest, strongest
	for i, gap := strongest-1, 0; i >= 0 && gap < lull; i-- {
		if d.value(i) >= quiet {
			c.from, gap = i, 0
		} else {
			gap++
		}
	}
	for i, gap := strongest+1, 0; i < d.s.N && gap < lull; i++ {
		if d.value(i) >= quiet {
			c.to, gap = i, 0
		} else {
			gap++
		}
	}
}

// split tells what the burst is made of, from the ten-second bins it overlaps.
func (d *Detector) split(h *window.Host, c *burst) {
	from, to := c.recent(d.s.First)
	in, out := h.Classes(window.In, from, to), h.Classes(window.Out, from, to)
	var sent uint64
	for _, v := range out {
		sent += v.Packets
	}
	// The bins reach beyond the burst; rates are over the burst's own seconds,
	// because the background around it is thin beside it.
	secs := float64(to - from + 1)
	for i, class := range [3]flow.Class{flow.TCPSyn, flow.UDP, flow.ICMP} {
		k := kind{
			class: class, packets: float64(in[class].Packets) / secs, bytes: float64(in[class].Bytes) / secs,
			answered: float64(out[class].Packets) / secs, oneWay: sent == 0,
		}
		switch class {
		case flow.TCPSyn:
			k.asked = float64(in[class].Flows) / secs
			if h.Rate() > 1 {
				k.asked = k.packets
			}
			k.answered = float64(in[flow.TCPSession].Flows+in[flow.TCPSynAck].Flows) / secs
		case flow.UDP:
			if h.Rate() == 1 {
				k.asked = max(0, float64(in[class].Flows)-float64(out[class].Flows)) / secs
			}
		default: // a ping asks for no connection
		}
		c.kinds[i] = k
	}
}

func (c *burst) seconds() int { return c.to - c.from + 1 }

// recent is the burst's last minute or so, from a full ten seconds on: the
// classes of a long attack are judged by what it is now.
func (c *burst) recent(first int64) (from, to int64) {
	from, to = first+int64(c.from), first+int64(c.to)
	return max(from, (to-60)/10*10), to
}

// few reports whether four fifths of what a device receives come from three sources:
// a download. Over QUIC its receiver acknowledges every second packet at first and
// every tenth later (RFC 9000, 13.2.2, and what is deployed since), so that little
// comes back.
func (d *Detector) few(h *window.Host) bool {
	var all, three uint64
	d.top = h.TopSources(d.top[:0], 32)
	for i := range d.top {
		all += d.top[i].Packets
		if i < 3 {
			three += d.top[i].Packets
		}
	}
	return all > 0 && 5*three >= 4*all
}

// gates decides which limits the attack traffic exceeds, and drops the kinds
// that exceed none.
func (d *Detector) gates(h *window.Host, c *burst) bool {
	syn, udp, icmp := &c.kinds[0], &c.kinds[1], &c.kinds[2]
	if h.Rate() > 1 && syn.packets < tcpShare(h, c, d.s.First)/2 {
		// Under sampling a lone SYN may be the only packet seen of a good
		// connection; only when SYNs outnumber all else of TCP are they an attack.
		*syn = kind{}
	}
	if udp.answered > udp.packets/2 || udp.answered > udp.packets/10 && d.few(h) {
		*udp = kind{} // a conversation: the device sends its share
	}
	if icmp.answered > icmp.packets/2 && icmp.packets < c.limits.pps {
		*icmp = kind{}
	}
	d.reflection(h, c)
	for i := range c.kinds {
		k := &c.kinds[i]
		rate := d.sure(k.packets, h.Rate(), c.seconds())
		conns := d.sure(k.asked, h.Rate(), c.seconds())
		over := rate > c.limits.pps*0.999
		// A busy service always has some unanswered connections: a fifth of the answered ones is no sign.
		open := k.class == flow.TCPSyn && conns > max(c.limits.conns, k.answered/5) ||
			k.class == flow.UDP && c.reflected >= 0.8 && conns > c.limits.conns
		if k.packets == 0 || !over && !open {
			*k = kind{}
			continue
		}
		c.byRate, c.byConns = c.byRate || over, c.byConns || open
		c.pps += k.packets
		if open {
			c.conns += k.asked
		}
	}
	return c.byRate || c.byConns
}

// sure is the rate that is exceeded with 99 % confidence when only one of n
// packets was sampled: n samples carry a relative error of 1/sqrt(n).
func (d *Detector) sure(rate float64, sampling uint32, seconds int) float64 {
	if sampling <= 1 {
		return rate
	}
	n := rate * float64(seconds) / float64(sampling)
	if n < 1 {
		return 0
	}
	return rate * max(0, 1-z99/math.Sqrt(n))
}

// tcpShare is all TCP packets per second in the burst.
func tcpShare(h *window.Host, c *burst, first int64) float64 {
	from, to := c.recent(first)
	in := h.Classes(window.In, from, to)
	var sum uint64
	for class := range flow.NumClasses {
		if class.IsTCP() {
			sum += in[class].Packets
		}
	}
	return float64(sum) / float64(to-from+1)
}
