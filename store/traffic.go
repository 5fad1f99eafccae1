// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
)

// Minute is what all own devices carried in one minute, to them and from them.
type Minute struct {
	At                   int64 // Unix minute
	Seconds              int64 // of it that were seen
	BytesIn, PacketsIn   uint64
	BytesOut, PacketsOut uint64
	Flows                uint64 // that were told of in it
}

// SaveTraffic keeps minutes, each in place of what was kept of it, and forgets those
// before the oldest that is wanted.
func (s *Store) SaveTraffic(ctx context.Context, minutes []Minute, oldest int64) error {
	if err := s.saveTraffic(ctx, minutes, oldest); err != nil {
		return fmt.Errorf("save traffic: %w", explain(err, s.path()))
	}
	return nil
}

func (s *Store) saveTraffic(ctx context.Context, minutes []Minute, oldest int64) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	for i := range minutes {
		m := &minutes[i]
		if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO traffic
			(minute, seconds, bytes_in, packets_in, bytes_out, packets_out, flows) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			m.At, m.Seconds, counted(m.BytesIn), counted(m.PacketsIn), counted(m.BytesOut), counted(m.PacketsOut), counted(m.Flows)); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM traffic WHERE minute < ?", oldest); err != nil {
		return err
	}
	return tx.Commit()
}

// Traffic lists the minutes of [from, to) that were kept, oldest first.
func (s *Store) Traffic(ctx context.Context, from, to int64) ([]Minute, error) {
	all, err := query(ctx, s, func(r *sql.Rows) (m Minute, err error) {
		return m, r.Scan(&m.At, &m.Seconds, &m.BytesIn, &m.PacketsIn, &m.BytesOut, &m.PacketsOut, &m.Flows)
	}, `SELECT minute, seconds, bytes_in, packets_in, bytes_out, packets_out, flows
		FROM traffic WHERE minute >= ? AND minute < ? ORDER BY minute`, from, to)
	if err != nil {
		return nil, fmt.Errorf("read traffic: %w", explain(err, s.path()))
	}
	return all, nil
}

// counted is a count that SQLite can hold: exporters may claim any number.
func counted(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
