// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tidewatch/incident"
	"tidewatch/notify"
)

var _ notify.Outbox = (*Outbox)(nil)

// Outbox is what waits for the sinks, in the same database as the incidents.
type Outbox struct{ s *Store }

// Outbox returns the queues of messages.
func (s *Store) Outbox() *Outbox { return &Outbox{s} }

// Next implements notify.Outbox.
func (o *Outbox) Next(ctx context.Context, sink string, after int64) (*notify.Queued, notify.Backlog, error) {
	var b notify.Backlog
	q := &notify.Queued{Sink: sink}
	fail := func(err error) (*notify.Queued, notify.Backlog, error) {
		return nil, b, fmt.Errorf("read the outbox: %w", explain(err, o.s.path()))
	}
	var at, oldest int64
	if err := o.s.read.QueryRowContext(ctx, "SELECT count(*), coalesce(min(at), 0) FROM outbox WHERE sink = ?", sink).
		Scan(&b.Waiting, &oldest); err != nil {
		return fail(err)
	}
	if b.Waiting == 0 {
		return nil, b, nil
	}
	b.Oldest = time.Unix(0, oldest)
	var message string
	var inc sql.NullString
	err := o.s.read.QueryRowContext(ctx, `SELECT o.seq, o.at, o.body, i.body, coalesce(r.receipt, '') FROM outbox o
		LEFT JOIN incidents i ON i.id = o.key
		LEFT JOIN receipts r ON r.sink = o.sink AND r.key = o.key
		WHERE o.sink = ? AND o.seq > ?
		AND NOT EXISTS (SELECT 1 FROM outbox x WHERE x.sink = o.sink AND x.key = o.key AND x.seq < o.seq)
		ORDER BY o.seq LIMIT 1`, sink, after).Scan(&q.Seq, &at, &message, &inc, &q.Before)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, b, nil
	}
	if err != nil {
		return fail(err)
	}
	q.At = time.Unix(0, at)
	// Of another version, or damaged: nothing that could be told.
	if q.Gone = json.Unmarshal([]byte(message), &q.Message) != nil; q.Gone || q.Message.Status == notify.Digest {
		return q, b, nil
	}
	q.Message.Incident = readable(q.Message.Key, inc.String)
	q.Gone = q.Message.Incident == nil
	return q, b, nil
}

// readable is an incident, nil when it is not there or damaged.
func readable(id, body string) *incident.Incident {
	inc, err := decode(id, body)
	if err != nil {
		return nil
	}
	return inc
}

// change runs f in a transaction.
func (o *Outbox) change(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := o.s.write.BeginTx(ctx, nil)
	if err == nil {
		defer func() { _ = tx.Rollback() }() // does nothing after a commit
		if err = f(tx); err == nil {
			err = tx.Commit()
		}
	}
	if err != nil {
		return fmt.Errorf("write the outbox: %w", explain(err, o.s.path()))
	}
	return nil
}

