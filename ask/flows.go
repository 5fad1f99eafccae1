// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tidewatch/flow"
	"tidewatch/query"
	"tidewatch/segment"
)

// found is a flow and its place in the order of all flows.
type found struct {
	at   position
	flow query.Flow
}

// List lists flows by the time they were reported, newest first.
func (a *Asker) List(ctx context.Context, p *query.Selection) (*query.Page, error) {
	began := time.Now()
	page, err := a.list(ctx, p)
	a.metrics.count(ctx, "", page != nil && page.Partial, began, err)
	return page, err
}

func (a *Asker) list(ctx context.Context, p *query.Selection) (*query.Page, error) {
	after, err := parseCursor(p.Cursor)
	if err != nil {
		return nil, err
	}
	limited, leave, err := enter(ctx, a.places, a.cfg.TimeLimit)
	if err != nil {
		return nil, err
	}
	defer leave()
	to := p.To
	if after != nil { // it may be of a page of another question, which went on for longer
		if at := time.Unix(0, after.received+1); at.Before(to) {
			to = at
		}
	}
	from, err := a.history.Segments(p.From, to)
	if err != nil {
		return nil, describe(err)
	}
	lists, scanners := make([]*lister, a.cfg.Workers), make([]*scanner, a.cfg.Workers)
	for i := range lists {
		lists[i] = &lister{
			scanner: scanner{span: span{p.From.UnixNano(), to.UnixNano()}, matcher: p.Filter.Compile()},
			limit:   p.Limit + 1, after: after,
		}
		scanners[i] = &lists[i].scanner
	}
	shut, err := open(scanners...)
	if err != nil {
		return nil, err
	}
	defer shut()
	out := &query.Page{Flows: []query.Flow{}}
	unreadable, err := each(limited, from, len(lists), func(worker int, g *segment.Group, at place) error { return lists[worker].see(g, at) })
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("the question was given up: %w", context.Cause(ctx))
	case given(err):
		out.Partial, out.Reason = true, fmt.Sprintf("the time limit of %s was reached; the oldest flows are missing", a.cfg.TimeLimit)
	case err != nil:
		return nil, describe(err)
	}
	var all []found
	for _, l := range lists {
		all = append(all, l.found...)
		if l.damaged+uint64(unreadable) > 0 && !out.Partial {
			out.Partial, out.Reason = true, damaged
		}
	}
	slices.SortFunc(all, func(x, y found) int { return y.at.compare(&x.at) })
	for i := range all[:min(p.Limit, len(all))] {
		out.Flows = append(out.Flows, all[i].flow)
	}
	if len(all) > p.Limit {
		out.Next = all[p.Limit-1].at.cursor()
	}
	return out, nil
}

// lister keeps the newest flows that match.
type lister struct {
	scanner

	limit int
	after *position
	found []found
}

// see leaves damaged row groups out.
func (l *lister) see(g *segment.Group, at place) error {
	before := len(l.found)
	if err := l.look(g, at); err != nil {
		l.found = l.found[:before]
		l.damaged += uint64(g.Rows())
	}
	return nil
}

func (l *lister) look(g *segment.Group, at place) error {
	// What is older than all that are kept needs no look.
	if len(l.found) == l.limit {
		if _, newest, ok := g.Wide(segment.Received); ok && newest < l.found[l.limit-1].at.received {
			return nil
		}
	}
	l.view.reset(g)
	rows, err := l.selected()
	if err != nil || len(rows) == 0 {
		return err
	}
	times, err := l.view.column(segment.Received)
	if err != nil {
		return err
	}
	var best []position
	for _, r := range rows {
		p := position{received: times.wide[r], place: at, row: int(r)}
		if l.after != nil && p.compare(l.after) >= 0 || len(l.found) == l.limit && p.compare(&l.found[l.limit-1].at) < 0 {
			continue
		}
		best = append(best, p)
	}
	slices.SortFunc(best, func(x, y position) int { return y.compare(&x) })
	for _, p := range best[:min(l.limit, len(best))] {
		f, err := l.view.flow(uint32(p.row))
		if err != nil {
			return err
		}
		l.found = append(l.found, found{p, f})
	}
	slices.SortFunc(l.found, func(x, y found) int { return y.at.compare(&x.at) })
	l.found = l.found[:min(l.limit, len(l.found))]
	return nil
}

