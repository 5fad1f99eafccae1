// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tidewatch/incident"
	"tidewatch/notify"
)

// Tell makes every saved incident be told of: who hears what is decided in the
// transaction that saves it, so that the incident and the messages about it are on the
// disk together. nil ends that.
func (s *Store) Tell(p notify.Planner) { s.planner.Store(&p) }

func (s *Store) teller() notify.Planner {
	if p := s.planner.Load(); p != nil {
		return *p
	}
	return nil
}

// telling is what one transaction tells.
type telling struct {
	planner notify.Planner // nil: nobody listens
	tx      *sql.Tx
	now     time.Time
	sinks   map[string]bool // that got messages
	lost    map[string]int  // updates that gave way, by sink
	folded  map[string]int  // messages for which a digest stands now
}

func (s *Store) telling(tx *sql.Tx) *telling {
	return &telling{planner: s.teller(), tx: tx, now: time.Now(), sinks: map[string]bool{}, lost: map[string]int{}, folded: map[string]int{}}
}

// take plans for an incident that was saved.
func (t *telling) take(ctx context.Context, what incident.EventType, inc *incident.Incident) error {
	if t.planner == nil { // who has heard of it learns the rest when somebody listens again
		_, err := t.tx.ExecContext(ctx, "UPDATE heard SET due = ? WHERE incident = ?", t.now.UnixNano(), inc.ID)
		return err
	}
	var h notify.Heard
	var due sql.NullInt64
	var before string
	err := t.tx.QueryRowContext(ctx, "SELECT due, body FROM heard WHERE incident = ?", inc.ID).Scan(&due, &before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if before != "" && json.Unmarshal([]byte(before), &h) != nil {
		h = notify.Heard{} // better told twice than an incident not saved
	}
	notes := t.planner.Plan(what, inc, &h, t.now)
	for i := range notes {
		if err := t.put(ctx, &notes[i], before != ""); err != nil {
			return err
		}
	}
	return t.remember(ctx, inc.ID, &h, before, due)
}

// remember keeps what was told of an incident, if that changed.
func (t *telling) remember(ctx context.Context, id string, h *notify.Heard, before string, was sql.NullInt64) error {
	due := sql.NullInt64{Int64: h.Due.UnixNano(), Valid: !h.Due.IsZero()}
	if !due.Valid {
		due.Int64 = 0
	}
	body, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("write what was told of %s as JSON: %w", id, err)
	}
	if before == "" && len(h.Told) == 0 && !due.Valid || string(body) == before && due == was {
		return nil
	}
	_, err = t.tx.ExecContext(ctx, `INSERT INTO heard (incident, due, body) VALUES (?, ?, ?)
		ON CONFLICT (incident) DO UPDATE SET due = excluded.due, body = excluded.body`, id, due, string(body))
	return err
}

// put adds a message in the place of those that it makes pointless, if there may be any.
func (t *telling) put(ctx context.Context, n *notify.Note, some bool) error {
	if stale := notify.Supersedes(n.Message.Status); some && len(stale) > 0 {
		ranks := make([]int, 0, len(stale))
		for _, s := range stale {
			ranks = append(ranks, s.Rank())
		}
		list, err := json.Marshal(ranks)
		if err != nil {
			return err
		}
		if _, err := t.tx.ExecContext(ctx, "DELETE FROM outbox WHERE sink = ? AND key = ? AND rank IN (SELECT value FROM json_each(?))",
			n.Sink, n.Message.Key, string(list)); err != nil {
			return err
		}
	}
	t.sinks[n.Sink] = true
	return queue(ctx, t.tx, n.Sink, &n.Message, t.now)
}

func queue(ctx context.Context, tx *sql.Tx, sink string, m *notify.Message, now time.Time) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write message %s as JSON: %w", m.ID, err)
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO outbox (sink, key, rank, at, body) VALUES (?, ?, ?, ?, ?)",
		sink, m.Key, m.Status.Rank(), now.UnixNano(), string(body))
	return err
}

// bound makes room in queues that are too full. It comes last in the transaction.
func (t *telling) bound(ctx context.Context) error {
	for sink := range t.sinks {
		var n, updates int
		if err := t.tx.QueryRowContext(ctx, "SELECT count(*), count(*) FILTER (WHERE rank = ?2) FROM outbox WHERE sink = ?1",
			sink, notify.Update.Rank()).Scan(&n, &updates); err != nil {
			return err
		}
		lose, most := notify.Excess(n, updates, t.planner.MaxQueue())
		if lose > 0 {
			if _, err := t.tx.ExecContext(ctx, `DELETE FROM outbox WHERE seq IN
				(SELECT seq FROM outbox WHERE sink = ? AND rank = ? ORDER BY seq LIMIT ?)`, sink, notify.Update.Rank(), lose); err != nil {
				return err
			}
			t.lost[sink] = lose
		}
		if most > 0 {
			folded, err := fold(ctx, t.tx, sink, most, t.now)
			if err != nil {
				return err
			}
			t.folded[sink] = folded
		}
	}
	return nil
}

// done says that the transaction is on the disk.
func (t *telling) done() {
	if len(t.sinks) > 0 {
		t.planner.Queued(t.lost, t.folded)
	}
}
