// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"slices"
	"strings"

	"tidewatch/detect"
	"tidewatch/incident"
)

// The ways to a page: indexes of incidents. SQLite knows nothing of how many incidents are
// open or of a kind, and would sort a year of them for one page.
const (
	byDetection = "incidents_by_detection" // all of them in the order of lists: ends when the page is full
	bySubject   = "incidents_by_subject"
	byState     = "incidents_by_state"
	byUpdate    = "incidents_by_update"
	byKind      = "incidents_by_kind" // those of one kind in the order of lists; the next two likewise
	byCategory  = "incidents_by_category"
	bySeverity  = "incidents_by_severity"
)

// few is how many incidents may be sorted for one page.
const few = 2000

// way is the index that leads to the page with least to read.
func (s *Store) way(ctx context.Context, f *incident.Filter) (string, error) {
	switch {
	case f.Subject != "":
		return bySubject, nil
	case len(f.States) > 0 && !slices.ContainsFunc(f.States, func(x incident.State) bool { return !x.Active() }):
		return byState, nil // those that go on are few
	}
	if !f.Since.IsZero() {
		var n int
		err := s.read.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM incidents INDEXED BY "+byUpdate+" WHERE updated >= ? LIMIT ?)",
			f.Since.UnixNano(), few+1).Scan(&n)
		if err != nil {
			return "", err
		}
		if n <= few {
			return byUpdate, nil
		}
	}
	switch {
	case len(f.Kinds) == 1:
		return byKind, nil
	case f.MinSeverity == detect.Critical:
		return bySeverity, nil
	case len(f.Categories) == 1:
		return byCategory, nil
	}
	return byDetection, nil
}

// selection writes a filter as SQL; one row more than a page tells that there is more. The
// page is found first, and then read: what is not on it need not be.
func selection(f *incident.Filter, way string) (query string, args []any, err error) {
	after, begin, err := incident.ParseCursor(f.Cursor)
	if err != nil {
		return "", nil, err
	}
	where := []string{"severity >= ?"}
	if f.MinSeverity == detect.Critical {
		where[0] = "severity = ?" // there is none above
	}
	args = []any{f.MinSeverity.Rank()}
	and := func(text string, values ...any) { where, args = append(where, text), append(args, values...) }
	in := func(column string, n int, value func(int) string) {
		switch n {
		case 0:
			return
		case 1:
			and(column+" = ?", value(0))
			return
		}
		where = append(where, column+" IN (?"+strings.Repeat(", ?", n-1)+")")
		for i := range n {
			args = append(args, value(i))
		}
	}
	in("state", len(f.States), func(i int) string { return string(f.States[i]) })
	in("category", len(f.Categories), func(i int) string { return string(f.Categories[i]) })
	in("kind", len(f.Kinds), func(i int) string { return f.Kinds[i] })
	if f.Subject != "" {
		and("subject = ?", f.Subject)
	}
	if !f.Since.IsZero() {
		and("updated >= ?", f.Since.UnixNano())
	}
	if !f.Until.IsZero() {
		and("detected <= ?", f.Until.UnixNano())
	}
	if !begin { // the first condition is one that an index can begin with
		and("detected <= ? AND (detected < ? OR id > ?)", after.Detected, after.Detected, after.ID)
	}
	if f.Text != "" {
		and("instr(search, ?) > 0", strings.ToLower(f.Text))
	}
	const order = " ORDER BY detected DESC, id"
	query = "SELECT id, body FROM incidents WHERE rowid IN (SELECT rowid FROM incidents INDEXED BY " + way +
		" WHERE " + strings.Join(where, " AND ") + order + " LIMIT ?)" + order
	return query, append(args, f.PageSize()+1), nil
}
