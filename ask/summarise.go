// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"fmt"
	"time"

	"tidewatch/query"
	"tidewatch/rollup"
	"tidewatch/segment"
)

// maxKeys bounds the values of one dimension in one bucket while they are added up:
// far more than are kept.
const maxKeys = 32768

// summary adds up one bucket of a roll-up, a table for each section.
type summary struct {
	scanner
	at             place // of the row group in view
	tables         map[query.Dimension]*table
	sent, received []uint32 // rows by the side of the device
}

// Summarise reads the flows of one unit and adds them up. It works bucket by bucket, so
// that its memory does not grow with the unit: the newest first, as segments come, so
// that a row group that reaches into the bucket before is read once.
func Summarise(ctx context.Context, history History, grain rollup.Grain, from time.Time) (*rollup.About, []rollup.Section, error) {
	about := &rollup.About{From: from}
	names := rollup.Sections()
	sections := make([]rollup.Section, 0, len(names))
	for _, d := range names {
		sections = append(sections, rollup.Section{Name: d})
	}
	buckets := int(grain.Unit / grain.Bucket)
	for i := range sections {
		sections[i].Buckets = make([]rollup.Bucket, buckets)
	}
	s := &summary{}
	shut, err := open(&s.scanner)
	if err != nil {
		return nil, nil, err
	}
	defer shut()
	for k := buckets - 1; k >= 0; k-- {
		at := from.Add(time.Duration(k) * grain.Bucket)
		s.begin(span{at.UnixNano(), at.Add(grain.Bucket).UnixNano()})
		if err := s.read(ctx, history); err != nil {
			return nil, nil, fmt.Errorf("make a roll-up of %s: %w", at.Format(time.RFC3339), err)
		}
		about.Flows += s.total.Flows
		about.Damaged = about.Damaged || s.damaged > 0
		for i := range sections {
			keep := grain.Keep
			if d := sections[i].Name; d == rollup.DeviceIn || d == rollup.DeviceOut {
				keep = rollup.MaxDevices
			}
			sections[i].Buckets[k] = s.tables[sections[i].Name].bucket(keep)
		}
	}
	return about, sections, nil
}

// begin empties the tables for the next bucket.
func (s *summary) begin(of span) {
	s.span, s.matcher, s.tables = of, (*query.Filter)(nil).Compile(), map[query.Dimension]*table{}
	s.total, s.damaged = query.Volume{}, 0
	for _, d := range rollup.Sections() {
		limit := maxKeys
		if d == rollup.DeviceIn || d == rollup.DeviceOut {
			limit = 2 * rollup.MaxDevices
		}
		s.tables[d] = newTable(1, query.Bytes, limit)
	}
}

func (s *summary) read(ctx context.Context, history History) error {
	from, err := history.Segments(time.Unix(0, s.span.from), time.Unix(0, s.span.to))
	if err != nil {
		return err
	}
	unreadable, err := each(ctx, from, 1, func(_ int, g *segment.Group, at place) error {
		if err := s.look(g, at); err != nil {
			s.damaged += uint64(g.Rows())
		}
		return nil
	})
	s.damaged += uint64(unreadable)
	return err
}

func (s *summary) look(g *segment.Group, at place) error {
	if s.at != at {
		s.at = at
		s.view.reset(g)
	}
	s.view.group = g // of the file that is open now
	rows, err := s.selected()
	if err != nil || len(rows) == 0 {
		return err
	}
	for c := range segment.NumColumns { // damage is found before anything is counted
		if _, err := s.view.column(c); err != nil {
			return err
		}
	}
	bytes, packets := &s.view.vectors[segment.Bytes], &s.view.vectors[segment.Packets]
	s.total.Add(sum(bytes, packets, rows))
	if s.sided, err = sides(&s.view, rows, s.sided[:0]); err != nil {
		return err
	}
	s.sent, s.received = s.sent[:0], s.received[:0]
	for _, r := range s.sided {
		if r&flip == 0 {
			s.sent = append(s.sent, r)
		} else {
			s.received = append(s.received, r)
		}
	}
	for d, t := range s.tables {
		s.table, s.group = t, []query.Dimension{d}
		some := rows
		switch d {
		case rollup.DeviceIn:
			some, s.group[0] = s.received, query.Device
		case rollup.DeviceOut:
			some, s.group[0] = s.sent, query.Device
		case query.Peer:
			some = s.sided
		default:
		}
		folded, err := s.fold(s.group[0], some)
		if err != nil {
			return err
		}
		if !folded {
			if err := s.place(some); err != nil {
				return err
			}
			s.count(bytes, packets, some)
		}
		t.prune()
	}
	return nil
}

// bucket lists the heaviest values by each measure.
func (t *table) bucket(keep int) (b rollup.Bucket) {
	b.Rest, b.Lost = t.rest, t.lost
	var dropped query.Volume
	kept := t.heaviest(keep)
	for i := range t.volume {
		switch v := t.volume[i]; {
		case v.Flows == 0:
		case len(kept) == 0 || kept[i]:
			b.Rows = append(b.Rows, rollup.Row{Key: t.dims[0].list[t.keys[i][0]], Volume: v})
		default:
			dropped = largest(dropped, v)
			b.Rest.Add(v)
		}
	}
	b.Lost.Add(dropped)
	return b
}

// heaviest marks as many slots as are to be kept by each measure, nil for all.
func (t *table) heaviest(keep int) []bool {
	if len(t.volume) <= keep {
		return nil
	}
	kept := make([]bool, len(t.volume))
	for _, by := range [...]query.Measure{query.Bytes, query.Packets, query.Flows} {
		least, room := t.nthBy(by, keep), keep
		for i := range t.volume {
			if t.volume[i].Of(by) > least {
				kept[i] = true
				room--
			}
		}
		for i := range t.volume { // of those that are just as heavy some
			if room > 0 && t.volume[i].Of(by) == least {
				kept[i] = true
				room--
			}
		}
	}
	return kept
}
