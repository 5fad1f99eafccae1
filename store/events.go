// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"tidewatch/schedule"
)

// Events returns the scheduled events that people added, oldest first.
func (s *Store) Events(ctx context.Context) ([]schedule.Plan, error) {
	all, err := query(ctx, s, func(r *sql.Rows) (p schedule.Plan, err error) {
		var id, body string
		if err := r.Scan(&id, &body); err != nil {
			return p, err
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			return p, fmt.Errorf("read event %s: %w", id, err)
		}
		return p, nil
	}, "SELECT id, body FROM events ORDER BY at, id")
	if err != nil {
		return nil, fmt.Errorf("read events: %w", explain(err, s.path()))
	}
	return all, nil
}

// plan adds an event, takes one away, and forgets those that are over for long.
func plan(ctx context.Context, tx *sql.Tx, c *Change) error {
	if c.Event != nil {
		body, err := json.Marshal(c.Event)
		if err != nil {
			return fmt.Errorf("write event %s as JSON: %w", c.Event.ID, err)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO events (id, at, body) VALUES (?, ?, ?)",
			c.Event.ID, c.Event.Added.UnixNano(), string(body)); err != nil {
			return err
		}
	}
	if c.Cancel != "" {
		gone, err := tx.ExecContext(ctx, "DELETE FROM events WHERE id = ?", c.Cancel)
		if err != nil {
			return err
		}
		if n, err := gone.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, schedule.ErrNotFound)
		}
	}
	return forget(ctx, tx, c.Over)
}

func forget(ctx context.Context, tx *sql.Tx, ids []string) error {
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, "DELETE FROM events WHERE id = ?", id); err != nil {
			return err
		}
	}
	return nil
}

// ForgetEvents forgets events that are over for long. It is nobody's decision, so
// the audit does not tell of it.
func (s *Store) ForgetEvents(ctx context.Context, ids []string) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err == nil {
		defer func() { _ = tx.Rollback() }() // does nothing after a commit
		if err = forget(ctx, tx, ids); err == nil {
			err = tx.Commit()
		}
	}
	if err != nil {
		return fmt.Errorf("forget events: %w", explain(err, s.path()))
	}
	return nil
}
