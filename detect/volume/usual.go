// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// Ledger tells what a device gave to whom on earlier days.
type Ledger interface {
	// Device is nil for a device that never asked the outside for anything.
	Device(addr flow.Addr) *baseline.DeviceLedger
}

const (
	// usualDays is on how many days a network must have been given to, a working week, and
	// usualShare on which part of the days on which its device gave to anybody.
	usualDays  = 5
	usualShare = 0.5
	// usualTimes is what the device may carry of the most that it ever did: work that is done
	// each day comes to half or double as much without a reason that anybody could name.
	usualTimes = 2
	// segment is the mean packet of a transfer in bytes, when each is acknowledged.
	segment = 1460
)

// expect makes a medium finding low when what is more than usual goes to where the device
// sends something on most days: a publisher's delivery network, a cloud. A rise above twice
// what it ever had is told all the same, and so is one of many days (level_shift, slow).
// Nothing high is made low.
func (d *Detector) expect(dev window.Device, s *subject, v *verdict, f *detect.Finding) {
	if d.ledger == nil || v.high || f.Severity != detect.Medium {
		return
	}
	l, c := d.ledger.Device(s.key), dev.Contacts()
	if l == nil || c == nil {
		return
	}
	to := daily(l, c, s.now)
	if to.sent == 0 {
		return
	}
	for i := range v.all {
		r := &v.all[i]
		if r.sigma <= d.cfg.Medium {
			continue
		}
		if r.value/r.scale > usualTimes*r.normal.Ever || rest(r, &to) > d.cfg.Medium {
			return
		}
	}
	f.Score, f.Severity = 0.55, detect.Low
	f.Indicators = append(f.Indicators, detect.Indicator{
		Name: "usual_destination", Observed: to.sent, Unit: "bytes", Detail: flow.NetworkPrefix(to.network).String(),
	})
}

// exchanged is what a device sent to networks, and received from them, in bytes: in the
// running hour, and in the last five minutes.
type exchanged struct {
	network          flow.Addr // that got most of it
	sent, received   float64
	sent5, received5 float64
}

// daily is what was exchanged with the networks that the device gives to on most days.
func daily(l *baseline.DeviceLedger, c *window.Contacts, now int64) (sum exchanged) {
	most := 0.0
	for i := range l.Networks() {
		a := &l.Networks()[i]
		if a.Fed() < usualDays || l.Share(a) < usualShare {
			continue
		}
		n := with(c, a.Key, now)
		sum.sent, sum.received = sum.sent+n.sent, sum.received+n.received
		sum.sent5, sum.received5 = sum.sent5+n.sent5, sum.received5+n.received5
		if n.sent > most {
			most, sum.network = n.sent, a.Key
		}
	}
	return sum
}

// with is what was exchanged with the addresses of one network. What a peer had in the last
// five minutes is its share of them, as if it had been as busy all the time.
func with(c *window.Contacts, network flow.Addr, now int64) (sum exchanged) {
	for i := range c.Peers() {
		p := &c.Peers()[i]
		if p.Tie&(window.Outside|window.Served) != window.Outside || flow.NetworkOf(p.Addr) != network {
			continue
		}
		sum.sent, sum.received = sum.sent+float64(p.Sent), sum.received+float64(p.Received)
		part := float64(max(p.Last-max(p.First, now-299)+1, 0)) / float64(p.Last-p.First+1)
		sum.sent5, sum.received5 = sum.sent5+part*float64(p.Sent), sum.received5+part*float64(p.Received)
	}
	return sum
}

// rest is how far a measure is from its past without what went to usual destinations, and
// what came from there; too little to be judged is not far.
func rest(r *reading, to *exchanged) float64 {
	carries := 0.0
	switch r.measure {
	case baseline.HourBytesOut:
		carries = to.sent
	case baseline.HourBytesIn:
		carries = to.received
	case baseline.BytesOut:
		carries = to.sent5
	case baseline.BytesIn:
		carries = to.received5
	case baseline.PacketsIn:
		carries = max(to.sent5, to.received5) / segment
	}
	left := r.value/r.scale - carries
	if left < r.floor {
		return 0
	}
	usual := r.normal
	usual.Median /= r.scale
	return anew(&usual, left, usual.Sigma(left))
}
