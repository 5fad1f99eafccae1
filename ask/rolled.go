// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"fmt"
	"math"
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
	units   []unit
	kept    map[unit]map[query.Dimension]*rollup.Section
	rows    int
	bad     int  // units that could not be read
	damaged bool // some flows could not be read when a unit was made
}

// answerRolled adds up roll-ups, and reads flows where there are none.
func (r *run) answerRolled(ctx context.Context, p *plan, units []unit) error {
	a := r.answer
	a.From, a.To = p.from, p.to
	a.Source = query.Hours
	for i := range units {
		if units[i].shelf.Grain().Name == rollup.Minutes().Name {
			a.Source = query.Minutes // those of the edges; whole hours may come from hours
		}
	}
	s := &rolled{plan: p, units: units, kept: map[unit]map[query.Dimension]*rollup.Section{}}
	dims := len(r.q.Group)
	t := newTable(dims, r.q.By, r.asker.cfg.MaxGroups)
	if err := s.each(ctx, p.sections, func(_ time.Time, b *rollup.Bucket) { r.addBucket(t, p, b) }); err != nil {
		return err
	}
	if p.total == nil {
		for i := range t.volume {
			a.Total.Add(t.volume[i])
		}
		a.Total.Add(t.rest)
	} else if err := s.each(ctx, p.total, func(_ time.Time, b *rollup.Bucket) { addAll(&a.Total, b) }); err != nil {
		return err
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
	if n := t.lost.Of(r.q.By); n > 0 {
		r.partial(fmt.Sprintf("estimated: of each of the %s only the heaviest are kept; a figure may be too low by up to %d %s", a.Source, n, r.q.By))
	}
	if s.bad > 0 {
		r.partial(fmt.Sprintf("%d roll-ups are damaged and were left out", s.bad))
	}
	if s.damaged {
		r.partial(damaged)
	}
	if r.q.Points == 0 {
		return nil
	}
	return r.rolledSeries(ctx, s, frozen, gaps)
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

// each hands out the buckets of sections within the plan.
func (s *rolled) each(ctx context.Context, sections []query.Dimension, see func(time.Time, *rollup.Bucket)) error {
	for _, u := range s.units {
		if err := ctx.Err(); err != nil {
			return describe(err)
		}
		for _, name := range sections {
			section, err := s.section(u, name)
			if err != nil {
				s.bad++
				continue
			}
			s.damaged = s.damaged || section.Damaged
			for i := range section.Buckets {
				at := u.from.Add(time.Duration(i) * u.shelf.Grain().Bucket)
				if !at.Before(s.plan.from) && at.Before(s.plan.to) {
					see(at, &section.Buckets[i])
				}
			}
		}
	}
	return nil
}

func (s *rolled) section(u unit, name query.Dimension) (*rollup.Section, error) {
	if kept := s.kept[u][name]; kept != nil {
		return kept, nil
	}
	section, err := u.shelf.Section(u.from, name)
	if err != nil || s.rows > cached {
		return section, err
	}
	for i := range section.Buckets {
		s.rows += len(section.Buckets[i].Rows)
	}
	if s.kept[u] == nil {
		s.kept[u] = map[query.Dimension]*rollup.Section{}
	}
	s.kept[u][name] = section
	return section, nil
}

// gaps are the spans without a roll-up, as far as flows are kept of them.
func (s *rolled) gaps(h History) (out []span) {
	at := s.plan.from
	end := func(to time.Time) {
		if flows, _ := h.Extent(at, to); at.Before(to) && flows > 0 {
			out = append(out, span{at.UnixNano(), to.UnixNano()})
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
	err := s.each(ctx, p.sections, func(at time.Time, b *rollup.Bucket) {
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
	if err != nil {
		return err
	}
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
