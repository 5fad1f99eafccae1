// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"time"

	"tidewatch/exclude"
	"tidewatch/feedback"
	"tidewatch/incident"
	"tidewatch/schedule"
)

// keepAudit is how many lines of the audit are kept, about 200 bytes each.
const keepAudit = 100_000

// Audit is one line about what a person did.
type Audit struct {
	Seq    int64     // its place in the order of all; given by the store
	At     time.Time // by the clock
	Who    string
	What   string // such as incident.close, feedback.undo, baseline.freeze
	Target string // id of the incident or verdict, version, or address
	Detail string // verdict and note
}

// Change is one decision with all that it changes.
type Change struct {
	Audit    Audit
	Incident *incident.Incident // as it is now; nil: none changed
	Original *incident.Incident // of a duplicate, likewise
	Verdict  *feedback.Entry    // to keep, in place of the one with its id; nil: none
	Forget   string             // id of a verdict to take back; empty: none
	MaxKept  int                // verdicts kept, the oldest beyond are forgotten; 0: all
	Event    *schedule.Plan     // to add; nil: none
	Cancel   string             // id of an event to take away; empty: none
	Over     []string           // ids of events that are over for long and give way
	Exclude  *exclude.Entry     // to add; nil: none
	Include  string             // id of an exclusion to take away; empty: none
	Lapsed   []string           // ids of exclusions that are over for long and give way
}

// Record writes a decision and its line in the audit in one transaction: when it
// returns nil both are on the disk, else neither is. The error is, or wraps,
// feedback.ErrNotFound when the verdict to forget is not there, and
// schedule.ErrNotFound or exclude.ErrNotFound when the event to cancel or the
// exclusion to take away is not.
func (s *Store) Record(ctx context.Context, c *Change) error {
	if err := s.record(ctx, c); err != nil {
		return fmt.Errorf("save a decision: %w", explain(err, s.path()))
	}
	return nil
}

func (s *Store) record(ctx context.Context, c *Change) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := writeAudit(ctx, tx, &c.Audit); err != nil {
		return err
	}
	t := s.telling(tx)
	for _, changed := range []*incident.Incident{c.Incident, c.Original} {
		if changed == nil {
			continue
		}
		if err := upsert(ctx, tx, changed); err != nil {
			return err
		}
		if err := t.take(ctx, lastEvent(changed), changed); err != nil {
			return err
		}
	}
	if c.Forget != "" {
		if err := deleteAdded(ctx, tx, "feedback", c.Forget, feedback.ErrNotFound); err != nil {
			return err
		}
	}
	if err := keep(ctx, tx, c.Verdict, c.MaxKept); err != nil {
		return err
	}
	if err := plan(ctx, tx, c); err != nil {
		return err
	}
	if err := except(ctx, tx, c); err != nil {
		return err
	}
	if err := t.bound(ctx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	t.done()
	return nil
}

// writeAudit adds a line, and forgets the one that is too old then.
func writeAudit(ctx context.Context, tx *sql.Tx, a *Audit) error {
	line, err := tx.ExecContext(ctx, "INSERT INTO audit (at, who, what, target, detail) VALUES (?, ?, ?, ?, ?)",
		a.At.UnixNano(), a.Who, a.What, a.Target, a.Detail)
	if err != nil {
		return err
	}
	seq, err := line.LastInsertId()
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM audit WHERE seq <= ?", seq-keepAudit)
	return err
}

// lastEvent is what a decision did to an incident.
func lastEvent(inc *incident.Incident) incident.EventType {
	if n := len(inc.Timeline); n > 0 {
		return inc.Timeline[n-1].Event
	}
	return incident.Updated
}

func keep(ctx context.Context, tx *sql.Tx, v *feedback.Entry, limit int) error {
	if v == nil {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO feedback
		(id, incident, subject, kind, verdict, who, note, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		v.ID, v.Incident, v.Subject, v.Kind, string(v.Verdict), v.By, v.Note, v.At.UnixNano()); err != nil {
		return err
	}
	if limit < 1 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM feedback WHERE id IN
		(SELECT id FROM feedback ORDER BY at DESC, id LIMIT -1 OFFSET ?)`, limit)
	return err
}

// Verdicts returns the newest verdicts, at most limit, oldest first.
func (s *Store) Verdicts(ctx context.Context, limit int) ([]feedback.Entry, error) {
	all, err := query(ctx, s, func(r *sql.Rows) (e feedback.Entry, err error) {
		var at int64
		err = r.Scan(&e.ID, &e.Incident, &e.Subject, &e.Kind, &e.Verdict, &e.By, &e.Note, &at)
		e.At = time.Unix(0, at).UTC()
		return e, err
	}, "SELECT id, incident, subject, kind, verdict, who, note, at FROM feedback ORDER BY at DESC, id LIMIT ?", limit)
	if err != nil {
		return nil, fmt.Errorf("read verdicts: %w", explain(err, s.path()))
	}
	slices.Reverse(all)
	return all, nil
}

// Audits returns the newest lines of the audit, newest first; of those before a
// Seq, when that is not 0.
func (s *Store) Audits(ctx context.Context, before int64, limit int) ([]Audit, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	all, err := query(ctx, s, func(r *sql.Rows) (a Audit, err error) {
		var at int64
		err = r.Scan(&a.Seq, &at, &a.Who, &a.What, &a.Target, &a.Detail)
		a.At = time.Unix(0, at).UTC()
		return a, err
	}, "SELECT seq, at, who, what, target, detail FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?", before, limit)
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", explain(err, s.path()))
	}
	return all, nil
}

func query[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	rows, err := s.read.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // reading is over; rows.Err told of failures
	all := []T{}
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
