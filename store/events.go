// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"

	"tidewatch/schedule"
)

const events = "events"

// Events returns the scheduled events that people added, oldest first.
func (s *Store) Events(ctx context.Context) ([]schedule.Plan, error) {
	return listAdded[schedule.Plan](ctx, s, events)
}

// plan adds an event, takes one away, and forgets those that are over for long.
func plan(ctx context.Context, tx *sql.Tx, c *Change) error {
	if c.Event != nil {
		if err := insertAdded(ctx, tx, events, added{c.Event.ID, c.Event.Added, c.Event}); err != nil {
			return err
		}
	}
	if c.Cancel != "" {
		if err := deleteAdded(ctx, tx, events, c.Cancel, schedule.ErrNotFound); err != nil {
			return err
		}
	}
	return forgetAdded(ctx, tx, events, c.Over)
}

// ForgetEvents forgets events that are over for long. It is nobody's decision, so
// the audit does not tell of it.
func (s *Store) ForgetEvents(ctx context.Context, ids []string) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err == nil {
		defer func() { _ = tx.Rollback() }() // does nothing after a commit
		if err = forgetAdded(ctx, tx, events, ids); err == nil {
			err = tx.Commit()
		}
	}
	if err != nil {
		return fmt.Errorf("forget events: %w", explain(err, s.path()))
	}
	return nil
}
