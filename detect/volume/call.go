// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Habits tells what a device is, and at what hours it is used.
type Habits interface {
	Habits(addr flow.Addr) *baseline.Habits
	// Slot is the place of a Unix hour in the weeks of Habits.
	Slot(hour int64) (day uint16, slot int)
}

const (
	// longestCall is for how many seconds one peer's call explains what a device carries:
	// half a working day. Whoever would pass a theft off as a call has so long.
	longestCall = 4 * 3600
	// callPause is for how many seconds a call may go untold: an active timeout of five
	// minutes, and the two that an hour is kept open.
	callPause = 420
	// callSteady is how many seconds of a call tell its rate.
	callSteady = 60
	// callEdge is how many seconds of a call a window may hold of the time before it: what is
	// told in one piece is shared out evenly over the minutes that it touches.
	callEdge = 30
	// callPacket is the mean packet of a call in bytes: pictures come in packets of 1000 or
	// more, sound in 50 small ones a second.
	callPacket = 800
)

// call is the largest conversation over UDP that a device has with one peer.
type call struct {
	peer        flow.Addr
	since, last int64   // Unix seconds of its first and its newest traffic known
	in, out     float64 // bytes per second, as the device sees it
}

// isCall reports whether the conversation has the shape of a call: about as much comes as
// goes, and no faster than programs for calls send.
func (c *call) isCall() bool {
	return c.in*detect.CallReturn >= c.out && c.out*detect.CallReturn >= c.in &&
		max(c.in, c.out) <= detect.CallRate && c.last-c.since <= longestCall
}

// explain makes a finding low when one call of a device that people work at, at an hour at
// which they do, carries what is more than usual: without it all measures are within
// Medium. It is told what it was, and if it is a theft, others count what left.
func (d *Detector) explain(w *window.Window, s *subject, v *verdict, f *detect.Finding) {
	c, ok := d.calls[s.key]
	if !ok || !c.isCall() || !d.atWork(w, s.key) {
		return
	}
	for i := range v.all {
		if r := &v.all[i]; r.sigma > 0 && d.without(s, r, &c) > d.cfg.Medium {
			return
		}
	}
	f.Score, f.Severity, f.Ordinary = 0.55, detect.Low, true
	f.Indicators = append(f.Indicators, detect.Indicator{
		Name: "call_explains", Observed: 8 * (c.in + c.out), Expected: 2 * 8 * detect.CallRate, Unit: "bits/s",
		Detail: c.peer.String(),
	})
}

// atWork reports whether a device is one that people work at, and this an hour at which
// they do. Servers and things call nobody; those that do have it in their past.
func (d *Detector) atWork(w *window.Window, a flow.Addr) bool {
	if !d.ofPeople(a) {
		return false
	}
	_, slot := d.habits.Slot(w.Now / 3600)
	idle, _ := d.habits.Habits(a).Idle(slot)
	return idle == baseline.NotIdle
}

// without is how far a measure is from its past without the call; as always, too little to
// be judged is not far.
func (d *Detector) without(s *subject, r *reading, c *call) float64 {
	m, from, carries := r.measure, s.now+1-300, c.in
	if m == baseline.HourBytesIn || m == baseline.HourBytesOut {
		from = s.now / 3600 * 3600
	}
	if m == baseline.BytesOut || m == baseline.HourBytesOut {
		carries = c.out
	}
	if m == baseline.PacketsIn {
		carries /= callPacket
	}
	left := r.value/r.scale - carries*float64(max(min(s.now, c.last)+1-max(from-callEdge, c.since), 0))
	if left < r.floor {
		return 0
	}
	usual := r.normal
	usual.Median /= r.scale
	return anew(&usual, left, usual.Sigma(left))
}

// follow keeps what is known of a device's call. Its contacts begin anew with each hour, so
// it is kept for as long as the call goes on.
func (d *Detector) follow(now int64, dev window.Device) {
	a := dev.Addr()
	c, known := d.calls[a]
	if known && now-c.last > callPause {
		delete(d.calls, a)
		known = false
	}
	p := overUDP(dev.Contacts())
	if p == nil {
		return
	}
	same := known && p.Addr == c.peer
	switch seconds := p.Last - p.First + 1; {
	case seconds >= callSteady:
		since := p.First
		if same {
			since = min(since, c.since)
		}
		c = call{peer: p.Addr, since: since, last: p.Last, in: float64(p.Received) / float64(seconds), out: float64(p.Sent) / float64(seconds)}
	case same:
		c.last = max(c.last, p.Last)
	default:
		return
	}
	if known || c.isCall() && len(d.calls) < d.cfg.MaxDevices {
		d.calls[a] = c
	}
}

// overUDP is the peer with which most was exchanged over UDP in the hour, nil for none.
func overUDP(c *window.Contacts) (most *window.Peer) {
	if c == nil {
		return nil
	}
	var sum uint64
	for i := range c.Services() {
		if s := &c.Services()[i]; s.Key>>16 == flow.ProtoUDP {
			sum += s.Bytes
		}
	}
	for i := range c.Peers() {
		p := &c.Peers()[i]
		if p.Service>>16 == flow.ProtoUDP && p.Bytes() <= sum && (most == nil || p.Bytes() > most.Bytes()) {
			most = p
		}
	}
	return most
}
