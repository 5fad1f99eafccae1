// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"strconv"
	"time"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const most = 10 // entries of a top list

// begin is what all findings about a device have in common.
func (d *Detector) begin(w *window.Window, p *window.Probes, kind string, score float64) detect.Finding {
	a := &d.a
	f := detect.Finding{
		Detector: d.Name(), Category: detect.Reconnaissance, Kind: kind,
		Subject: detect.HostSubject(p.Addr), At: w.At(),
		Started: time.Unix(a.First, 0).UTC(), Last: time.Unix(a.Last+1, 0).UTC(),
		Score: score, Severity: detect.SeverityOf(score), Baseline: detect.NoBaseline(),
	}
	f.Metrics.DurationSeconds = f.Last.Sub(f.Started).Seconds()
	return f
}

// scanFinding turns a scan by an own device into numbers beside expected numbers.
func (d *Detector) scanFinding(w *window.Window, p *window.Probes, v *verdict) detect.Finding {
	a := &d.a
	f := d.begin(w, p, v.kind, v.score)
	f.Metrics.Destinations, f.Metrics.Ports = v.hosts, v.ports
	switch {
	case v.hammered:
		f.Indicators = append(f.Indicators, detect.Indicator{Name: "attempts_without_pause", Observed: float64(p.PerMinute()), Expected: float64(v.limit), Unit: "attempts", Weight: 0.6})
	case v.kind == "host_scan":
		f.Indicators = append(f.Indicators, detect.Indicator{Name: "scanned_hosts", Observed: float64(v.hosts), Expected: float64(v.limit), Unit: "hosts", Weight: v.score})
		if v.port != 0 {
			f.Indicators = append(f.Indicators, detect.Indicator{Name: "answered_hosts", Observed: float64(v.answered), Expected: float64(v.hosts) / d.cfg.Failed, Unit: "hosts"})
		}
	default:
		f.Indicators = append(f.Indicators, detect.Indicator{Name: "scanned_ports", Observed: float64(v.ports), Expected: float64(v.limit), Unit: "ports", Weight: v.score})
	}
	d.describe(&f, p)
	for i := range a.TopPeers[:min(len(a.TopPeers), most)] {
		f.Top.Destinations = append(f.Top.Destinations, d.share(a.TopPeers[i].Addr.String(), &a.TopPeers[i], a.Total, p.Rate()))
	}
	d.topPorts(&f, p)
	return f
}

// describe tells of what kind the attempts were, and what came back.
func (d *Detector) describe(f *detect.Finding, p *window.Probes) {
	a := &d.a
	if p.Rate() > 1 || a.Total == 0 {
		return // what was sampled are not all, and answers are missing
	}
	f.Metrics.Flows = a.Total
	best := window.TrySyn
	for t := range window.NumTrials {
		if t != window.TryLogin && a.By[t] > a.By[best] {
			best = t
		}
	}
	total := float64(a.Total)
	f.Indicators = append(f.Indicators, detect.Indicator{Name: "kind_of_attempts", Observed: float64(a.By[best]) / total, Unit: "share", Detail: best.String()})
	if a.Refused > 0 {
		f.Indicators = append(f.Indicators, detect.Indicator{Name: "refused_attempts", Observed: min(1, float64(a.Refused)/total), Unit: "share"})
	}
}

func (d *Detector) topPorts(f *detect.Finding, p *window.Probes) {
	a := &d.a
	for i := range a.TopPorts[:min(len(a.TopPorts), most)] {
		f.Top.Ports = append(f.Top.Ports, d.share(portName(a.TopPorts[i].Port), &a.TopPorts[i], a.Total, p.Rate()))
	}
}

func portName(key uint32) string {
	proto := flow.ProtoName(uint8(key >> 16))
	if key&0xffff == 0 {
		return proto
	}
	return strconv.Itoa(int(key&0xffff)) + "/" + proto
}

