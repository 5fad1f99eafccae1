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
)

// Page asks for single flows, newest first.
type Page struct {
	From, To time.Time
	Filter   *query.Filter
	Limit    int
	Cursor   string // of the page before
}

// Flows is a page of them.
type Flows struct {
	Flows   []query.Flow
	Next    string // "" on the last page
	Partial string // what is missing, "" when nothing is
}

// found is a flow and its place in the order of all flows.
type found struct {
	at   position
	flow query.Flow
}

// List lists flows by the time they were reported, newest first.
func (a *Asker) List(ctx context.Context, p *Page) (*Flows, error) {
	after, err := parseCursor(p.Cursor)
	if err != nil {
		return nil, err
	}
	limited, leave, err := a.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	to := p.To
	if after != nil {
		to = time.Unix(0, after.received+1)
	}
	from, err := a.history.Segments(p.From, to)
	if err != nil {
		return nil, describe(err)
	}
	lists := make([]*lister, a.cfg.Workers)
	for i := range lists {
		lists[i] = &lister{
			scanner: scanner{span: span{p.From.UnixNano(), to.UnixNano()}, matcher: p.Filter.Compile()},
			limit:   p.Limit + 1, after: after,
		}
	}
	err = each(limited, from, len(lists), func(worker int, b Block, at place) error { return lists[worker].see(b, at) })
	out := &Flows{Flows: []query.Flow{}}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("the question was given up: %w", context.Cause(ctx))
	case given(err):
		out.Partial = fmt.Sprintf("the time limit of %s was reached; the oldest flows are missing", a.cfg.TimeLimit)
	case err != nil:
		return nil, describe(err)
	}
	var all []found
	for _, l := range lists {
		all = append(all, l.found...)
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

func (l *lister) see(b Block, at place) error {
	// What is older than all that are kept needs no look.
	if len(l.found) == l.limit {
		if _, newest, ok := b.Bounds(Received); ok && int64(newest) < l.found[l.limit-1].at.received {
			return nil
		}
	}
	l.view.reset(b)
	rows, err := l.selected()
	if err != nil || len(rows) == 0 {
		return err
	}
	times, err := l.view.column(Received)
	if err != nil {
		return err
	}
	var best []position
	for _, r := range rows {
		p := position{received: int64(times.Number(r)), place: at, row: int(r)}
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
func (a *Asker) Export(ctx context.Context, p *Page, keep func(*query.Flow) error) (more bool, err error) {
	ctx, leave, err := a.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	from, err := a.history.Segments(p.From, p.To)
	if err != nil {
		return false, describe(err)
	}
	s := &scanner{span: span{p.From.UnixNano(), p.To.UnixNano()}, matcher: p.Filter.Compile()}
	left := p.Limit
	err = each(ctx, from, 1, func(_ int, b Block, _ place) error {
		if left < 0 {
			return nil
		}
		s.view.reset(b)
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
	var n [NumColumns]uint64
	var addr [NumColumns]string
	for c := range NumColumns {
		v, err := w.column(c)
		if err != nil {
			return query.Flow{}, err
		}
		switch c {
		case Src, Dst, Exporter:
			addr[c] = v.Addr(row).String()
		default:
			n[c] = v.Number(row)
		}
	}
	mark, received := flow.Mark(n[Mark]), int64(n[Received])
	f := query.Flow{
		Received: time.Unix(0, received).UTC(),
		Start:    time.Unix(0, received-int64(n[Age])-int64(n[Duration])).UTC(), End: time.Unix(0, received-int64(n[Age])).UTC(),
		Source: addr[Src], Destination: addr[Dst], SourcePort: uint16(n[SrcPort]), DestinationPort: uint16(n[DstPort]),
		Protocol: flow.ProtoName(uint8(n[Proto])), Bytes: n[Bytes], Packets: n[Packets], Sampling: uint32(n[Sampling]),
		Exporter: addr[Exporter], Input: uint32(n[InIf]), Output: uint32(n[OutIf]),
		SourceAS: uint32(n[SrcAS]), DestinationAS: uint32(n[DstAS]), Direction: query.DirectionOf(mark).String(),
	}
	if n[Proto] == flow.ProtoTCP && mark&flow.NoTCPFlags == 0 {
		f.TCPFlags = flow.TCPFlagNames(uint8(n[TCPFlags]))
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
		cmp.Compare(p.block, o.block), cmp.Compare(p.row, o.row))
}
