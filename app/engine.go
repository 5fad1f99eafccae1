// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/detect/outage"
	"tidewatch/detect/slow"
	"tidewatch/detect/threat"
	"tidewatch/enrich"
	"tidewatch/exclude"
	"tidewatch/feedback"
	"tidewatch/flow"
	"tidewatch/incident"
	"tidewatch/schedule"
	"tidewatch/triage/rules"
	"tidewatch/window"
)

// Engine is the line from batches to incidents: enrich, windows, detectors,
// incidents. It is driven by the time in the data alone, so the same flows give
// the same incidents whether they come from a socket, a file or a scenario.
// It is safe for concurrent use; one mutex guards all of it.
type Engine struct {
	mu       sync.Mutex
	enrich   *enrich.Enricher
	exporter func(uint32) netip.Addr // nil: nobody knows
	geo      *enrich.Geo             // nil: nobody knows
	threats  *enrich.Threats         // nil: nobody is listed
	outages  *outage.Watch
	shards   []*shard
	networks *networks
	inside   *inside
	seed     flow.Seed // keys the hash that gives devices to shards
	book     *incident.Book
	verdicts *feedback.Book // what people said; nil: nothing
	excluded *exclude.Book  // what is known and harmless
	critical []netip.Prefix // networks that people called critical
	marked   uint64         // findings that involve a listed address
	sink     func([]incident.Event)
	lesson   bool
	now      int64 // the running second; 0 before the first record
	resumed  bool  // now comes from a checkpoint, and nothing was received since
	input    Input
	ticks    ticks
	meter    *meter              // nil: nobody looks
	planned  *schedule.View      // what the schedule says of findings
	hurt     map[flow.Addr]int64 // Unix hour up to which a device's hours must not be learned
	attacked attackedNets        // likewise of devices in it
	kept     int64               // second in which what is mitigated was kept under suspicion last
	scratch  struct {
		findings []detect.Finding
		events   []incident.Event
	}
}

// Input sums what went in.
type Input struct {
	Flows, Packets, Bytes uint64 // volumes after sampling, duplicates left out
	Duplicates            uint64
	First, Last           int64  // Unix nanoseconds of the first start and the last end; 0 before the first flow
	External              uint64 // flows that touch no internal network
}

// maxHurt bounds the devices whose hours are kept out of the baseline.
const maxHurt = 65_536

// NewEngine wires a line. sink gets every change of an incident, in order; it
// must not block for long and must not call the engine.
func NewEngine(cfg *Config, sink func([]incident.Event)) (*Engine, error) {
	e := &Engine{sink: sink, hurt: map[flow.Addr]int64{}, attacked: attackedNets{}, seed: cfg.Window.Seed, excluded: exclude.NewBook()}
	var err error
	if e.enrich, err = enrich.New(&cfg.Enrich); err != nil {
		return nil, err
	}
	if e.outages, err = outage.New(cfg.Outage, cfg.Enrich.Exporter); err != nil {
		return nil, err
	}
	if e.book, err = incident.New(&cfg.Incident); err != nil {
		return nil, err
	}
	e.critical = cfg.Window.Critical
	e.book.Judge(rules.New(e.about).Assess)
	e.exporter = cfg.Enrich.Exporter
	if e.geo, err = openGeo(cfg); err != nil {
		return nil, err
	}
	if cfg.Shards < 1 || cfg.Shards > 256 {
		return nil, fmt.Errorf("shards must lie between 1 and 256, not %d", cfg.Shards)
	}
	who, err := whoIs(cfg)
	if err != nil {
		return nil, err
	}
	planned, err := newSchedule(cfg)
	if err != nil {
		return nil, err
	}
	e.planned = planned.View()
	known, err := exclude.Configured(cfg.Exclusions, cfg.zone())
	if err != nil {
		return nil, fmt.Errorf("exclusions: %w", err)
	}
	if err := e.excluded.Take(known); err != nil {
		return nil, err
	}
	layout := totalsOf(cfg)
	e.inside = &inside{engine: e, told: map[flow.Addr]int64{}, blind: make([]bool, layout.Len())}
	if e.networks, err = newNetworks(cfg, layout, e.planned, e.inside); err != nil {
		return nil, err
	}
	for i := range cfg.Shards {
		s, err := newShard(cfg, i, cfg.Shards, shardDeps{who, planned, layout, e.outages})
		if err != nil {
			return nil, err
		}
		e.shards = append(e.shards, s)
	}
	threats, err := newThreats(cfg)
	if err != nil {
		return nil, err
	}
	e.threaten(threats)
	return e, nil
}