// Done implements notify.Outbox.
func (o *Outbox) Done(ctx context.Context, q *notify.Queued, receipt *notify.Receipt) error {
	return o.change(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM outbox WHERE seq = ?", q.Seq); err != nil {
			return err
		}
		if receipt == nil || *receipt == "" || q.Message.Status == notify.Digest {
			return nil
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO receipts (sink, key, receipt) VALUES (?, ?, ?)
			ON CONFLICT (sink, key) DO UPDATE SET receipt = excluded.receipt`, q.Sink, q.Message.Key, string(*receipt))
		return err
	})
}

// Fold implements notify.Outbox.
func (o *Outbox) Fold(ctx context.Context, sink string, now time.Time) (n int, err error) {
	err = o.change(ctx, func(tx *sql.Tx) error {
		n, err = fold(ctx, tx, sink, -1, now)
		return err
	})
	return n, err
}

// A row that cannot be read is left out everywhere here: it must not keep others, or the
// saving of incidents, from going on.

// fold puts a digest in the place of the oldest messages for a sink, most of them, or
// all when most is negative.
func fold(ctx context.Context, tx *sql.Tx, sink string, most int, now time.Time) (n int, err error) {
	var last int64
	var incidents, updated, digests int
	if err := tx.QueryRowContext(ctx, `SELECT count(*), coalesce(max(seq), 0), count(DISTINCT key) FILTER (WHERE rank NOT IN (?2, ?3)),
		count(DISTINCT key) FILTER (WHERE rank = ?3), count(*) FILTER (WHERE rank = ?2)
		FROM (SELECT seq, key, rank FROM outbox WHERE sink = ?1 ORDER BY seq LIMIT ?4)`, sink, notify.Digest.Rank(), notify.Update.Rank(), most).
		Scan(&n, &last, &incidents, &updated, &digests); err != nil || n == 0 {
		return n, err
	}
	without := notify.Update.Rank() // an update is no incident to count again, unless nothing else waits
	if incidents+digests == 0 {
		incidents, without = updated, notify.Digest.Rank()
	}
	worst, err := rows(ctx, tx, func(body string) (b notify.Brief, err error) {
		if inc := readable("", body); inc != nil {
			b = notify.BriefOf(inc)
		}
		return b, nil
	}, `SELECT body FROM incidents WHERE id IN (SELECT key FROM outbox WHERE sink = ? AND seq <= ? AND rank <> ?)
		ORDER BY severity DESC, detected DESC, id LIMIT ?`, sink, last, without, notify.MaxBriefs)
	if err != nil {
		return 0, err
	}
	worst = slices.DeleteFunc(worst, func(b notify.Brief) bool { return b.ID == "" })
	earlier, err := rows(ctx, tx, func(body string) (m notify.Message, _ error) {
		if json.Unmarshal([]byte(body), &m) != nil {
			m = notify.Message{} // damaged: its incidents are not counted again
		}
		return m, nil
	}, "SELECT body FROM outbox WHERE sink = ? AND seq <= ? AND rank = ? ORDER BY seq", sink, last, notify.Digest.Rank())
	if err != nil {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM outbox WHERE sink = ? AND seq <= ?", sink, last); err != nil {
		return 0, err
	}
	digest := notify.Summary(sink, last, worst, incidents, earlier)
	return n, queue(ctx, tx, sink, &digest, now)
}

// rows reads a column of texts.
func rows[T any](ctx context.Context, tx *sql.Tx, read func(string) (T, error), text string, args ...any) ([]T, error) {
	all, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = all.Close() }() // reading is over; Err told of failures
	var out []T
	for all.Next() {
		var body string
		if err := all.Scan(&body); err != nil {
			return nil, err
		}
		one, err := read(body)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, all.Err()
}

// reviewed is how many incidents one Review takes: some 50 ms.
const reviewed = 200

// Review implements notify.Outbox.
func (o *Outbox) Review(ctx context.Context, now time.Time) (more bool, err error) {
	var n int
	if err := o.s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM heard WHERE due <= ?)", now.UnixNano()).Scan(&n); err != nil {
		return false, fmt.Errorf("read the outbox: %w", explain(err, o.s.path()))
	}
	if n == 0 {
		return false, nil
	}
	var t *telling
	err = o.change(ctx, func(tx *sql.Tx) error {
		if t = o.s.telling(tx); t.planner == nil {
			return nil
		}
		t.now = now
		if _, err := tx.ExecContext(ctx, "DELETE FROM heard WHERE due <= ? AND incident NOT IN (SELECT id FROM incidents)", now.UnixNano()); err != nil {
			return err
		}
		due, err := rows(ctx, tx, func(body string) (*incident.Incident, error) { return readable("", body), nil }, `SELECT i.body FROM heard h JOIN incidents i ON i.id = h.incident WHERE h.due <= ? ORDER BY h.due, h.incident LIMIT ?`, now.UnixNano(), reviewed)
		if err != nil {
			return err
		}
		for _, inc := range due {
			if inc == nil {
				continue
			}
			if err := t.take(ctx, "", inc); err != nil {
				return err
			}
			more = len(due) == reviewed // and some of them are due no longer
		}
		return t.bound(ctx)
	})
	if err == nil && t.planner != nil {
		t.done()
	}
	return more, err
}

// Unnamed forgets what waits for sinks other than these, and returns how much that was.
func (o *Outbox) Unnamed(ctx context.Context, names []string) (map[string]int, error) {
	list, err := json.Marshal(names)
	if err != nil {
		return nil, err
	}
	lost := map[string]int{}
	return lost, o.change(ctx, func(tx *sql.Tx) error {
		found, err := rows(ctx, tx, func(sink string) (string, error) { return sink, nil },
			"DELETE FROM outbox WHERE sink NOT IN (SELECT value FROM json_each(?)) RETURNING sink", string(list))
		if err != nil {
			return err
		}
		for _, sink := range found {
			lost[sink]++
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM receipts WHERE sink NOT IN (SELECT value FROM json_each(?))", string(list))
		return err
	})
}
