// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tidewatch/query"
	"tidewatch/segment"
)

// run is one question on its way.
type run struct {
	asker   *Asker
	q       *query.Question
	matcher *query.Matcher
	answer  *query.Answer
}

// answerRaw finds the heaviest groups, and their series on the way while there are few
// groups. Of many it looks a second time for the series, so that memory holds those of
// listed groups alone.
func (r *run) answerRaw(ctx context.Context) error {
	if len(r.q.Group) == 0 && r.q.Points > 0 {
		return r.answerSeries(ctx, newTable(0, r.q.By, 1), true)
	}
	scanners := r.scanners(r.counter)
	from, step, points := steps(r.q.From, r.q.To, r.q.Points)
	if points > 0 {
		for _, s := range scanners {
			s.series = newSeries(r.q, 0, from, step, points)
		}
	}
	if err := r.scan(ctx, scanners); err != nil {
		return err
	}
	all := merge(scanners, r.answer)
	if len(r.q.Group) == 0 {
		r.answer.Other = query.Rest{Volume: r.answer.Total, Share: r.share(r.answer.Total)}
		return nil
	}
	slots, other := all.top(r.q.Limit)
	r.list(all, slots, other)
	if points == 0 {
		return nil
	}
	if found := gather(scanners, all, slots); found != nil {
		r.draw([]*series{found}, from, step, points)
		return nil
	}
	return r.answerSeries(ctx, all.freeze(slots), false)
}

// answerSeries adds the series of the groups of a frozen table.
func (r *run) answerSeries(ctx context.Context, frozen *table, total bool) error {
	from, step, points := steps(r.q.From, r.q.To, r.q.Points)
	scanners := r.scanners(frozen.copy)
	all := make([]*series, 0, len(scanners))
	for i := range scanners {
		scanners[i].series = newSeries(r.q, len(frozen.keys), from, step, points)
		all = append(all, scanners[i].series)
	}
	if err := r.scan(ctx, scanners); err != nil {
		return err
	}
	if total {
		merge(scanners, r.answer)
	} else {
		for i := range scanners {
			r.answer.ScannedFlows += scanners[i].scanned
		}
	}
	r.draw(all, from, step, points)
	return nil
}

// counter is a table of one of the workers.
func (r *run) counter() *table {
	t := newTable(len(r.q.Group), r.q.By, r.asker.cfg.MaxGroups/r.asker.cfg.Workers)
	t.sifted = len(r.q.Group) == 1
	return t
}

func (r *run) scanners(make1 func() *table) []*scanner {
	out := make([]*scanner, r.asker.cfg.Workers)
	for i := range out {
		out[i] = &scanner{
			span: span{r.q.From.UnixNano(), r.q.To.UnixNano()}, group: r.q.Group, matcher: r.matcher, table: make1(),
		}
	}
	return out
}

// scan looks at all row groups of the span asked for.
func (r *run) scan(ctx context.Context, scanners []*scanner) error {
	return r.scanSpan(ctx, span{r.q.From.UnixNano(), r.q.To.UnixNano()}, scanners)
}

// scanSpan looks at all row groups of a span. Running out of time makes the answer
// partial.
func (r *run) scanSpan(ctx context.Context, of span, scanners []*scanner) error {
	from, err := r.asker.history.Segments(time.Unix(0, of.from), time.Unix(0, of.to))
	if err != nil {
		return describe(err)
	}
	shut, err := open(scanners...)
	if err != nil {
		return err
	}
	defer shut()
	unreadable, err := each(ctx, from, len(scanners), func(worker int, g *segment.Group, _ place) error {
		scanners[worker].see(g)
		return nil
	})
	for _, s := range scanners {
		if s.damaged > 0 || unreadable > 0 {
			r.partial(query.ErrDamaged.Error())
		}
	}
	switch {
	case err == nil:
		return nil
	case given(err):
		r.partial(fmt.Sprintf("the time limit of %s was reached; the oldest flows are missing", r.asker.cfg.TimeLimit))
		return nil
	}
	return describe(err)
}

// partial notes a reason, once.
func (r *run) partial(reason string) {
	a := r.answer
	switch a.Partial = true; {
	case a.Reason == "":
		a.Reason = reason
	case !strings.Contains(a.Reason, reason):
		a.Reason += "; " + reason
	}
}

// merge sums up what the workers counted.
func merge(scanners []*scanner, answer *query.Answer) *table {
	all := scanners[0].table
	for i, s := range scanners {
		s.table.settle()
		answer.Total.Add(s.total)
		answer.ScannedFlows += s.scanned
		if i > 0 {
			all.add(s.table)
		}
	}
	return all
}

// list writes groups into the answer.
func (r *run) list(t *table, slots []uint32, other query.Volume) {
	for _, s := range slots {
		values := t.named(t.keys[s])
		g := query.Group{Key: make([]string, len(r.q.Group)), Volume: t.volume[s]}
		for i, d := range r.q.Group {
			g.Key[i] = nameOf(d, &values[i])
		}
		g.Share = r.share(g.Volume)
		r.answer.Groups = append(r.answer.Groups, g)
	}
	r.answer.Other = query.Rest{Volume: other, Share: r.share(other)}
	if lost := t.lost.Of(r.q.By); lost > 0 {
		r.partial(fmt.Sprintf("there are more than %d groups; the lightest were left to the others, and a figure may be too low by up to %d %s",
			t.limit, lost, r.q.By))
	}
}

func (r *run) share(v query.Volume) float64 {
	if total := r.answer.Total.Of(r.q.By); total > 0 {
		return float64(v.Of(r.q.By)) / float64(total)
	}
	return 0
}

// draw writes the series into the answer. Without groups the others are everything.
func (r *run) draw(all []*series, from time.Time, step time.Duration, points int) {
	sum := all[0]
	for _, s := range all[1:] {
		for i, n := range s.groups {
			sum.groups[i] += n
		}
		for i, n := range s.everyone {
			sum.everyone[i] += n
		}
	}
	a := r.answer
	a.StepSeconds = int64(step / time.Second)
	for i := range points {
		a.Times = append(a.Times, from.Add(time.Duration(i)*step))
	}
	if len(r.q.Group) == 0 {
		a.Other = query.Rest{Volume: a.Total, Share: r.share(a.Total), Series: sum.everyone}
		return
	}
	for i := range a.Groups {
		a.Groups[i].Series = sum.groups[i*points : (i+1)*points]
		for k, n := range a.Groups[i].Series {
			sum.everyone[k] -= min(n, sum.everyone[k])
		}
	}
	a.Other.Series = sum.everyone
}

// steps divides a span into at most n steps of a length that people like, aligned to
// it; none for 0.
func steps(from, to time.Time, n int) (first time.Time, step time.Duration, points int) {
	const day = 24 * time.Hour
	switch n {
	case 0:
		return from, 0, 0
	case 1:
		return from, (to.Sub(from) + time.Second - 1).Truncate(time.Second), 1
	}
	nice := []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day,
	}
	count := func(step time.Duration) int {
		first = from.Truncate(step)
		return int((to.Sub(first) + step - 1) / step)
	}
	for _, step = range nice {
		if points = count(step); points <= n {
			return first, step, points
		}
	}
	for step = 2 * day; ; step += day {
		if points = count(step); points <= n {
			return first, step, points
		}
	}
}
