// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
)

// Save writes the latest snapshot of every incident of the events in one
// transaction; when it returns nil they are on the disk.
func (s *Store) Save(ctx context.Context, events []incident.Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := s.save(ctx, events); err != nil {
		return fmt.Errorf("save incidents: %w", explain(err, s.path()))
	}
	return nil
}

func (s *Store) path() string { return filepath.Join(s.cfg.Dir, fileName) }

func (s *Store) save(ctx context.Context, events []incident.Event) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	last := make(map[string]int, len(events))
	for i := range events {
		last[events[i].Incident.ID] = i
	}
	t := s.telling(tx)
	for i := range events {
		inc := &events[i].Incident
		if last[inc.ID] != i {
			continue // a later event of the batch holds more
		}
		if err := upsert(ctx, tx, inc); err != nil {
			return err
		}
		if err := t.take(ctx, events[i].Type, inc); err != nil {
			return err
		}
	}
	if err := t.bound(ctx); err != nil {
		return err
	}
	if s.saves++; s.saves%pruneEvery == 1 {
		if err := s.prune(ctx, tx); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	t.done()
	return nil
}

// upsert writes the latest snapshot of an incident.
func upsert(ctx context.Context, tx *sql.Tx, inc *incident.Incident) error {
	body, err := json.Marshal(inc)
	if err != nil {
		return fmt.Errorf("write incident %s as JSON: %w", inc.ID, err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO incidents
		(id, category, kind, severity, state, subject, detected, updated, search, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET category = excluded.category, kind = excluded.kind, severity = excluded.severity,
		state = excluded.state, subject = excluded.subject, detected = excluded.detected,
		updated = excluded.updated, search = excluded.search, body = excluded.body`,
		inc.ID, string(inc.Category), inc.Kind, inc.Severity.Rank(), string(inc.State), inc.Subject,
		inc.Detected.UnixNano(), inc.Updated.UnixNano(), searchText(inc), string(body))
	return err
}

// prune forgets incidents that nothing happened to for KeepIncidents, and the oldest
// beyond MaxIncidents; what goes on is kept.
func (s *Store) prune(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM incidents WHERE state IN (?, ?) AND (updated < ? OR id IN
		(SELECT id FROM incidents ORDER BY detected DESC, id LIMIT -1 OFFSET ?))`,
		string(incident.Resolved), string(incident.Closed), time.Now().Add(-s.cfg.KeepIncidents).UnixNano(), s.cfg.MaxIncidents); err != nil {
		return fmt.Errorf("forget old incidents: %w", err)
	}
	for _, text := range [...]string{
		"DELETE FROM heard WHERE incident NOT IN (SELECT id FROM incidents)",
		"DELETE FROM receipts WHERE key NOT IN (SELECT id FROM incidents)",
	} {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("forget what was told of old incidents: %w", err)
		}
	}
	return nil
}

// Get returns one incident, or incident.ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (*incident.Incident, error) {
	var body string
	err := s.read.QueryRowContext(ctx, "SELECT body FROM incidents WHERE id = ?", id).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, incident.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read incident %s: %w", id, explain(err, s.path()))
	}
	return decode(id, body)
}

// List returns a page of the selected incidents, latest detected first.
func (s *Store) List(ctx context.Context, f *incident.Filter) (incident.Page, error) {
	page := incident.Page{Incidents: []incident.Incident{}}
	way, err := s.way(ctx, f)
	if err != nil {
		return page, fmt.Errorf("list incidents: %w", explain(err, s.path()))
	}
	query, args, err := selection(f, way)
	if err != nil {
		return page, err
	}
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return page, fmt.Errorf("list incidents: %w", explain(err, s.path()))
	}
	defer func() { _ = rows.Close() }() // reading is over; rows.Err told of failures
	for rows.Next() {
		if len(page.Incidents) == f.PageSize() {
			page.Next = incident.CursorOf(&page.Incidents[f.PageSize()-1])
			break
		}
		var id, body string
		if err := rows.Scan(&id, &body); err != nil {
			return page, fmt.Errorf("list incidents: %w", explain(err, s.path()))
		}
		inc, err := decode(id, body)
		if err != nil {
			return page, err
		}
		page.Incidents = append(page.Incidents, *inc)
	}
	if err := rows.Err(); err != nil {
		return page, fmt.Errorf("list incidents: %w", explain(err, s.path()))
	}
	return page, nil
}

// Counts counts the incidents of severity medium or above detected since a
// moment, and those that go on.
func (s *Store) Counts(ctx context.Context, since time.Time) (incident.Counts, error) {
	var c incident.Counts
	err := s.read.QueryRowContext(ctx, `SELECT
		coalesce(sum(detected >= ?1), 0),
		coalesce(sum(detected >= ?1 AND severity >= ?2), 0),
		coalesce(sum(detected >= ?1 AND category = ?3), 0),
		coalesce(sum(detected >= ?1 AND category = ?4), 0),
		coalesce(sum(detected >= ?1 AND category = ?5), 0),
		coalesce(sum(state NOT IN (?6, ?7)), 0)
		FROM incidents WHERE severity >= ?8 AND (detected >= ?1 OR state NOT IN (?6, ?7))`,
		since.UnixNano(), detect.Critical.Rank(), string(detect.DDoSAttack), string(detect.DataExfiltration),
		string(detect.BaselineAnomaly), string(incident.Resolved), string(incident.Closed), detect.Medium.Rank(),
	).Scan(&c.Alerts, &c.Critical, &c.DDoS, &c.Exfiltration, &c.Anomalies, &c.Open)
	if err != nil {
		return c, fmt.Errorf("count incidents: %w", explain(err, s.path()))
	}
	return c, nil
}

// Unfinished returns the incidents that went on when they were last saved, first
// detected first: what incident.Book.Restore takes at the start.
func (s *Store) Unfinished(ctx context.Context) ([]incident.Incident, error) {
	var all []incident.Incident
	f := incident.Filter{
		States: []incident.State{incident.Open, incident.Acknowledged, incident.Mitigated},
		Limit:  incident.MaxLimit,
	}
	for {
		page, err := s.List(ctx, &f)
		if err != nil {
			return nil, fmt.Errorf("read unfinished incidents: %w", err)
		}
		all = append(all, page.Incidents...)
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
	}
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all, nil
}

func decode(id, body string) (*incident.Incident, error) {
	var inc incident.Incident
	if err := json.Unmarshal([]byte(body), &inc); err != nil {
		return nil, fmt.Errorf("read incident %s: %w", id, err)
	}
	return &inc, nil
}
