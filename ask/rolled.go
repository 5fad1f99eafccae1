// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"tidewatch/flow"
	"tidewatch/query"
	"tidewatch/rollup"
)

// cached is how many rows of roll-ups are kept for a second look, some 40 bytes each.
const cached = 1_000_000

// rolled reads the sections of roll-ups.
type rolled struct {
	plan    *plan
	units   []unit // oldest first; once they are added up only those that could be read
	spoiled []unit // that could not
	kept    map[unit]map[query.Dimension]*rollup.Section
	rows    int
	late    time.Time // the time was up: what lies before is missing
	bad     int       // units that could not be read, and nothing stands in for all of them
	damaged bool      // some flows were missing when a unit was made
}

// answerRolled adds up roll-ups, and reads flows where there are none.
func (r *run) answerRolled(ctx context.Context, p *plan, units []unit) error {
	a := r.answer
	a.From, a.To = p.from, p.to
	s := &rolled{plan: p, units: units, kept: map[unit]map[query.Dimension]*rollup.Section{}}
	dims := len(r.q.Group)
	t, ends := newTable(dims, r.q.By, r.asker.cfg.MaxGroups), newTable(0, r.q.By, 1)
	s.sum(ctx, func(name query.Dimension, b *rollup.Bucket) {
		switch {
		case slices.Contains(p.sections, name):
			r.addBucket(t, p, b)
		case slices.Contains(p.ends, name):
			r.addBucket(ends, p, b)
		default:
			addAll(&a.Total, b)
		}
	})
	a.Source = s.source()
	if p.ends != nil && t.volume[0].Flows == 0 { // it is no device
		p.sections, t = p.ends, ends
	}
	if p.total == nil {
		for i := range t.volume {
			a.Total.Add(t.volume[i])
		}
		a.Total.Add(t.rest)
	}
	gaps := s.gaps(r.asker.history)
	for _, g := range gaps {
		if err := r.addGap(ctx, t, g); err != nil {
			return err
		}
	}
	frozen := t
	if dims > 0 {
		slots, other := t.top(r.q.Limit)
		limit := t.limit
		t.limit = math.MaxInt // what is lost is told here, in other words
		lost := t.lost
		t.lost = query.Volume{}
		r.list(t, slots, other)
		t.limit, t.lost = limit, lost
		frozen = t.freeze(slots)
	} else {
		a.Other = query.Rest{Volume: a.Total, Share: r.share(a.Total)}
	}
	if r.q.Points > 0 {
		if err := r.rolledSeries(ctx, s, frozen, gaps); err != nil {
			return err
		}
	}
	r.tellRolled(s, t)
	return nil
}

// tellRolled says what is missing or estimated.
func (r *run) tellRolled(s *rolled, t *table) {
	if !s.late.IsZero() {
		r.partial(fmt.Sprintf("the time limit of %s was reached; what lies before %s is missing", r.asker.cfg.TimeLimit, s.late.UTC().Format(time.RFC3339)))
	}
	if s.bad > 0 {
		r.partial(fmt.Sprintf("%d roll-ups are damaged and were left out", s.bad))
	}
	if s.damaged {
		r.partial("some of the flows were damaged, or dropped already, when their sums were made")
	}
	// Many values without a name may match a filter, and all of them are missing in the
	// total; of one value, listed or asked for, that is no more than it may lack.
	one, all := t.lost.Of(r.q.By), s.plan.unnamed.Of(r.q.By)
	switch estimated := fmt.Sprintf("estimated: of each of the %s only the heaviest are kept; ", r.answer.Source); {
	case all > 0 && len(r.q.Group) == 0:
		r.partial(fmt.Sprintf("%sa figure may be too low by up to %d %s", estimated, all, r.q.By))
	case all > 0:
		r.partial(fmt.Sprintf("%sa figure may be too low by up to %d %s, the total by up to %d", estimated, one, r.q.By, all))
	case one > 0:
		r.partial(fmt.Sprintf("%sa figure may be too low by up to %d %s", estimated, one, r.q.By))
	}
}

