// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

var (
	errDamaged = errors.New("the database is damaged")
	errNewer   = errors.New("the database was written by a newer tidewatch")
)

// migrate brings the schema to this program's version, each step in a
// transaction of its own. Steps are only ever added; the file's number is its
// version.
func migrate(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version
		(version INTEGER PRIMARY KEY, applied TEXT NOT NULL DEFAULT (datetime('now'))) STRICT`); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	var have int
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM schema_version").Scan(&have); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return fmt.Errorf("list migrations: %w", err)
	}
	if have > len(steps) {
		return fmt.Errorf("%w: its schema is version %d, this program knows %d", errNewer, have, len(steps))
	}
	for i := have; i < len(steps); i++ { // fs.Glob sorts by name
		if err := step(ctx, db, i+1, steps[i]); err != nil {
			return fmt.Errorf("migrate to schema %d: %w", i+1, err)
		}
	}
	return nil
}

func step(ctx context.Context, db *sql.DB, version int, name string) error {
	text, err := fs.ReadFile(migrations, name)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if _, err := tx.ExecContext(ctx, string(text)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO schema_version (version) VALUES (?)", version); err != nil {
		return err
	}
	return tx.Commit()
}
