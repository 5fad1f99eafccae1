// SPDX-License-Identifier: Apache-2.0

package scan

import "tidewatch/window"

// verdict is what a device is found to do in a span.
type verdict struct {
	kind     string
	span     window.Span
	port     uint32 // proto<<16|port, 0 = many
	hosts    uint64
	ports    uint64
	limit    uint64
	answered int // hosts with which data was exchanged on the port
	hammered bool
	login    window.Tries
	usual    bool // a login that is nothing new
	score    float64
}

const (
	// A port counts as tried on its own when it takes a fifth of all attempts. Peer-to-peer
	// programs meet thousands of peers in vain, but each on a port of its own.
	portShare = 0.2
	// A port is swept beside others when each host was tried on so many.
	gridPorts = 3
	// More attempts for each host and port than this are checks of the same hosts by a
	// monitor or load balancer, when most of them are answered.
	repeats = 4
	// With a port on which too many peers answer to count them, so many of the device's
	// flows must be in vain (NEMEA: five times those answered), while a few are refused or
	// broken off when they were answered: else the uplink is down, and nothing comes back.
	inVain, alive = 5.0 / 6, 0.02
)

// scans looks for a scan in the attempts that were read.
func (d *Detector) scans(w *window.Window, p *window.Probes, s window.Span) (v verdict, ok bool) {
	a := &d.a
	hosts, ports := d.cfg.limits(s)
	v.span = s
	if 2*a.By[window.TryOpen] > a.Total && a.Total > repeats*a.Pairs {
		return v, false
	}
	if !d.believable(w, p) {
		return v, false
	}
	flood := d.floods(p)
	if !flood && len(a.TopPeers) > 0 && d.vertical(&v, ports) {
		return v, true
	}
	if d.horizontal(w, p, &v, hosts) {
		return v, true
	}
	return v, s == window.Short && !flood && d.hammers(p, &v)
}

// floods reports whether the attempts are an attack on one host, or were in some second.
func (d *Detector) floods(p *window.Probes) bool {
	a := &d.a
	if a.PerSecond < floodPerSecond && p.PerMinute() < floodPerMinute {
		return false
	}
	return len(a.TopPeers) > 0 && 2*a.TopPeers[0].Attempts >= a.Total
}

// believable leaves out what the export does not show. Under sampling an ordinary
// connection now and then leaves its SYN alone, but has at least three more packets for
// each: only a device most of whose sampled flows are attempts is judged. Datagrams are
// in vain only where anything is seen to come back at all.
func (d *Detector) believable(w *window.Window, p *window.Probes) bool {
	a, dev := &d.a, w.ProberDevice(p)
	running := dev.Running()
	if blind := a.By[window.TryUDP] + a.By[window.TryICMP]; 2*blind > a.Total && running.Flows[window.In] == 0 {
		return false
	}
	if p.Rate() == 1 {
		return true
	}
	five := dev.Five()
	n, _ := p.Some(window.Short, w.Now)
	return 3*n >= 2*min(five.Flows[window.Out], running.Flows[window.Out])
}

// vertical: many ports of one host, or of each.
func (d *Detector) vertical(v *verdict, limit uint64) bool {
	a := &d.a
	most := uint64(0)
	for i := range a.TopPeers {
		most = max(most, min(a.TopPeers[i].Distinct, a.Ports))
	}
	if a.Peers <= 2 {
		most = max(most, a.Ports)
	}
	if most < limit && a.Pairs < limit*max(a.Peers, 1) {
		return false
	}
	v.kind, v.hosts, v.ports, v.limit = "port_scan", a.Peers, max(most, a.Ports), limit
	v.score = 0.6
	if most >= d.cfg.WidePorts || a.Peers >= d.cfg.Hosts && a.Pairs >= limit*a.Peers {
		v.score = 0.75
	}
	return true
}

// horizontal: one port, or a few, of many hosts.
func (d *Detector) horizontal(w *window.Window, p *window.Probes, v *verdict, limit uint64) bool {
	a := &d.a
	if a.Peers < limit {
		return false
	}
	for i := range a.TopPorts {
		t := &a.TopPorts[i]
		n := min(t.Distinct, a.Peers)
		if float64(t.Attempts) >= 0.9*float64(a.Total) {
			n = max(n, a.Peers)
		}
		if n < limit || float64(t.Attempts) < portShare*float64(a.Total) {
			continue
		}
		answered, many := w.Answered(p, t.Port)
		if float64(n) < d.cfg.Failed*float64(answered) || many && !d.unlike(w, p, n, v.span) {
			continue
		}
		v.kind, v.port, v.hosts, v.ports, v.limit, v.answered = "host_scan", t.Port, n, 1, limit, answered
		v.score = d.wide(n, v.span)
		return true
	}
	if a.Pairs >= gridPorts*a.Peers && a.Peers >= limit {
		v.kind, v.hosts, v.ports, v.limit = "host_scan", a.Peers, a.Ports, limit
		v.score = d.wide(a.Peers, v.span)
		return true
	}
	return false
}