// source is that of the steps asked for; whole hours within minutes are no finer than
// what lies at the edges.
func (s *rolled) source() query.Source {
	if s.plan.shelf.Grain().Name != rollup.Minutes().Name {
		return query.Hours
	}
	for i := range s.units {
		if s.units[i].shelf == s.plan.shelf {
			return query.Minutes
		}
	}
	if len(s.units) == 0 {
		return query.Minutes
	}
	return query.Hours
}

// addBucket adds one section of one bucket. With a filter only what is listed by name
// can be told to match.
func (r *run) addBucket(t *table, p *plan, b *rollup.Bucket) {
	for i := range b.Rows {
		row := &b.Rows[i]
		if p.key != nil && !p.key(&row.Key) {
			continue
		}
		var values [query.MaxGroup]flow.Addr
		values[0] = row.Key
		t.volume[t.place(&values)].Add(row.Volume)
	}
	t.lost.Add(b.Lost)
	if p.many {
		p.unnamed.Add(b.Rest)
	}
	if p.key == nil {
		if len(t.dims) == 0 {
			t.volume[0].Add(b.Rest)
		} else {
			t.rest.Add(b.Rest)
		}
	}
	t.prune()
}

func addAll(to *query.Volume, b *rollup.Bucket) {
	for i := range b.Rows {
		to.Add(b.Rows[i].Volume)
	}
	to.Add(b.Rest)
}

// sum hands out the buckets of all sections that the plan needs, newest first, so that
// what the time does not suffice for is the oldest. A unit counts whole or not at all:
// where one of its sections cannot be read, finer units stand in for it, and flows where
// there are none.
func (s *rolled) sum(ctx context.Context, see func(name query.Dimension, b *rollup.Bucket)) {
	names := slices.Concat(s.plan.sections, s.plan.ends, s.plan.total)
	todo := slices.Clone(s.units)
	s.units = nil
	for len(todo) > 0 {
		u := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if ctx.Err() != nil {
			s.late = u.to()
			break
		}
		sections, err := u.shelf.Sections(u.from, names...)
		if err != nil {
			if n := len(s.spoiled); n == 0 || u.from.Before(s.spoiled[n-1].from) { // no part of one that is told of
				s.spoiled = append(s.spoiled, u)
			}
			todo = append(todo, s.plan.finer(u)...)
			continue
		}
		s.units = append(s.units, u)
		for i, section := range sections {
			s.keep(u, section)
			s.damaged = s.damaged || section.Damaged
			s.within(u, section, func(_ time.Time, b *rollup.Bucket) { see(names[i], b) })
		}
	}
	slices.Reverse(s.units)
}

// within hands out the buckets of a section that lie within the plan.
func (s *rolled) within(u unit, section *rollup.Section, see func(time.Time, *rollup.Bucket)) {
	for i := range section.Buckets {
		at := u.from.Add(time.Duration(i) * u.shelf.Grain().Bucket)
		if !at.Before(s.plan.from) && at.Before(s.plan.to) {
			see(at, &section.Buckets[i])
		}
	}
}

// each hands out the buckets of what was added up once more, newest first.
func (s *rolled) each(ctx context.Context, see func(time.Time, *rollup.Bucket)) {
	for _, u := range slices.Backward(s.units) {
		if ctx.Err() != nil {
			if s.late.Before(u.to()) {
				s.late = u.to()
			}
			return
		}
		for _, name := range s.plan.sections {
			section, err := s.section(u, name)
			if err != nil { // it was there a moment ago
				s.bad++
				break
			}
			s.within(u, section, see)
		}
	}
}

func (s *rolled) section(u unit, name query.Dimension) (*rollup.Section, error) {
	if kept := s.kept[u][name]; kept != nil {
		return kept, nil
	}
	return u.shelf.Section(u.from, name)
}

