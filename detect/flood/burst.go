// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"math"
	"slices"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// A horizon is an average over some seconds that must exceed its limit by a
// factor: a huge attack fires within a second, one half over the line within two, one
// slightly over it within five, one that pulses within a minute.
type horizon struct {
	seconds int
	factor  float64
}

func horizons() [4]horizon { return [4]horizon{{1, 3}, {2, 1.25}, {5, 1}, {60, 1}} }

const (
	known    = 90   // seconds after its end for which is known whole what a burst was made of and by whom: later it would only blur
	lull     = 3    // seconds under the signal that do not end a burst
	edge     = 0.1  // share of the peak from which a second belongs to a burst
	z99      = 2.33 // one-sided 99 % quantile of the normal distribution
	minShare = 0.2  // an attack kind with less of the packets is not named
)

// kind is one family of attack traffic, with its share in a burst.
type kind struct {
	packets  float64 // per second in the burst's ten-second bins
	bytes    float64
	asked    float64 // unanswered flows per second
	answered float64 // packets per second of the other direction that answer it; for SYNs the completed flows
	over     bool    // takes part in what passes the packet-rate gate
	open     bool    // passes the unanswered-connections gate
	now      volume  // of the last seconds; nothing when it has ended
}

// burst is one stretch of abnormal seconds of one device in one direction.
type burst struct {
	dir       window.Direction
	from, to  int // indexes into Seconds, inclusive
	horizon   horizon
	at        int // last second of the horizon that fired
	limits    limits
	seen      seen // in its seconds, of all classes
	kinds     [numSignatures]kind
	in, out   [flow.NumClasses]volume // the burst's own direction, and what came back
	blind     bool                    // nothing of the other direction is visible, in the burst or before
	byRate    bool                    // the packet-rate gate holds
	byConns   bool                    // the unanswered-connections gate holds
	pps       float64                 // attack packets per second over the horizon that fired
	conns     float64
	surging   float64 // unanswered connections per second of a surge; 0 = none
	reflector port
	reflected float64 // share of UDP packets from the reflector's port
	web       float64 // share of UDP packets from the port of web servers
	service   float64 // share of SYN-ACKs from the ports of services
	questions bool    // most of the UDP is questions to a name server
	fragments float64 // fragments per second
}

// volume is traffic of one class, per second.
type volume struct{ packets, bytes, flows float64 }

// judge looks for a burst that reaches into the revised seconds and passes a gate:
// first by unanswered connections alone, since a busy service is over every limit
// of packets all day, and its burst would begin with the day; then by all. Between
// the two it looks for what changed within seconds, see surge.
func (d *Detector) judge(w *window.Window, h *window.Host, dir window.Direction) (c burst, ok bool) {
	l := d.limits(h.Addr, w.At(), dir)
	d.goesOn(w, detect.HostSubject(h.Addr), dir, &l)
	if dir == window.Out && !d.few(h, dir) {
		return c, false // many targets: a service, or a scan
	}
	for look := range looks {
		c = burst{dir: dir, limits: l}
		at, over := d.look(look, h, &c)
		if !over {
			continue
		}
		d.extent(&c, at)
		if c.seconds() < l.hold || d.s.N-1-c.to > known {
			continue
		}
		d.split(h, &c)
		if d.gates(h, &c) {
			d.newest(h, &c)
			return c, true
		}
	}
	return c, false
}

// quiet is the cheap first look: a mean over any horizon cannot exceed a limit
// that no second reached, and no second exceeds the ten seconds it lies in.
func (d *Detector) quiet(w *window.Window, h *window.Host, dir window.Direction) bool {
	packets, flows, ok := h.Peak10(dir, h.Revised()-60, w.Now)
	return ok && float64(packets) < d.ladder.pps && float64(flows) < d.ladder.conns &&
		(h.Rate() == 1 || float64(packets) < d.ladder.conns)
}

// signal computes for each second how far the worst of its rates is over its
// limit, of connections alone or of packets and flows too, and returns the
// strongest horizon that ends in a revised second.
func (d *Detector) signal(h *window.Host, c *burst, packets bool) (at int, ok bool) {
	s := &d.s
	if !packets && h.Rate() == 1 && float64(slices.Max(s.Asked[c.dir][:s.N])) < c.limits.conns {
		return 0, false // no mean is over a limit that no second reached
	}
	d.x[0] = 0
	for i := range s.N {
		conns := float64(s.Asked[c.dir][i])
		switch {
		case h.Rate() > 1 && c.dir == window.In: // flow counts mean nothing
			conns = float64(s.Syns[i])
		case h.Rate() > 1:
			conns = 0
		case packets:
			conns = max(conns, float64(s.Flows[c.dir][i])-float64(s.Flows[1-c.dir][i]))
		}
		x := conns / c.limits.conns
		if packets {
			x = max(x, float64(s.Packets[c.dir][i])/c.limits.pps)
		}
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

// looks is in how many ways seconds are looked at.
const looks = 3

func (d *Detector) look(n int, h *window.Host, c *burst) (at int, ok bool) {
	if n == 1 {
		return d.surge(h, c)
	}
	return d.signal(h, c, n == 2)
}

func (d *Detector) value(i int) float64 { return d.x[i+1] - d.x[i] }

// extent widens the burst from the second at to where the signal fades.
func (d *Detector) extent(c *burst, at int) {
	c.at = at
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
	// The bins reach beyond the burst; rates are over the burst's own seconds, since
	// the background around it is mostly thin beside it. See bound for when it is not.
	secs := float64(to - from + 1)
	c.seen = d.see(c, int(from-d.s.First), int(to-d.s.First))
	in, out := h.Classes(c.dir, from, to), h.Classes(1-c.dir, from, to)
	c.blind = true
	for class := range in {
		c.in[class], c.out[class] = rates(&in[class], secs), rates(&out[class], secs)
		c.blind = c.blind && out[class].Packets == 0
	}
	for i := 0; i < d.s.N && c.blind; i++ {
		c.blind = d.s.Packets[1-c.dir][i] == 0
	}
	if c.dir == window.In {
		c.fragments = float64(h.Fragments(from, to).Packets) / secs
	}
	for i, s := range signatures() {
		v := &c.in[s.class]
		c.kinds[i] = kind{packets: v.packets, bytes: v.bytes, answered: c.sum(&c.out, s.answer.classes())}
	}
}

func rates(v *window.Volume, secs float64) volume {
	return volume{float64(v.Packets) / secs, float64(v.Bytes) / secs, float64(v.Flows) / secs}
}

func (c *burst) seconds() int { return c.to - c.from + 1 }

// recent is the burst's last minute or so, from a full ten seconds on: the
// classes of a long attack are judged by what it is now.
func (c *burst) recent(first int64) (from, to int64) {
	from, to = first+int64(c.from), first+int64(c.to)
	return max(from, (to-60)/10*10), to
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

// atMost is the rate that is not exceeded with 99 % confidence, likewise.
func (d *Detector) atMost(rate float64, sampling uint32, seconds int) float64 {
	if sampling <= 1 {
		return rate
	}
	unit := float64(sampling) / float64(seconds) // one sampled packet
	return rate + z99*unit*math.Sqrt(rate/unit+1)
}
