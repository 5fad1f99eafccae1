// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"tidewatch/incident"
)

// searchText is what a text is looked for in.
func searchText(inc *incident.Incident) string {
	return strings.ToLower(inc.ID + "\n" + inc.Subject + "\n" + inc.Headline())
}

// fillEvery is how many rows are filled in one transaction.
const fillEvery = 1000

// fill completes rows that an earlier version wrote: once, about ten seconds for 100 000.
func fill(ctx context.Context, db *sql.DB) error {
	for {
		n, err := fillSome(ctx, db)
		if err != nil {
			return fmt.Errorf("complete incidents of an earlier version: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}

func fillSome(ctx context.Context, db *sql.DB) (n int, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	rows, err := tx.QueryContext(ctx, "SELECT id, body FROM incidents WHERE search = '' LIMIT ?", fillEvery)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }() // reading is over; rows.Err told of failures
	var all []*incident.Incident
	for rows.Next() {
		var id, body string
		if err := rows.Scan(&id, &body); err != nil {
			return 0, err
		}
		inc, err := decode(id, body)
		if err != nil { // it cannot be shown either, but must not keep the program from starting
			inc = &incident.Incident{ID: id}
		}
		all = append(all, inc)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	for _, inc := range all {
		if _, err := tx.ExecContext(ctx, "UPDATE incidents SET kind = ?, search = ? WHERE id = ?", inc.Kind, searchText(inc), inc.ID); err != nil {
			return 0, err
		}
	}
	return len(all), tx.Commit()
}
