// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tidewatch/account"
)

// Accounts keeps who may do what; it implements account.Store.
type Accounts struct{ s *Store }

var _ account.Store = Accounts{}

// Accounts are those of this database.
func (s *Store) Accounts() Accounts { return Accounts{s} }

// nanos is 0 for no time.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// Users implements account.Store.
func (a Accounts) Users(ctx context.Context, name string) ([]account.User, error) {
	all, err := query(ctx, a.s, func(r *sql.Rows) (u account.User, err error) {
		var created, seen int64
		err = r.Scan(&u.Name, &u.Role, &u.Password, &created, &seen, &u.Disabled)
		u.Created, u.Seen = moment(created), moment(seen)
		return u, err
	}, "SELECT name, role, password, created, seen, disabled FROM users WHERE ?1 IN ('', name) ORDER BY name", name)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", explain(err, a.s.path()))
	}
	return all, nil
}

// Session implements account.Store.
func (a Accounts) Session(ctx context.Context, h account.Hash) (*account.Session, error) {
	s := &account.Session{Hash: h}
	var created, seen int64
	err := a.s.read.QueryRowContext(ctx, "SELECT user, created, seen FROM sessions WHERE hash = ?", h[:]).Scan(&s.User, &created, &seen)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, account.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read a session: %w", explain(err, a.s.path()))
	}
	s.Created, s.Seen = moment(created), moment(seen)
	return s, nil
}

// Tokens implements account.Store.
func (a Accounts) Tokens(ctx context.Context, f *account.TokenFilter) ([]account.Token, error) {
	where, arg := "?1 IN ('', owner)", any(f.Owner)
	if f.Hash != nil {
		where, arg = "hash = ?1", f.Hash[:]
	}
	all, err := query(ctx, a.s, func(r *sql.Rows) (t account.Token, err error) {
		var hash []byte
		var created, expires, used int64
		err = r.Scan(&t.ID, &hash, &t.Name, &t.Owner, &t.Scope, &created, &expires, &used)
		copy(t.Hash[:], hash)
		t.Created, t.Expires, t.Used = moment(created), moment(expires), moment(used)
		return t, err
	}, "SELECT id, hash, name, coalesce(owner, ''), scope, created, expires, used FROM tokens WHERE "+where+" ORDER BY created, id", arg)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", explain(err, a.s.path()))
	}
	return all, nil
}