// keep holds a section for a second look, as long as there are few.
func (s *rolled) keep(u unit, section *rollup.Section) {
	if s.plan.points == 0 || s.rows > cached {
		return
	}
	for i := range section.Buckets {
		s.rows += len(section.Buckets[i].Rows)
	}
	if s.kept[u] == nil {
		s.kept[u] = map[query.Dimension]*rollup.Section{}
	}
	s.kept[u][section.Name] = section
}

// gaps are the spans without a roll-up, as far as flows are kept of them. What was
// damaged and has none any more is bad.
func (s *rolled) gaps(h History) (out []span) {
	at, bad := s.plan.from, map[time.Time]bool{}
	if s.late.After(at) {
		at = s.late // there is no time for what lies before
	}
	end := func(to time.Time) {
		if !at.Before(to) {
			return
		}
		flows, oldest := h.Extent(at, to)
		if flows > 0 {
			out = append(out, span{at.UnixNano(), to.UnixNano()})
		}
		for _, u := range s.spoiled {
			begin := u.from
			if begin.Before(at) {
				begin = at
			}
			if begin.Before(to) && at.Before(u.to()) && oldest.After(begin) {
				bad[u.from] = true
			}
		}
	}
	for _, u := range s.units {
		if u.from.After(at) {
			end(u.from)
		}
		if next := u.to(); next.After(at) {
			at = next
		}
	}
	if at.Before(s.plan.to) {
		end(s.plan.to)
	}
	s.bad = len(bad)
	return out
}

// addGap counts the flows of a gap.
func (r *run) addGap(ctx context.Context, t *table, g span) error {
	scanners := r.scanners(r.counter)
	for _, s := range scanners {
		s.span = g
	}
	if err := r.scanSpan(ctx, g, scanners); err != nil {
		return err
	}
	before := r.answer.Total
	counted := merge(scanners, r.answer)
	if len(r.q.Group) == 0 {
		after := r.answer.Total
		t.volume[0].Add(query.Volume{Bytes: after.Bytes - before.Bytes, Packets: after.Packets - before.Packets, Flows: after.Flows - before.Flows})
		return nil
	}
	t.add(counted)
	t.prune()
	return nil
}

// rolledSeries adds the series of the listed groups.
func (r *run) rolledSeries(ctx context.Context, s *rolled, frozen *table, gaps []span) error {
	p := s.plan
	all := &series{
		by: r.q.By, from: p.first.UnixNano(), step: int64(p.step), points: p.points,
		groups: make([]uint64, len(frozen.keys)*p.points), everyone: make([]uint64, p.points),
	}
	s.each(ctx, func(at time.Time, b *rollup.Bucket) {
		i := int(at.Sub(p.first) / p.step)
		for k := range b.Rows {
			row := &b.Rows[k]
			if p.key != nil && !p.key(&row.Key) {
				continue
			}
			all.everyone[i] += row.Of(r.q.By)
			values := [query.MaxGroup]flow.Addr{row.Key}
			if slot := frozen.place(&values); slot != unknown && len(frozen.dims) > 0 {
				all.groups[int(slot)*p.points+i] += row.Of(r.q.By)
			}
		}
		if p.key == nil {
			all.everyone[i] += b.Rest.Of(r.q.By)
		}
	})
	lists := []*series{all}
	for _, g := range gaps {
		more, err := r.gapSeries(ctx, frozen, g, all)
		if err != nil {
			return err
		}
		lists = append(lists, more...)
	}
	r.draw(lists, p.first, p.step, p.points)
	return nil
}

func (r *run) gapSeries(ctx context.Context, frozen *table, g span, like *series) ([]*series, error) {
	scanners := r.scanners(frozen.copy)
	out := make([]*series, 0, len(scanners))
	for _, s := range scanners {
		s.span = g
		one := *like
		one.groups, one.everyone = make([]uint64, len(like.groups)), make([]uint64, len(like.everyone))
		s.series = &one
		out = append(out, &one)
	}
	err := r.scanSpan(ctx, g, scanners)
	for _, s := range scanners {
		r.answer.ScannedFlows += s.scanned
	}
	return out, err
}
