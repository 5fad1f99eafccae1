// SPDX-License-Identifier: Apache-2.0

// Package scenario makes traffic with known truth: an office and a web shop by
// hour and weekday, or a fleet of hundreds of devices over months, and what can
// happen to them. It is seeded and pure. Every
// second is drawn from the seed and its own number alone, so that any moment
// can be generated without those before it, and the same seed gives the same
// records however one arrives there. (Bit for bit on one architecture: Go may
// fuse floating-point operations on others.)
//
// Records leave as from a real exporter: one per direction, cut at an active
// timeout of 60 s, exported 15 s after the last packet, or at once when TCP
// ended with FIN or RST; the exporter looks once a second, so Received is a
// whole second.
package scenario

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tidewatch/flow"
)

// Scenario generates one run. It is not safe for concurrent use; make several
// with the same Config and Seek each to its part to use more cores.
type Scenario struct {
	cfg     Config
	gen     *generator
	sources []source
	load    *load  // instead of sources
	fleet   *fleet // one of the sources, of the scenario "fleet"
	truth   []Truth

	first, end int64 // Unix seconds: [first,end) is generated
	sec        int64 // the second that Next generates
	warm       bool  // sessions that began before sec are in the calendar
}

// source makes the sessions of one kind.
type source interface {
	// reach is the longest time from a session's begin to its last export, in
	// seconds; so much must be generated before a moment to have all of it.
	reach() int64
	// second generates what begins in [sec, sec+1). It may depend on sec, the
	// configuration and g's draws, which are seeded with sec and the source.
	second(g *generator, sec int64)
}

// New prepares a scenario; nothing is generated yet. The error for an unknown
// name lists the known ones.
func New(name string, cfg Config) (*Scenario, error) { //nolint:gocritic // copied once a run, so that the caller's stays his
	defs := definitions()
	at := slices.IndexFunc(defs, func(d definition) bool { return d.name == name })
	if at < 0 {
		known := make([]string, len(defs))
		for i := range defs {
			known[i] = defs[i].name
		}
		return nil, fmt.Errorf("scenario %q is unknown; known are %s ([6]: also over IPv6)", name, strings.Join(withSix(known), ", "))
	}
	def := &defs[at]
	cfg.setDefaults(def)
	if err := errors.Join(cfg.validate(), knownInjections(def, cfg.Inject)); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", name, err)
	}
	s := &Scenario{
		cfg:   cfg,
		first: cfg.Start.Unix(),
		end:   cfg.Start.Add(cfg.Duration).Unix(),
	}
	s.sec = s.first
	s.gen = newGenerator(&s.cfg)
	def.build(s)
	return s, nil
}

// withSix says both names of what there is over IPv6, too, at once.
func withSix(names []string) (out []string) {
	for _, n := range names {
		switch base, six := strings.CutSuffix(n, "6"); {
		case six && slices.Contains(names, base):
		case slices.Contains(names, n+"6"):
			out = append(out, n+"[6]")
		default:
			out = append(out, n)
		}
	}
	return out
}

// Names lists the scenarios in the order of their reference page.
func Names() []Info {
	defs := definitions()
	out := make([]Info, len(defs))
	for i := range defs {
		d := &defs[i]
		out[i] = Info{Name: d.name, Description: d.about, Learn: d.learn, Event: d.lasts}
	}
	return out
}

// Next appends the records that are exported at the end of the next second, in
// the order of Received, and reports false when the run is over. A slice may be
// empty. "load" and "flood-load" come in shorter slices of some thousand records.
func (s *Scenario) Next(b *flow.Batch) bool {
	if s.sec >= s.end {
		return false
	}
	if s.load != nil {
		if s.load.next(s.gen, s.sec, b) {
			s.sec++
		}
		return true
	}
	if !s.warm {
		s.warmUp()
	}
	s.generate(s.sec, false)
	s.sec++
	n := b.Len()
	s.gen.calendar.drain(s.sec, b)
	if s.fleet != nil && s.fleet.down(s.gen, s.sec) {
		b.Truncate(n) // what is exported while nobody collects is lost
	}
	return true
}

// warmUp generates the sessions that began before the first slice and reach
// into it, each source as far back as it must.
func (s *Scenario) warmUp() {
	s.gen.calendar.reset(s.sec)
	var longest int64
	for _, src := range s.sources {
		longest = max(longest, src.reach())
	}
	for sec := s.sec - longest; sec < s.sec; sec++ {
		s.generate(sec, true)
	}
	s.warm = true
}

func (s *Scenario) generate(sec int64, warming bool) {
	s.gen.tick(sec)
	for i, src := range s.sources {
		if warming && sec < s.sec-src.reach() {
			continue
		}
		s.gen.reseed(uint64(i), sec)
		src.second(s.gen, sec)
	}
}

// Seek makes the slice that begins at t the next one, before or after the
// present one. Nothing between is generated.
func (s *Scenario) Seek(t time.Time) {
	s.sec = min(max(t.Unix(), s.first), s.end)
	s.warm = false
	if s.load != nil {
		s.load.slice = 0
	}
}

// Now is the export time of the last slice: where the run stands.
func (s *Scenario) Now() time.Time {
	now := time.Unix(s.sec, 0)
	if s.load != nil {
		now = now.Add(s.load.into())
	}
	return now.In(s.cfg.Zone)
}

// Config returns the configuration with its defaults filled in.
func (s *Scenario) Config() Config { return s.cfg }

// Truth lists the events of the whole run, by start.
func (s *Scenario) Truth() []Truth { return slices.Clone(s.truth) }

// Internal lists the networks that the scenario's own hosts live in.
func (s *Scenario) Internal() []netip.Prefix {
	if s.load != nil {
		return []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	}
	if s.fleet != nil {
		return []netip.Prefix{netip.MustParsePrefix("10.30.0.0/16"), netip.MustParsePrefix("fd10:1e::/32")}
	}
	return []netip.Prefix{
		netip.MustParsePrefix("10.10.0.0/16"), netip.MustParsePrefix("10.20.0.0/16"),
		netip.MustParsePrefix("fd10::/16"),
	}
}

// tell adds an event that lies in [from,to), cut to the run; an event outside
// of the run is none.
func (s *Scenario) tell(t *Truth, from, to int64) {
	from, to = max(from, s.first), min(to, s.end)
	if from >= to {
		return
	}
	t.Start, t.End = time.Unix(from, 0).In(s.cfg.Zone), time.Unix(to, 0).In(s.cfg.Zone)
	s.truth = append(s.truth, *t)
	slices.SortStableFunc(s.truth, func(a, b Truth) int { return a.Start.Compare(b.Start) })
}