// Apply implements account.Store.
func (a Accounts) Apply(ctx context.Context, c *account.Change) error {
	err := a.apply(ctx, c)
	for _, known := range [...]error{account.ErrNotFound, account.ErrLink, account.ErrSetUp} {
		if errors.Is(err, known) {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("save a change of accounts: %w", explain(err, a.s.path()))
	}
	return nil
}

func (a Accounts) apply(ctx context.Context, c *account.Change) error {
	tx, err := a.s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	for _, part := range [...]func(context.Context, *sql.Tx, *account.Change) error{applyLinks, applyUser, applySessions, applyToken} {
		if err := part(ctx, tx, c); err != nil {
			return err
		}
	}
	if l := &c.Audit; l.What != "" {
		if err := writeAudit(ctx, tx, &Audit{At: l.At, Who: l.Who, What: l.What, Target: l.Target, Detail: l.Detail}); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// applyLinks comes first: what it checks is why the rest may be done.
func applyLinks(ctx context.Context, tx *sql.Tx, c *account.Change) error {
	var none account.Hash
	if c.First {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM users").Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return account.ErrSetUp
		}
	}
	if c.Ask != none {
		err := tx.QueryRowContext(ctx, "SELECT coalesce(user, '') FROM links WHERE hash = ? AND expires > ?", c.Ask[:], nanos(c.Audit.At)).Scan(&c.Asked)
		if errors.Is(err, sql.ErrNoRows) {
			return account.ErrLink
		}
		if err != nil {
			return err
		}
	}
	if c.Use != none {
		if err := one(account.ErrLink)(tx.ExecContext(ctx, "DELETE FROM links WHERE hash = ? AND expires > ?", c.Use[:], nanos(c.Audit.At))); err != nil {
			return err
		}
	}
	if l := c.Link; l != nil {
		return run(ctx, tx,
			statement{"DELETE FROM links WHERE coalesce(user, '') = ?", []any{l.User}},
			statement{"INSERT INTO links (hash, user, expires) VALUES (?, nullif(?, ''), ?)", []any{l.Hash[:], l.User, nanos(l.Expires)}})
	}
	return nil
}

func applyUser(ctx context.Context, tx *sql.Tx, c *account.Change) error {
	if u := c.Put; u != nil {
		if err := run(ctx, tx, statement{
			`INSERT INTO users (name, role, password, created, seen, disabled) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET role = excluded.role, password = excluded.password, disabled = excluded.disabled`,
			[]any{u.Name, string(u.Role), u.Password, nanos(u.Created), nanos(u.Seen), u.Disabled},
		}); err != nil {
			return err
		}
	}
	if c.Remove != "" {
		return one(account.ErrNotFound)(tx.ExecContext(ctx, "DELETE FROM users WHERE name = ?", c.Remove))
	}
	return nil
}

func applySessions(ctx context.Context, tx *sql.Tx, c *account.Change) error {
	var none account.Hash
	if c.EndOf != "" {
		if err := run(ctx, tx, statement{"DELETE FROM sessions WHERE user = ? AND hash <> ?", []any{c.EndOf, c.But[:]}},
			statement{"DELETE FROM links WHERE user = ?", []any{c.EndOf}}); err != nil {
			return err
		}
	}
	if c.End != none {
		if err := run(ctx, tx, statement{"DELETE FROM sessions WHERE hash = ?", []any{c.End[:]}}); err != nil {
			return err
		}
	}
	if s := c.Seen; s != nil {
		if err := run(ctx, tx, statement{"UPDATE sessions SET seen = ? WHERE hash = ?", []any{nanos(s.Seen), s.Hash[:]}},
			statement{"UPDATE users SET seen = ? WHERE name = ?", []any{nanos(s.Seen), s.User}}); err != nil {
			return err
		}
	}
	if c.Begin != nil {
		return beginSession(ctx, tx, c)
	}
	return nil
}

func beginSession(ctx context.Context, tx *sql.Tx, c *account.Change) error {
	s, b := c.Begin, &c.Bounds
	if err := run(ctx, tx,
		statement{"DELETE FROM sessions WHERE seen <= ? OR created <= ?", []any{nanos(b.SeenAfter), nanos(b.CreatedAfter)}},
		statement{"INSERT INTO sessions (hash, user, created, seen) VALUES (?, ?, ?, ?)", []any{s.Hash[:], s.User, nanos(s.Created), nanos(s.Seen)}},
		statement{"UPDATE users SET seen = ? WHERE name = ?", []any{nanos(s.Seen), s.User}}); err != nil {
		return err
	}
	for _, over := range [...]statement{
		{`DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE user = ? AND hash <> ? ORDER BY seen DESC, created DESC LIMIT -1 OFFSET ?)`, []any{s.User, s.Hash[:], b.PerUser - 1}},
		{`DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE hash <> ? ORDER BY seen DESC, created DESC LIMIT -1 OFFSET ?)`, []any{s.Hash[:], b.All - 1}},
	} {
		res, err := tx.ExecContext(ctx, over.text, over.args...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		c.Lost += int(n)
	}
	return nil
}

func applyToken(ctx context.Context, tx *sql.Tx, c *account.Change) error {
	if t := c.Token; t != nil && c.Audit.What == "" { // it was used; one that was taken back meanwhile does not come again
		return run(ctx, tx, statement{"UPDATE tokens SET used = ? WHERE id = ?", []any{nanos(t.Used), t.ID}})
	} else if t != nil {
		return run(ctx, tx, statement{
			"INSERT INTO tokens (id, hash, name, owner, scope, created, expires, used) VALUES (?, ?, ?, nullif(?, ''), ?, ?, ?, 0)",
			[]any{t.ID, t.Hash[:], t.Name, t.Owner, string(t.Scope), nanos(t.Created), nanos(t.Expires)},
		})
	}
	if c.Revoke != "" {
		return one(account.ErrNotFound)(tx.ExecContext(ctx, "DELETE FROM tokens WHERE id = ?", c.Revoke))
	}
	return nil
}

type statement struct {
	text string
	args []any
}

func run(ctx context.Context, tx *sql.Tx, all ...statement) error {
	for _, s := range all {
		if _, err := tx.ExecContext(ctx, s.text, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// one wants that something was there to change.
func one(missing error) func(sql.Result, error) error {
	return func(res sql.Result, err error) error {
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return missing
	}
}