// Internal takes these networks as the own from now on, in place of the configured ones.
func (e *Engine) Internal(cfg *Config, own []netip.Prefix) error {
	ecfg := cfg.Enrich
	ecfg.Internal = own
	enricher, err := enrich.New(&ecfg)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.enrich = enricher
	return nil
}

// Lesson makes what follows teach only: windows and baselines are kept,
// nothing is judged.
func (e *Engine) Lesson(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lesson = on
}

// Process takes a batch whose records are about in the order of their Received,
// and changes it (direction, scaling). It keeps nothing of it.
func (e *Engine) Process(b *flow.Batch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.enrich.Apply(b)
	e.count(b)
	for from := 0; from < b.Len(); {
		sec := max(b.Received[from]/1e9, 1)
		if sec > e.now {
			e.advance(sec)
		}
		to := from + 1
		for to < b.Len() && b.Received[to] < (e.now+1)*1e9 {
			to++
		}
		if e.meter != nil {
			e.meter.add(b, from, to, e.now)
		}
		e.outages.HearBatch(b, from, to, e.now)
		e.each(func(s *shard) { s.add(b, from, to) })
		from = to
	}
}

// Advance tells that flow time has reached second sec without records: live,
// the clock does so, else an attack that ends in silence would never end.
func (e *Engine) Advance(sec int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.now == 0: // nothing came yet, but what an earlier run left open must end
		e.fold(time.Unix(sec, 0).UTC(), nil)
	case sec > e.now:
		e.advance(sec)
	}
}

// advance ends seconds until sec is the running one.
func (e *Engine) advance(sec int64) {
	if e.resumed {
		e.overlook(sec)
		return
	}
	if e.now == 0 || e.shards[0].windows.Far(sec) {
		if e.now != 0 { // a silence of days: end everything that was open before it
			e.tick()
			e.fold(time.Unix(sec, 0).UTC(), nil)
		}
		for _, s := range e.shards {
			s.windows.Jump(sec)
			s.since = sec
		}
		e.networks.totals.Reset()
		e.now = sec
		return
	}
	for e.now < sec {
		start := time.Now()
		e.tick()
		// Shards may jump over empty seconds, but only together.
		limit := sec
		for _, s := range e.shards {
			if !s.windows.Idle() {
				limit = e.now + 1
			}
		}
		for _, s := range e.shards {
			s.windows.Next(limit)
		}
		e.now = e.shards[0].windows.Now()
		e.ticks.observe(time.Since(start))
	}
}

// tick judges the running second in all shards and folds what they found.
func (e *Engine) tick() {
	e.each(func(s *shard) { s.tick(e.lesson, e.spoiled) })
	found := e.scratch.findings[:0]
	for _, s := range e.shards {
		found = append(found, s.findings...)
	}
	if len(e.shards) > 1 {
		// The order must not depend on how devices fell to shards.
		slices.SortStableFunc(found, func(a, b detect.Finding) int {
			return cmp.Or(cmp.Compare(a.Detector, b.Detector), a.Subject.Addr().Compare(b.Subject.Addr()))
		})
	}
	found = e.tickNetworks(found)
	watched := len(found)
	if found = e.outages.Judge(e.now, found); e.lesson {
		found = found[:watched]
	}
	e.scratch.findings = found
	e.fold(time.Unix(e.now+1, 0).UTC(), found)
}

// fold hands findings to the incidents and their changes to the sink.
func (e *Engine) fold(at time.Time, found []detect.Finding) {
	for i := range found {
		f := &found[i]
		if e.threats != nil && threat.Mark(e.threats, f) {
			e.marked++
		}
		e.book.Context(at, f)
		if e.verdicts != nil { // before the schedule: what is planned stays low
			e.verdicts.Apply(at, f)
		}
		silenced := silence(e.planned, f)
		if e.excluded.Apply(at, f) {
			silenced = true
		}
		// An upload judged without a past must be learned, or it never gets one; a
		// planned one is learned unless its event says otherwise. A volume of severity
		// medium is learned as slowly as its sigmas say: else a device that really
		// changed a little would alarm for ever. Nor does a drip of months spoil the hours
		// of months.
		if f.Category == detect.DDoSAttack || !silenced && (f.Kind == "volume" && f.Severity.Rank() >= detect.High.Rank() || f.Category == detect.DataExfiltration && f.Kind != slow.Kind && f.Baseline.Level != "none") {
			e.hurts(f)
		}
		if f.Score >= suspicion {
			e.promote(f)
		}
		e.describe(f)
	}
	e.keep()
	events := e.book.Apply(at, found, e.scratch.events[:0])
	e.scratch.events = events
	if len(events) > 0 && e.sink != nil {
		e.sink(events)
	}
}

// suspicion is the score from which a finding puts its device into the real-time tier.
const suspicion = 0.6

