// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// What people add is kept as JSON, a table for each sort: events and exclusions.

// added is one row.
type added struct {
	id   string
	at   time.Time // by the clock
	what any
}

// listAdded returns all rows of a table, oldest first.
func listAdded[T any](ctx context.Context, s *Store, table string) ([]T, error) {
	all, err := query(ctx, s, func(r *sql.Rows) (v T, err error) {
		var id, body string
		if err := r.Scan(&id, &body); err != nil {
			return v, err
		}
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			return v, fmt.Errorf("read %s of %s: %w", id, table, err)
		}
		return v, nil
	}, "SELECT id, body FROM "+table+" ORDER BY at, id")
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, explain(err, s.path()))
	}
	return all, nil
}

// insertAdded adds a row.
func insertAdded(ctx context.Context, tx *sql.Tx, table string, a added) error {
	body, err := json.Marshal(a.what)
	if err != nil {
		return fmt.Errorf("write %s as JSON: %w", a.id, err)
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO "+table+" (id, at, body) VALUES (?, ?, ?)", a.id, a.at.UnixNano(), string(body)) //nolint:gosec // a table of ours
	return err
}

// deleteAdded takes a row away; missing is the error when there is none.
func deleteAdded(ctx context.Context, tx *sql.Tx, table, id string, missing error) error {
	gone, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE id = ?", id) //nolint:gosec // a table of ours
	if err != nil {
		return err
	}
	if n, err := gone.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, missing)
	}
	return nil
}

// forgetAdded takes rows away that may be gone already.
func forgetAdded(ctx context.Context, tx *sql.Tx, table string, ids []string) error {
	for _, id := range ids {
		if err := deleteAdded(ctx, tx, table, id, nil); err != nil {
			return err
		}
	}
	return nil
}