func (d *Detector) share(key string, t *window.Tried, of uint64, rate uint32) detect.Share {
	s := detect.Share{Key: key, Share: min(1, float64(t.Attempts)/float64(max(of, 1)))}
	if rate == 1 {
		s.Flows = t.Attempts
	}
	return s
}

// loginFinding is about a device that logs in again and again, or that others outside do.
func (d *Detector) loginFinding(w *window.Window, p *window.Probes, v *verdict) detect.Finding {
	f := d.begin(w, p, v.kind, v.score)
	f.Metrics.Flows, f.Metrics.Ports = v.login.Sessions, 1
	weight := v.score
	if v.login.Long > 0 {
		weight = 0.5
	}
	f.Indicators = append(f.Indicators, detect.Indicator{Name: "login_sessions", Observed: float64(v.login.Sessions), Expected: float64(v.limit), Unit: "sessions", Weight: weight})
	if v.login.Long > 0 {
		f.Indicators = append(f.Indicators, detect.Indicator{Name: "login_succeeded", Observed: float64(v.login.Long), Unit: "sessions", Weight: detect.Plus(v.score, -weight)})
	}
	if v.usual {
		f.Indicators = append(f.Indicators, detect.Indicator{Name: "usual_login"})
	}
	peer := detect.Share{Key: v.login.Peer.String(), Flows: v.login.Sessions, Share: min(1, float64(v.login.Sessions)/float64(max(d.a.By[window.TryLogin], 1)))}
	if p.Dir() == window.In {
		f.Metrics.Sources, f.Top.Sources = 1, []detect.Share{peer}
	} else {
		f.Metrics.Destinations, f.Top.Destinations = 1, []detect.Share{peer}
	}
	f.Top.Ports = []detect.Share{{Key: portName(v.port), Flows: v.login.Sessions, Share: peer.Share}}
	return f
}

// scannedFinding lists a device many of whose ports were tried from outside.
func (d *Detector) scannedFinding(w *window.Window, p *window.Probes) detect.Finding {
	a := &d.a
	f := d.begin(w, p, "port_scan", 0.4)
	f.Metrics.Sources, f.Metrics.Ports = a.Peers, a.Ports
	_, limit := d.cfg.limits(window.Day)
	f.Indicators = []detect.Indicator{
		{Name: "tried_ports", Observed: float64(a.Ports), Expected: float64(limit), Unit: "ports", Weight: 0.4},
		{Name: "tried_by", Observed: float64(a.Peers), Unit: "sources"},
	}
	d.describe(&f, p)
	for i := range a.TopPeers[:min(len(a.TopPeers), most)] {
		f.Top.Sources = append(f.Top.Sources, d.share(a.TopPeers[i].Addr.String(), &a.TopPeers[i], a.Total, p.Rate()))
	}
	d.topPorts(&f, p)
	return f
}

// sweptFinding lists a network that was tried from outside.
func (d *Detector) sweptFinding(w *window.Window, i int, n *window.Noise) detect.Finding {
	f := detect.Finding{
		Detector: d.Name(), Category: detect.Reconnaissance, Kind: "host_scan", Subject: w.NetworkPrefix(i), At: w.At(),
		Started: time.Unix(n.First, 0).UTC(), Last: time.Unix(n.Last+1, 0).UTC(),
		Score: 0.4, Severity: detect.Low, Baseline: detect.NoBaseline(),
		Metrics: detect.Metrics{Sources: n.Sources, Destinations: n.Devices, Ports: n.Ports},
	}
	f.Metrics.DurationSeconds = f.Last.Sub(f.Started).Seconds()
	f.Indicators = []detect.Indicator{
		{Name: "tried_hosts", Observed: float64(n.Devices), Expected: float64(d.cfg.NoiseHosts), Unit: "hosts", Weight: 0.4},
		{Name: "tried_by", Observed: float64(n.Sources), Unit: "sources"},
	}
	for k := range n.Top[:min(len(n.Top), most)] {
		f.Top.Sources = append(f.Top.Sources, d.share(n.Top[k].Addr.String(), &n.Top[k], n.Attempts, 2))
	}
	return f
}
