// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"slices"
	"time"

	"tidewatch/flow"
	"tidewatch/query"
	"tidewatch/rollup"
)

// quick is how many flows are read rather than estimated from roll-ups: some 0.2 s.
const quick = 4_000_000

// plan is how roll-ups answer a question.
type plan struct {
	shelf    *rollup.Shelf
	sections []query.Dimension       // that are added up
	key      func(k *flow.Addr) bool // nil: every value counts
	many     bool                    // key may pass several values: some may have no name
	unnamed  query.Volume            // then: what might pass of what has none
	ends     []query.Dimension       // instead of sections when the address asked for is no device
	total    []query.Dimension       // sections that give the total, when it is not that of sections
	minutes  *rollup.Shelf           // for what is missing in hours; may be nil
	from, to time.Time               // whole buckets
	step     time.Duration
	points   int
	first    time.Time
}

// answerIt chooses the source.
func (r *run) answerIt(ctx context.Context) error {
	if r.q.Source == query.Raw {
		return r.answerRaw(ctx)
	}
	p := r.plan()
	forced := r.q.Source == query.Rollup
	switch {
	case p == nil && forced:
		return query.ErrNoRollup
	case p == nil:
		return r.answerRaw(ctx)
	}
	flows, oldest := r.asker.history.Extent(r.q.From, r.q.To)
	if !forced && flows <= quick && !oldest.After(r.q.From) {
		return r.answerRaw(ctx)
	}
	units, err := p.units(r.asker.shelves.Hours)
	if err != nil {
		return err
	}
	if len(units) == 0 && !forced {
		return r.answerRaw(ctx)
	}
	return r.answerRolled(ctx, p, units)
}

// plan is nil when roll-ups cannot answer.
func (r *run) plan() *plan {
	p := &plan{minutes: r.asker.shelves.Minutes}
	if !p.choose(r.q, r.matcher) {
		return nil
	}
	if p.shelf = r.shelf(); p.shelf == nil {
		return nil
	}
	grain := p.shelf.Grain()
	p.from, p.to = r.q.From.Truncate(grain.Bucket), r.q.To.Add(grain.Bucket-1).Truncate(grain.Bucket)
	if r.q.Points > 0 {
		p.first, p.step, p.points = steps(p.from, p.to, r.q.Points)
		if p.step < grain.Bucket || p.step%grain.Bucket != 0 {
			p.step = (p.step + grain.Bucket - 1).Truncate(grain.Bucket)
			p.first = p.from
			p.points = int((p.to.Sub(p.first) + p.step - 1) / p.step)
		}
	}
	return p
}

// unit is a file of roll-ups.
type unit struct {
	shelf *rollup.Shelf
	from  time.Time
}

func (u *unit) to() time.Time { return u.from.Add(u.shelf.Grain().Unit) }

// units lists the files that answer, oldest first. An hour that lies in the span whole is
// taken from the hours where the steps allow it: that is a sixtieth to read, and more of
// the values have a name. Where an hour is missing its minutes stand in for it.
func (p *plan) units(hours *rollup.Shelf) (out []unit, err error) {
	whole := map[time.Time]bool{}
	list := func(s *rollup.Shelf, from, to time.Time) {
		all, failed := s.Units(from, to)
		err = errors.Join(err, failed)
		for _, at := range all {
			if !whole[at.Truncate(time.Hour)] {
				out = append(out, unit{s, at})
			}
		}
	}
	if hours != nil && (hours == p.shelf || p.points <= 1 || p.step%time.Hour == 0 && p.first.Equal(p.first.Truncate(time.Hour))) {
		from, to := p.from.Add(time.Hour-1).Truncate(time.Hour), p.to.Truncate(time.Hour)
		if from.Before(to) {
			list(hours, from, to)
		}
		for i := range out {
			whole[out[i].from] = true
		}
	}
	if p.minutes != nil {
		list(p.minutes, p.from, p.to)
	}
	if err != nil {
		return nil, describe(err)
	}
	slices.SortFunc(out, func(a, b unit) int { return a.from.Compare(b.from) })
	return out, nil
}

// finer are the units that may stand in for one, oldest first.
func (p *plan) finer(u unit) (out []unit) {
	if p.minutes == nil || u.shelf == p.minutes {
		return nil
	}
	all, err := p.minutes.Units(u.from, u.to())
	if err != nil {
		return nil // nothing stands in for it, which is told
	}
	for _, at := range all {
		out = append(out, unit{p.minutes, at})
	}
	return out
}