// unlike reports whether attempts on a port that is much in use are unlike the failures
// of a crawler, a resolver, a mail server or a gateway.
func (d *Detector) unlike(w *window.Window, p *window.Probes, hosts uint64, s window.Span) bool {
	if s != window.Short || hosts < d.cfg.Wide {
		return false
	}
	five, a := w.ProberDevice(p).Five(), &d.a
	back := a.Refused + a.Answered + a.By[window.TryHalf] + a.By[window.TryOpen]
	return float64(a.Total) >= inVain*float64(five.Flows[window.Out]) && float64(back) >= alive*float64(a.Total)
}

// wide is the score of a sweep: high from many hosts in a short time on.
func (d *Detector) wide(hosts uint64, s window.Span) float64 {
	if s == window.Short && hosts >= d.cfg.Wide {
		return 0.75
	}
	return 0.6
}

// hammers: one port of one host, without a pause.
func (d *Detector) hammers(p *window.Probes, v *verdict) bool {
	a := &d.a
	if p.Rate() > 1 || p.PerMinute() < d.cfg.Hammer || len(a.TopPeers) == 0 || len(a.TopPorts) == 0 {
		return false
	}
	peer, port := &a.TopPeers[0], &a.TopPorts[0]
	if 10*peer.Attempts < 9*a.Total || 10*port.Attempts < 9*a.Total || a.By[window.TryOpen] > a.Total/2 {
		return false
	}
	v.kind, v.port, v.hosts, v.ports, v.limit, v.hammered = "port_scan", port.Port, 1, 1, d.cfg.Hammer, true
	v.score = 0.6
	return true
}

// guesses looks for logins that fail again and again, in spans of hours at most: checks
// by a monitor add up in a day.
func (d *Detector) guesses(w *window.Window, p *window.Probes, s window.Span) (v verdict, ok bool) {
	if s == window.Day || len(d.a.Logins) == 0 {
		return v, false
	}
	limit := d.cfg.Logins
	if s == window.Hours {
		limit = d.cfg.SlowLogins
	}
	l := &d.a.Logins[0]
	for i := range d.a.Logins { // one that ended with a longer session says more
		if d.a.Logins[i].Long >= limit && window.LoginOf(d.a.Logins[i].Port) != window.Mail {
			l = &d.a.Logins[i]
			break
		}
	}
	if l.Sessions < limit {
		return v, false
	}
	v = verdict{kind: "brute_force", span: s, port: 6<<16 | uint32(l.Port), hosts: 1, ports: 1, limit: limit, login: *l}
	kind := window.LoginOf(l.Port)
	if l.Long < limit || kind == window.Mail {
		v.login.Long = 0
	}
	if p.Dir() == window.In {
		ok = d.attacked(&v, kind)
		return v, ok
	}
	v.score = 0.6
	if v.login.Long > 0 {
		v.score = 0.75
	}
	if v.usual = d.usual(w, p, l); v.usual || kind != window.Remote && !d.learned(w, p) {
		v.score = 0.5
	}
	return v, true
}

// attacked scores logins from outside: everybody's are tried, so they are low until a
// longer session follows.
func (d *Detector) attacked(v *verdict, kind window.Login) bool {
	v.score = 0.4
	if v.login.Long > 0 {
		v.score = 0.7
	}
	return kind != window.Mail || v.login.Sessions >= d.cfg.SlowLogins // phones ask for mail
}

func (d *Detector) learned(w *window.Window, p *window.Probes) bool {
	if d.past == nil {
		return false
	}
	h := d.past.Habits(p.Addr)
	return h != nil && h.Learned(w.Now/3600, d.cfg.LearnedDays)
}

// usual reports whether the device has had to do with that peer on earlier days, as an
// application with its database, or a monitor with what it watches.
func (d *Detector) usual(w *window.Window, p *window.Probes, l *window.Tries) bool {
	return d.learned(w, p) && d.past.Habits(p.Addr).KnowsPeer(d.past.PeerKey(&window.Peer{Addr: l.Peer}))
}
