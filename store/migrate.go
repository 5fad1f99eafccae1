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
	errOlder   = errors.New("the database was written by an older tidewatch")
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
	have, steps, err := versions(ctx, db)
	if err != nil {
		return err
	}
	for i := have; i < len(steps); i++ { // fs.Glob sorts by name
		if err := step(ctx, db, i+1, steps[i]); err != nil {
			return fmt.Errorf("migrate to schema %d: %w", i+1, err)
		}
	}
	return nil
}

// versions returns the schema that the database has, and the steps to this program's.
func versions(ctx context.Context, db *sql.DB) (have int, steps []string, err error) {
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM schema_version").Scan(&have); err != nil {
		return 0, nil, fmt.Errorf("read schema version: %w", err)
	}
	if steps, err = fs.Glob(migrations, "migrations/*.sql"); err != nil {
		return 0, nil, fmt.Errorf("list migrations: %w", err)
	}
	if have > len(steps) {
		return 0, nil, fmt.Errorf("%w: its schema is version %d, this program knows %d", errNewer, have, len(steps))
	}
	return have, steps, nil
}

// known checks, without changing anything, that this program can read the database.
func known(ctx context.Context, db *sql.DB) error {
	have, steps, err := versions(ctx, db)
	if err == nil && have < len(steps) {
		return fmt.Errorf("%w: its schema is version %d, this program reads %d", errOlder, have, len(steps))
	}
	return err
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
