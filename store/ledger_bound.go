// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"time"
)

const (
	// linesEach is how many lines a decision may have in the middle: proposed, approved,
	// active, renewed a dozen times, taken back.
	linesEach = 20
	// forgetsAtOnce bounds what one look forgets, some 20 ms: acting waits for it.
	forgetsAtOnce = 200
)

// bound forgets decisions, with all their lines: those that are over and were made longer
// ago than KeepDecisions, and as many of them, the oldest first, as there are more than
// MaxDecisions, or than linesEach times as many lines. What is not over is kept, however old. It looks once in
// pruneEvery lines and at the first. When it fails it is tried again with the next line,
// and the ledger is too long until then: no reason to say that a line was not written.
func (l *Ledger) bound(ctx context.Context, added int) {
	s := l.s
	if s.lines.Add(-int64(added)) > 0 {
		return
	}
	n := 0
	err := l.change(ctx, func(tx *sql.Tx) (err error) {
		n, err = s.forget(ctx, tx, time.Now())
		return err
	})
	if err == nil && n < forgetsAtOnce {
		s.lines.Store(pruneEvery)
	}
}

// forget forgets some decisions and returns how many.
func (s *Store) forget(ctx context.Context, tx *sql.Tx, now time.Time) (n int, err error) {
	var many, long int
	if err := tx.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(lines), 0) FROM decisions").Scan(&many, &long); err != nil {
		return 0, err
	}
	many, long = many-s.cfg.MaxDecisions, long-linesEach*s.cfg.MaxDecisions
	old := now.Add(-s.cfg.KeepDecisions)
	over, err := oldest(ctx, tx)
	if err != nil {
		return 0, err
	}
	for i := range over {
		d := &over[i]
		if many <= 0 && long <= 0 && !d.created.Before(old) {
			break
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM decisions WHERE id = ?", d.id); err != nil {
			return 0, err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM ledger WHERE decision = ?", d.id); err != nil {
			return 0, err
		}
		many, long, n = many-1, long-d.lines, n+1
	}
	return n, nil
}

// ended is a decision that is over.
type ended struct {
	id      string
	lines   int
	created time.Time
}

// oldest returns the oldest decisions that are over, forgetsAtOnce at most.
func oldest(ctx context.Context, tx *sql.Tx) (all []ended, err error) {
	found, err := tx.QueryContext(ctx, "SELECT id, lines, created FROM decisions WHERE over <> 0 ORDER BY created, id DESC LIMIT ?", forgetsAtOnce)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }() // reading is over; Err told of failures
	for found.Next() {
		var d ended
		var created int64
		if err := found.Scan(&d.id, &d.lines, &created); err != nil {
			return nil, err
		}
		d.created = time.Unix(0, created)
		all = append(all, d)
	}
	return all, found.Err()
}
