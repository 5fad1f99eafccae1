// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"tidewatch/api"
	"tidewatch/baseline"
	"tidewatch/decision"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/window"
)

// live tells what a running engine sees at present.
type live struct {
	engine *Engine
	hub    *api.Hub
	movers movers
	told   int64 // second that was published last; tick's alone
	began  int64 // second of the start: until then nothing was seen but what was kept
	saved  int64 // the last minute that is known to be kept over a restart; keep's alone
}

// newLive has the engine measure what all devices carry.
func newLive(e *Engine, hub *api.Hub) *live {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.meter = &meter{}
	return &live{engine: e, hub: hub}
}

// tick publishes the second that is over.
func (l *live) tick() {
	l.engine.mu.Lock()
	r, ok := l.engine.meter.last(l.engine.now)
	l.engine.mu.Unlock()
	if !ok || r.at == l.told {
		return
	}
	l.told = r.at
	l.hub.Publish(api.TrafficTopic, &api.TrafficEvent{
		At: time.Unix(r.at, 0).UTC(), In: r.bits(0), Out: r.bits(1), PacketsIn: r.packets(0), PacketsOut: r.packets(1), Flows: float64(r.flows),
	})
}

// incidents publishes changes of incidents. Events share no memory with the engine, and
// nobody changes them later.
func (l *live) incidents(events []incident.Event) {
	for i := range events {
		e := &events[i]
		l.hub.Publish(api.IncidentTopic, &api.IncidentEvent{Type: e.Type, Incident: &e.Incident})
	}
}

// decided publishes a change of a decision.
func (l *live) decided(d *decision.Decision) {
	after := d.Clone()
	l.hub.Publish(api.MitigationTopic, &api.MitigationEvent{Decision: &after})
}

// stepSeconds is up to how many minutes a series has a point a second.
const stepSeconds = 5

// Traffic implements api.Traffic.
func (l *live) Traffic(_ context.Context, minutes int, a netip.Addr) (*api.TrafficSeries, error) {
	e := l.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	out := &api.TrafficSeries{Step: 60, Unit: "bits_per_second", Points: []api.TrafficPoint{}}
	if a.IsValid() {
		return out, l.device(out, minutes, a)
	}
	var all []reading
	if minutes <= stepSeconds {
		out.Step = 1
		all = e.meter.lastSeconds(int64(60*minutes), e.now)
	} else {
		all = e.meter.lastMinutes(int64(minutes), max(e.now, l.began))
	}
	for i := range all {
		r := &all[i]
		out.Points = append(out.Points, api.TrafficPoint{At: time.Unix(r.at*int64(out.Step), 0).UTC(), In: r.bits(0), Out: r.bits(1)})
	}
	site := baseline.NetworkKey(baseline.Site())
	banded(out.Points, func(at time.Time, m baseline.Measure) (baseline.Normal, bool) { return e.networks.At(site, at, m) })
	return out, nil
}

// device is the series of one device: seconds of one that is followed second by second,
// else the minutes that are kept. The caller has the mutex.
func (l *live) device(out *api.TrafficSeries, minutes int, addr netip.Addr) error {
	a := flow.AddrFrom(addr)
	s := l.engine.owner(a)
	w := s.windows.Look()
	d, met := w.Find(a)
	if !met && s.habits.Habits(a) == nil {
		return &api.RefusedError{Status: http.StatusNotFound, Detail: fmt.Sprintf("nothing is known of %s", addr)}
	}
	point := func(at int64, in, sent float64) {
		out.Points = append(out.Points, api.TrafficPoint{At: time.Unix(at, 0).UTC(), In: in, Out: sent})
	}
	host := s.windows.Host(a)
	switch {
	case !met:
	case minutes <= stepSeconds && host != nil:
		out.Step = 1
		var secs window.Seconds
		w.Seconds(host, &secs)
		for i := range secs.N {
			if at := secs.First + int64(i); at >= max(w.Now-60*int64(minutes), host.Since()) && at < w.Now {
				point(at, 8*float64(secs.Bytes[window.In][i]), 8*float64(secs.Bytes[window.Out][i]))
			}
		}
	default:
		running := w.Now / 60
		for i := running - min(int64(minutes), window.KeptMinutes); i < running; i++ {
			if sum, ok := d.Minute(i); ok {
				point(i*60, 8*float64(sum.Bytes[window.In])/60, 8*float64(sum.Bytes[window.Out])/60)
			}
		}
	}
	past := s.expected()
	banded(out.Points, func(at time.Time, m baseline.Measure) (baseline.Normal, bool) { return past.At(a, at, m) })
	return nil
}

// expected is the past of the shard's devices as what is planned changes it.
func (s *shard) expected() *expectation {
	return &expectation{past: keyed{s.past, s.who}, habits: s.habits, planned: s.planned}
}