// Export hands out flows, roughly newest first, until there are max or keep says no. It
// reports whether there were more.
func (a *Asker) Export(ctx context.Context, p *query.Selection, keep func(*query.Flow) error) (more bool, err error) {
	ctx, leave, err := enter(ctx, a.exports, exportLimit)
	if err != nil {
		return false, err
	}
	defer leave()
	from, err := a.history.Segments(p.From, p.To)
	if err != nil {
		return false, describe(err)
	}
	s := &scanner{span: span{p.From.UnixNano(), p.To.UnixNano()}, matcher: p.Filter.Compile()}
	shut, err := open(s)
	if err != nil {
		return false, err
	}
	defer shut()
	left := p.Limit
	_, err = each(ctx, from, 1, func(_ int, g *segment.Group, _ place) error {
		if left < 0 {
			return nil
		}
		s.view.reset(g)
		rows, err := s.selected()
		if err != nil {
			return err
		}
		for i := range slices.Backward(rows) {
			if left--; left < 0 {
				return errEnough
			}
			f, err := s.view.flow(rows[i])
			if err != nil {
				return err
			}
			if err := keep(&f); err != nil {
				return err
			}
		}
		return nil
	})
	if err == errEnough { //nolint:errorlint // it is wrapped nowhere
		return true, nil
	}
	return false, err
}

// flow reads one row.
func (w *view) flow(row uint32) (query.Flow, error) {
	var n [segment.NumColumns]uint64
	var addr [segment.NumColumns]string
	for c := range segment.NumColumns {
		v, err := w.column(c)
		if err != nil {
			return query.Flow{}, err
		}
		switch c {
		case segment.Src, segment.Dst, segment.Exporter:
			addr[c] = v.addr(row).String()
		default:
			n[c] = v.number(row)
		}
	}
	mark, received := flow.Mark(n[segment.Mark]), int64(n[segment.Received])
	f := query.Flow{
		Received: time.Unix(0, received).UTC(),
		Start:    time.Unix(0, received-int64(n[segment.Age])-int64(n[segment.Duration])).UTC(), End: time.Unix(0, received-int64(n[segment.Age])).UTC(),
		Source: addr[segment.Src], Destination: addr[segment.Dst], SourcePort: uint16(n[segment.SrcPort]), DestinationPort: uint16(n[segment.DstPort]),
		Protocol: flow.ProtoName(uint8(n[segment.Proto])), Bytes: n[segment.Bytes], Packets: n[segment.Packets], Sampling: uint32(n[segment.Sampling]),
		Exporter: addr[segment.Exporter], Input: uint32(n[segment.InIf]), Output: uint32(n[segment.OutIf]),
		SourceAS: uint32(n[segment.SrcAS]), DestinationAS: uint32(n[segment.DstAS]), Direction: query.DirectionOf(mark).String(),
	}
	if n[segment.Proto] == flow.ProtoTCP && mark&flow.NoTCPFlags == 0 {
		f.TCPFlags = flow.TCPFlagNames(uint8(n[segment.TCPFlags]))
	}
	return f, nil
}

// position orders flows: by when they were reported, then by where they lie.
type position struct {
	received int64
	place
	row int
}

func (p *position) compare(o *position) int {
	return cmp.Or(cmp.Compare(p.received, o.received), cmp.Compare(p.segment, o.segment),
		cmp.Compare(p.group, o.group), cmp.Compare(p.row, o.row))
}
