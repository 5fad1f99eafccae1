// SPDX-License-Identifier: Apache-2.0

package webflood

import (
	"slices"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const (
	ten = 10 // seconds of a slice
	// A gateway of many users, a proxy, an API client and a crawler are one source or a
	// few, and what is not people's from them may be the work of many or of a machine.
	// So few must ask many times as much, and alike.
	fewSources, fewTimes = 10, 5
	// alike is the share of sizes within two fifths of each other from which they are a
	// script's: browsers differ by user agent, language and cookies, pages by content; a
	// deviation of a tenth of the mean leaves so many.
	alike = 0.9
	// brute is how many times the rate of one person's no shared address reaches either:
	// fifty at once behind each of ten addresses.
	brute = 5
	// manySources share a flood so that each is as slow as a person.
	manySources = 100
	// sketchy is the share of sources that their estimate may be wrong by, at three of
	// its deviations.
	sketchy = 0.1
	// mostly is the share of the requests from which on whatever is shown is the attack's:
	// that which a filter must match.
	mostly = 0.9
	// grouped is the share of one network of sources that is worth a line.
	grouped = 0.5
)

// asked is what is too much of the requests of ten seconds.
type asked struct {
	window.Asked
	sources, requests float64 // of the attack
	alike             [2]float64
	each              float64 // requests per second and source
	crowd             bool    // of many sources, each as slow as a person
}

// requests tells whether the newest requests to a web server are a flood.
func (d *Detector) requests(w *window.Window, h *window.Host) (f detect.Finding, ok bool) {
	r := h.Web()
	if r == nil || h.Rate() > 1 {
		return f, false // under sampling nobody knows how many connections there were
	}
	var from, to int64
	var worst asked
	for k := range int64(window.Tens) {
		at := w.Now - k*ten
		if float64(r.Count(at)) < ten*d.cfg.MinRequests {
			continue
		}
		a, found := d.judge(r, at, h.New(w.Now))
		if !found || !d.beyond(w, h, &a) {
			continue
		}
		from, to = a.Begin, max(to, min(a.Begin+ten, w.Now+1))
		if a.requests > worst.requests {
			worst = a
		}
	}
	if worst.requests == 0 {
		return f, false
	}
	f = d.finding(w, h, "http_flood", from, to)
	d.weigh(&f, h, &worst)
	return f, true
}

// judge tells what of ten seconds' requests is neither people's nor usual.
func (d *Detector) judge(r *window.Requests, at int64, fresh bool) (a asked, ok bool) {
	a.Asked = r.Asked(at)
	least, source := ten*d.cfg.MinRequests, ten*d.cfg.SourceRate
	a.sources, a.requests = r.Heavy(at, source)
	more, from := a.Requests-a.Usual, max(a.Sources-a.UsualSources, sketchy*a.Sources, 1)
	if a.requests < least && more >= least && more >= source*from {
		a.sources, a.requests = from, more // so many that no counter is without one
	}
	a.alike = [2]float64{r.Similar(at, window.In), r.Similar(at, window.Out)}
	switch {
	case a.requests >= least && a.sources >= fewSources:
		ok = !fresh || a.alike[window.In] >= alike
	case a.requests >= fewTimes*least:
		ok = a.alike[window.In] >= alike
	case more >= least && a.Requests >= d.cfg.Growth*a.Usual && from >= manySources && a.Sources >= 2*a.UsualSources && !fresh:
		a.sources, a.requests, a.crowd = from, more, true
		ok = a.alike[window.In] >= alike && (a.alike[window.Out] == 0 || a.alike[window.Out] >= alike)
	}
	a.each = a.requests / ten / max(a.sources, 1)
	return a, ok
}

// beyond reports whether the server receives more than its past explains.
func (d *Detector) beyond(w *window.Window, h *window.Host, a *asked) bool {
	if d.past == nil {
		return true
	}
	n, ok := d.past.At(h.Addr, w.At(), baseline.PacketsIn)
	return !ok || d.packets(h, a) > n.Above(d.cfg.Sigma)/300
}

// packets is what the device received a second in those ten.
func (d *Detector) packets(h *window.Host, a *asked) float64 {
	var n uint64
	for _, v := range h.Classes(window.In, a.Begin, a.Begin+ten-1) {
		n += v.Packets
	}
	return float64(n) / ten
}

// weigh scores the finding and measures it.
func (d *Detector) weigh(f *detect.Finding, h *window.Host, a *asked) {
	f.Metrics = detect.Metrics{Sources: uint64(a.Sources), FlowsPerSecond: a.Requests / ten, PacketsPerSecond: d.packets(h, a)}
	add(f, &detect.Indicator{Name: "request_rate", Observed: a.requests / ten, Expected: d.cfg.MinRequests, Unit: "requests/s", Weight: 0.4})
	switch {
	case a.crowd:
		add(f, &detect.Indicator{Name: "request_growth", Observed: a.Requests / ten, Expected: a.Usual / ten, Unit: "requests/s", Weight: 0.15})
	case a.each >= brute*d.cfg.SourceRate && a.sources >= fewSources:
		add(f, &detect.Indicator{Name: "requests_per_source", Observed: a.each, Expected: d.cfg.SourceRate, Unit: "requests/s", Weight: 0.35})
	default:
		add(f, &detect.Indicator{Name: "requests_per_source", Observed: a.each, Expected: d.cfg.SourceRate, Unit: "requests/s", Weight: 0.15})
	}
	if !a.crowd { // told all the same, for the first seconds may have been judged by it
		add(f, &detect.Indicator{Name: "request_growth", Observed: a.Requests / ten, Expected: a.Usual / ten, Unit: "requests/s"})
	}
	if a.alike[window.In] >= alike {
		add(f, &detect.Indicator{Name: "similar_requests", Observed: a.alike[window.In], Expected: alike, Unit: "share", Weight: 0.25})
		if a.alike[window.Out] >= alike {
			add(f, &detect.Indicator{Name: "similar_responses", Observed: a.alike[window.Out], Expected: alike, Unit: "share", Weight: 0.1})
		}
	}
	if d.top == nil {
		d.top = make([]window.Entry, 0, 64)
	}
	if name, share := h.HeaviestGroup(d.top); share >= grouped {
		f.Indicators = append(f.Indicators, detect.Indicator{Name: "source_network", Observed: share, Expected: grouped, Unit: "share", Detail: name})
	}
	d.top = h.TopSources(d.top[:0], 48)
	f.Top.Sources = sources(d.top)
	f.Severity = detect.SeverityOf(f.Score)
	d.examine(f, h, a)
}

// examine shows flows. Those of the attack are told by their sources, the heaviest; when
// there are many slow ones they cannot be told, unless nearly all that comes is theirs.
func (d *Detector) examine(f *detect.Finding, h *window.Host, a *asked) {
	all := a.crowd && a.requests >= mostly*a.Requests
	f.ExamineOnly(h, detect.ClassSet(flow.TCPSession, flow.TCPOther), func(s *window.Sample) bool {
		return all || !a.crowd && slices.ContainsFunc(d.top, func(e window.Entry) bool { return e.Key == s.Src })
	})
}

// sources lists the ten heaviest; the weights of a list add up to all that was ranked.
func sources(list []window.Entry) []detect.Share {
	var total uint64
	for i := range list {
		total += list[i].Weight
	}
	out := make([]detect.Share, 0, 10)
	for i := range list[:min(len(list), 10)] {
		e := &list[i]
		out = append(out, detect.Share{
			Key: e.Key.String(), Bytes: e.Bytes, Packets: e.Packets, Flows: e.Flows,
			Share: float64(e.Weight-e.Over) / float64(max(total, 1)),
		})
	}
	return out
}
