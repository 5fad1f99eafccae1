// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

var (
	_ mitigate.Ledger = (*Ledger)(nil)
	_ mitigate.Reader = (*Ledger)(nil)
)

// Ledger is what was decided against traffic, in the same database as the incidents.
// The schema itself refuses to change its lines.
type Ledger struct{ s *Store }

// Ledger returns the ledger of decisions.
func (s *Store) Ledger() *Ledger { return &Ledger{s} }

// change runs f in a transaction; when it returns nil, all of it is on the disk.
func (l *Ledger) change(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := l.s.write.BeginTx(ctx, nil)
	if err == nil {
		defer func() { _ = tx.Rollback() }() // does nothing after a commit
		if err = f(tx); err == nil {
			err = tx.Commit()
		}
	}
	if err != nil {
		return fmt.Errorf("write the ledger: %w", explain(err, l.s.path()))
	}
	return nil
}

// Append implements mitigate.Ledger. What a person did has a line in the audit, too.
func (l *Ledger) Append(ctx context.Context, changes []mitigate.Entry) error {
	if len(changes) == 0 {
		return nil
	}
	numbers := make([]int64, len(changes))
	if err := l.change(ctx, func(tx *sql.Tx) (err error) {
		for i := range changes {
			if numbers[i], err = add(ctx, tx, &changes[i]); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for i := range changes {
		changes[i].Seq = numbers[i]
	}
	l.bound(ctx, len(changes))
	return nil
}

// add writes one line and returns its number.
func add(ctx context.Context, tx *sql.Tx, e *mitigate.Entry) (int64, error) {
	d := &e.Decision
	body, err := json.Marshal(d)
	if err != nil {
		return 0, fmt.Errorf("write decision %s as JSON: %w", d.ID, err)
	}
	line, err := tx.ExecContext(ctx, "INSERT INTO ledger (at, decision, state, who, text, body) VALUES (?, ?, ?, ?, ?, ?)",
		e.At.UnixNano(), d.ID, string(d.State), e.By, e.Text, string(body))
	if err != nil {
		return 0, err
	}
	seq, err := line.LastInsertId()
	if err != nil {
		return 0, err
	}
	var lines int
	if err := tx.QueryRowContext(ctx, `INSERT INTO decisions (id, seq, lines, created, state, over, incident, target) VALUES (?, ?, 1, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, lines = lines + 1, state = excluded.state, over = excluded.over,
		incident = excluded.incident, target = excluded.target RETURNING lines`,
		d.ID, seq, d.Created.UnixNano(), string(d.State), d.State.Over(), d.Incident, d.Target.String()).Scan(&lines); err != nil {
		return 0, err
	}
	if e.By == "" {
		return seq, nil
	}
	return seq, writeAudit(ctx, tx, &Audit{
		At: e.At, Who: e.By, What: didWhat(d.State, lines == 1), Target: d.ID,
		Detail: string(d.Action) + " of " + d.Match.String() + ": " + cmp.Or(e.Text, string(d.State)),
	})
}

// didWhat is what a person did, for the audit.
func didWhat(now decision.State, first bool) string {
	switch {
	case first:
		return "mitigation.request"
	case now == decision.Rejected:
		return "mitigation.reject"
	case now.Wanted():
		return "mitigation.approve"
	}
	return "mitigation.withdraw"
}

// Halt implements mitigate.Ledger. The audit tells who pressed and who released.
func (l *Ledger) Halt(ctx context.Context, h *mitigate.Halt) error {
	return l.change(ctx, func(tx *sql.Tx) error {
		if h != nil && h.By != "" {
			a := Audit{At: h.At, Who: h.By, What: "mitigation.panic", Detail: h.Note}
			if h.Released {
				a.What = "mitigation.resume"
			}
			if err := writeAudit(ctx, tx, &a); err != nil {
				return err
			}
		}
		if h == nil || h.Released {
			_, err := tx.ExecContext(ctx, "DELETE FROM halt")
			return err
		}
		body, err := json.Marshal(h)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO halt (one, body) VALUES (1, ?)", string(body))
		return err
	})
}

// Halted implements mitigate.Ledger. A damaged row halts, too: rather nothing is done
// than something that somebody stopped.
func (l *Ledger) Halted(ctx context.Context) (*mitigate.Halt, error) {
	var body string
	err := l.s.read.QueryRowContext(ctx, "SELECT body FROM halt").Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // nothing is halted
	}
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", explain(err, l.s.path()))
	}
	h := &mitigate.Halt{}
	if json.Unmarshal([]byte(body), h) != nil {
		h = &mitigate.Halt{At: time.Unix(0, 0).UTC(), Note: "who did it cannot be read any more"}
	}
	return h, nil
}