// choose finds the sections that hold what is asked.
func (p *plan) choose(q *query.Question, m *query.Matcher) bool {
	if len(q.Group) > 1 {
		return false
	}
	if a, one := q.Filter.Host(); one && len(q.Group) == 0 {
		// Of own addresses all are kept. Of others the heaviest alone, by the end
		// of the flow; what one of them would send to itself counts twice.
		p.sections, p.ends = []query.Dimension{rollup.DeviceIn, rollup.DeviceOut}, []query.Dimension{query.Src, query.Dst}
		packed := flow.AddrFrom(a)
		if packed.IsZero() { // which stands for no device there
			p.sections, p.ends = p.ends, nil
		}
		p.key = func(k *flow.Addr) bool { return *k == packed }
		return true
	}
	if len(q.Group) == 0 {
		p.sections = []query.Dimension{rollup.Direction}
	} else {
		p.sections, p.total = []query.Dimension{q.Group[0]}, []query.Dimension{rollup.Direction}
		if q.Group[0] == query.Device {
			p.sections = []query.Dimension{rollup.DeviceIn, rollup.DeviceOut}
		}
	}
	if m.All() {
		return true
	}
	d, one := onlyDimension(m)
	if !one || len(q.Group) == 1 && q.Group[0] != d {
		return false
	}
	p.sections, p.total, p.key, p.many = []query.Dimension{d}, nil, keyTest(m), !q.Filter.One()
	return true
}

// onlyDimension is what a filter looks at when that is one dimension.
func onlyDimension(m *query.Matcher) (d query.Dimension, one bool) {
	of := [query.NumColumns]query.Dimension{
		query.ColSrc: query.Src, query.ColDst: query.Dst, query.ColSrcPort: query.SrcPort, query.ColDstPort: query.DstPort,
		query.ColProto: query.Proto, query.ColTCPFlags: query.TCPFlags, query.ColExporter: query.Exporter, query.ColInIf: query.Input,
		query.ColOutIf: query.Output, query.ColSrcAS: query.SrcAS, query.ColDstAS: query.DstAS, query.ColDirection: rollup.Direction,
	}
	for c := range query.NumColumns {
		if !m.Columns().Has(c) {
			continue
		}
		if one || of[c] == "" {
			return "", false
		}
		d, one = of[c], true
	}
	return d, one
}

// keyTest asks the filter about values of its only dimension.
func keyTest(m *query.Matcher) func(*flow.Addr) bool {
	scratch, out := &query.Scratch{}, make([]uint64, 1)
	return func(k *flow.Addr) bool {
		_ = m.Match((*keyRow)(k), 1, out, scratch) // a keyRow never fails
		return out[0] == 1
	}
}

// keyRow is one value as the only row.
type keyRow flow.Addr

// Test asks about the value, whatever the column: there is one.
func (k *keyRow) Test(t *query.Test, out []uint64) error {
	out[0] = 0
	var pass bool
	switch t.Column {
	case query.ColSrc, query.ColDst, query.ColExporter:
		pass = t.Addr((*flow.Addr)(k))
	default:
		pass = t.Value(uint64(unpackNumber((*flow.Addr)(k))))
	}
	if pass {
		out[0] = 1
	}
	return nil
}

// shelf is the coarsest that still shows the steps asked for: hours from two days on.
// Where that has nothing, the other one is taken.
func (r *run) shelf() *rollup.Shelf {
	minutes, hours := r.asker.shelves.Minutes, r.asker.shelves.Hours
	long := r.q.To.Sub(r.q.From) >= 48*time.Hour
	if long && r.q.Points > 0 && r.q.To.Sub(r.q.From) <= 7*24*time.Hour {
		_, step, _ := steps(r.q.From, r.q.To, r.q.Points)
		long = step >= time.Hour
	}
	first, second := minutes, hours
	if long {
		first, second = hours, minutes
	}
	if first == nil {
		return second
	}
	if second != nil && !reaches(first, r.q.From, r.q.To) && reaches(second, r.q.From, r.q.To) {
		return second
	}
	return first
}

// reaches reports whether a shelf has something of the first half of a span.
func reaches(s *rollup.Shelf, from, to time.Time) bool {
	units, err := s.Units(from, from.Add(to.Sub(from)/2))
	return err == nil && len(units) > 0
}
