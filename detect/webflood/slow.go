// SPDX-License-Identifier: Apache-2.0

package webflood

import (
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const (
	// memory is for how many seconds after the last held connection is known what was held.
	memory = 150
	// unsure is how many times as many each source must hold while nobody knows what
	// is usual: more than the six connections that a browser opens to a server.
	unsure = 4
	// longPiece is how long a record of such a request lasts, and it has at most a
	// packet a second: what window counts as held. In nanoseconds.
	longPiece = 10e9
)

// slow tells whether what a server held in the last two minutes is an attack.
// Routers cut a long flow after a minute (active timeout): what is held now is known
// in a minute.
func (d *Detector) slow(w *window.Window, h *window.Host) (f detect.Finding, ok bool) {
	v := h.HeldWeb()
	if v.Until() < w.Now-memory {
		return f, false
	}
	conns, at := v.Most(w.Now)
	if conns < d.cfg.MinHeld || conns < d.cfg.Growth*v.Usual() {
		return f, false
	}
	sources := v.Sources(at)
	each, limit := conns/float64(max(sources, 1)), d.cfg.PerSource
	if h.New(w.Now - memory) {
		limit *= unsure
	}
	if each < limit {
		return f, false
	}
	f = d.finding(w, h, "slow_http", v.Since(at, max(1, conns/10)), v.Until()+1)
	f.Metrics = detect.Metrics{Sources: sources}
	add(&f, &detect.Indicator{Name: "held_connections", Observed: conns, Expected: d.cfg.MinHeld, Unit: "connections", Weight: 0.4})
	add(&f, &detect.Indicator{Name: "connections_per_source", Observed: each, Expected: limit, Unit: "connections", Weight: 0.2})
	add(&f, &detect.Indicator{Name: "held_growth", Observed: conns, Expected: v.Usual(), Unit: "connections", Weight: 0.2})
	f.Severity = detect.SeverityOf(f.Score)
	f.ExamineOnly(h, detect.ClassSet(flow.TCPSession, flow.TCPAck, flow.TCPOther), held)
	return f, true
}

// held reports whether a flow is a piece of a request that goes on slowly.
func held(s *window.Sample) bool {
	lasted := s.End - s.Start
	return lasted >= longPiece && int64(s.Packets)*1e9 <= lasted+1e9
}
