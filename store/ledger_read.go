// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

// damagedText is the error of a decision of which no line can be read.
const damagedText = "its lines in the ledger are damaged"

// row is a decision as lists find it: what its row says, and what its last line says.
type row struct {
	id, state, incident, target string
	created                     int64
	body                        sql.NullString
}

const rowColumns = "d.id, d.state, d.incident, d.target, d.created, l.body FROM decisions d LEFT JOIN ledger l ON l.seq = d.seq"

func scanRow(r *sql.Rows) (one row, err error) {
	err = r.Scan(&one.id, &one.state, &one.incident, &one.target, &one.created, &one.body)
	return one, err
}

// whole is the decision of a row. When its last line is damaged, the newest that can be
// read counts, with the state that is known; when none can, it is what the row says.
func (l *Ledger) whole(ctx context.Context, r *row) (decision.Decision, error) {
	var d decision.Decision
	if r.body.Valid && json.Unmarshal([]byte(r.body.String), &d) == nil {
		return d, nil
	}
	lines, err := l.lines(ctx, r.id)
	if err != nil {
		return d, err
	}
	for i := range slices.Backward(lines) {
		if lines[i].Decision.Error != damagedText {
			d = lines[i].Decision
			d.State = decision.State(r.state)
			return d, nil
		}
	}
	d = decision.Decision{
		ID: r.id, State: decision.State(r.state), Incident: r.incident, Effect: decision.EffectUnknown, Error: damagedText,
		Created: time.Unix(0, r.created).UTC(), Updated: time.Unix(0, r.created).UTC(),
	}
	if p, err := netip.ParsePrefix(r.target); err == nil {
		d.Target = p
	}
	return d, nil
}

func (l *Ledger) decisions(ctx context.Context, text string, args ...any) ([]decision.Decision, error) {
	found, err := query(ctx, l.s, scanRow, "SELECT "+rowColumns+" "+text, args...)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", explain(err, l.s.path()))
	}
	all := make([]decision.Decision, len(found))
	for i := range found {
		if all[i], err = l.whole(ctx, &found[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Unfinished implements mitigate.Ledger. One of which no line can be read is left out:
// nobody knows what its rule was, and the rule ends by itself.
func (l *Ledger) Unfinished(ctx context.Context) ([]decision.Decision, error) {
	all, err := l.decisions(ctx, "WHERE d.over = 0 ORDER BY d.created, d.id")
	return slices.DeleteFunc(all, func(d decision.Decision) bool { return d.Error == damagedText }), err
}

// Decisions implements mitigate.Reader.
func (l *Ledger) Decisions(ctx context.Context, f *mitigate.ListFilter) (mitigate.Page, error) {
	page := mitigate.Page{}
	where, args := []string{"1"}, []any{}
	if n := len(f.States); n > 0 {
		where = append(where, "d.state IN (?"+strings.Repeat(", ?", n-1)+")")
		for _, s := range f.States {
			args = append(args, string(s))
		}
	}
	if f.Incident != "" {
		where, args = append(where, "d.incident = ?"), append(args, f.Incident)
	}
	if f.Target != "" {
		where, args = append(where, "d.target = ?"), append(args, prefixed(f.Target))
	}
	if f.Cursor != "" {
		created, id, err := mitigate.ParseCursor(f.Cursor)
		if err != nil {
			return page, err
		}
		where = append(where, "(d.created < ? OR d.created = ? AND d.id > ?)")
		args = append(args, created.UnixNano(), created.UnixNano(), id)
	}
	size := f.PageSize()
	var err error
	page.Decisions, err = l.decisions(ctx, "WHERE "+strings.Join(where, " AND ")+" ORDER BY d.created DESC, d.id LIMIT ?", append(args, size+1)...)
	if err == nil && len(page.Decisions) > size { // one more than a page tells that there is more
		page.Decisions = page.Decisions[:size]
		page.Next = mitigate.CursorOf(&page.Decisions[size-1])
	}
	return page, err
}

// prefixed writes an address as the prefix that it is in the ledger.
func prefixed(target string) string {
	if a, err := netip.ParseAddr(target); err == nil {
		return netip.PrefixFrom(a, a.BitLen()).String()
	}
	if p, err := netip.ParsePrefix(target); err == nil {
		return p.String() // written as everybody does
	}
	return target
}

// Decision implements mitigate.Reader. A line that cannot be read is there without what
// it said.
func (l *Ledger) Decision(ctx context.Context, id string) (*decision.Decision, []mitigate.Entry, error) {
	found, err := l.decisions(ctx, "WHERE d.id = ?", id)
	if err != nil {
		return nil, nil, err
	}
	if len(found) == 0 {
		return nil, nil, mitigate.ErrNotFound
	}
	lines, err := l.lines(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	return &found[0], lines, nil
}

// lines are the lines about a decision, oldest first.
func (l *Ledger) lines(ctx context.Context, id string) ([]mitigate.Entry, error) {
	all, err := query(ctx, l.s, func(r *sql.Rows) (e mitigate.Entry, err error) {
		var at int64
		var state, body string
		if err := r.Scan(&e.Seq, &at, &state, &e.By, &e.Text, &body); err != nil {
			return e, err
		}
		e.At = time.Unix(0, at).UTC()
		if json.Unmarshal([]byte(body), &e.Decision) != nil {
			e.Decision = decision.Decision{ID: id, State: decision.State(state), Effect: decision.EffectUnknown, Error: damagedText}
		}
		return e, nil
	}, "SELECT seq, at, state, who, text, body FROM ledger WHERE decision = ? ORDER BY seq", id)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", explain(err, l.s.path()))
	}
	return all, nil
}