// promote has a suspicious device followed second by second.
func (e *Engine) promote(f *detect.Finding) {
	if !f.Subject.IsSingleIP() {
		return
	}
	a := flow.AddrFrom(f.Subject.Addr())
	e.owner(a).windows.Promote(a)
}

// describe completes what a detector knows about an attack, and has the attacked
// device keep what was usual before.
func (e *Engine) describe(f *detect.Finding) {
	switch {
	case f.Category != detect.DDoSAttack:
	case f.Subject.IsSingleIP():
		a := flow.AddrFrom(f.Subject.Addr())
		e.owner(a).windows.Suspect(a, f.Started.Unix(), uint32(f.Classes))
	default:
		for _, s := range e.shards {
			s.windows.SuspectPrefix(f.Subject, f.Started.Unix(), uint32(f.Classes))
		}
	}
	place(e.geo, &f.Top)
	if e.exporter == nil {
		return
	}
	for i := range f.Evidence {
		if a := e.exporter(f.Evidence[i].Via); a.IsValid() {
			f.Evidence[i].Exporter = a.String()
		}
	}
}

// hurts keeps the hours of an attacked device out of its baseline, the next
// one included: attacks come back.
func (e *Engine) hurts(f *detect.Finding) {
	a := flow.AddrFrom(f.Subject.Addr())
	if !f.Subject.IsSingleIP() {
		a = baseline.NetworkKey(f.Subject)
		if f.Category == detect.DDoSAttack {
			e.attacked.note(f, e.now)
		}
	}
	if _, known := e.hurt[a]; !known && len(e.hurt) >= maxHurt {
		for other, until := range e.hurt { // forget those that are over
			if until < e.now/3600-2 {
				delete(e.hurt, other)
			}
		}
		if len(e.hurt) >= maxHurt {
			return
		}
	}
	e.hurt[a] = f.Last.Unix()/3600 + 1
}

// spoiled reports whether an hour of a device must not be learned: it was under
// attack, or the exporter that tells of it was down. Shards call it side by
// side; nothing writes to what it reads meanwhile.
func (e *Engine) spoiled(d window.Device, hour int64) (hurt, blind bool) {
	hurt = e.hurtIn(d.Addr(), hour) || e.attacked.around(d.Addr(), d.Network(), e.networks.totals.Networks, hour)
	return hurt, e.outages.Blind(d.Exporter(), hour*3600, (hour+1)*3600)
}

// hurtIn reports whether a device, or the network under a key, was attacked in an hour.
func (e *Engine) hurtIn(a flow.Addr, hour int64) bool {
	until, ok := e.hurt[a]
	return ok && hour <= until && hour >= until-48
}

// each runs f on every shard, side by side when there are several.
func (e *Engine) each(f func(*shard)) {
	if len(e.shards) == 1 {
		f(e.shards[0])
		return
	}
	var wg sync.WaitGroup
	for _, s := range e.shards[1:] {
		wg.Go(func() { f(s) })
	}
	f(e.shards[0])
	wg.Wait()
}

// count adds a batch to the input sums.
func (e *Engine) count(b *flow.Batch) {
	in := &e.input
	for i, m := range b.Mark {
		if m&flow.Duplicate != 0 {
			in.Duplicates++
			continue
		}
		in.Flows++
		in.Packets += b.Packets[i]
		in.Bytes += b.Bytes[i]
		if m&(flow.SrcInternal|flow.DstInternal) == 0 {
			in.External++
		}
		if in.First == 0 || b.Start[i] < in.First {
			in.First = b.Start[i]
		}
		in.Last = max(in.Last, b.End[i])
	}
}

// Drain judges the running second and writes out what is open: the end of a
// file, or a clean stop.
func (e *Engine) Drain() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.now == 0 {
		return
	}
	e.tick()
	e.minuteEnd()
	events := e.book.Flush(time.Unix(e.now+1, 0).UTC(), nil)
	if len(events) > 0 && e.sink != nil {
		e.sink(events)
	}
}

// minuteEnd lets detectors that judge by the minute see the last, broken one.
func (e *Engine) minuteEnd() {
	for _, s := range e.shards {
		s.windows.Next(e.now + 1)
	}
	e.now = e.shards[0].windows.Now()
	for e.now%60 != 59 {
		for _, s := range e.shards {
			s.windows.Tick()
			s.windows.Next(e.now + 1)
		}
		e.now = e.shards[0].windows.Now()
	}
	e.tick()
}

// Incidents returns all incidents of the run, by their start.
func (e *Engine) Incidents() []incident.Incident {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(e.book.All())
}

// Input returns what went in so far.
func (e *Engine) Input() Input {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.input
}
