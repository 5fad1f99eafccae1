// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Errors of who signs in. ErrWrong says no more than that: not whether the name, the
// password, or that the account is disabled.
var (
	ErrWrong = errors.New("the name or the password is wrong")
	ErrLink  = errors.New("the link was used, or is too old, or never was")
	ErrSetUp = errors.New("a user exists already")
)

// clockSlack is how far clocks are put back by those that keep them right.
const clockSlack = 5 * time.Minute

// linkFor is how long a link works that nobody uses.
const linkFor = 24 * time.Hour

// Entry is somebody who has just signed in.
type Entry struct {
	User   *User
	Secret string // of the session; only the browser gets it
}

// Login checks a name and a password. old is the secret of the session that the browser
// had before, which ends: a session is never taken over by whoever signs in with it.
// The error is ErrWrong, ErrBusy or a *WaitError when it is the caller's.
func (k *Keeper) Login(ctx context.Context, name, password, old string, from netip.Prefix) (*Entry, error) {
	name = strings.ToLower(name)
	if CheckName(name) != nil || len(password) > maxPassword {
		name, password = "", ""
	}
	if err := k.gate.enter(name, from); err != nil {
		return nil, err
	}
	u, err := k.user(ctx, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		k.gate.forgive(name, from)
		return nil, err
	}
	kept := ""
	if u != nil {
		kept = u.Password
	}
	right, err := k.hasher.Matches(ctx, password, kept)
	switch {
	case err != nil:
		k.gate.forgive(name, from)
		return nil, err
	case !right || u == nil || u.Disabled:
		k.failed(ctx, u, from)
		return nil, ErrWrong
	}
	k.mu.Lock() // from here on the account stays as it is
	defer k.mu.Unlock()
	now, err := k.unchanged(ctx, u)
	if err != nil {
		return nil, err
	}
	k.gate.pass(name, from)
	return k.begin(ctx, now, old, from, &Change{})
}

// unchanged is an account as it is now, or ErrWrong when it has another password than the
// one that was checked, or was disabled or removed: hashing takes a while, and what was
// done meanwhile ended the sessions that there were. The caller has the mutex.
func (k *Keeper) unchanged(ctx context.Context, checked *User) (*User, error) {
	u, err := k.user(ctx, checked.Name)
	if errors.Is(err, ErrNotFound) || err == nil && (u.Disabled || u.Password != checked.Password) {
		return nil, ErrWrong
	}
	return u, err
}

// failed writes a failure down: one line a minute at most, which says how many it
// stands for. A name that no account has may be a password typed into the wrong field.
func (k *Keeper) failed(ctx context.Context, u *User, from netip.Prefix) {
	before, tell := k.gate.tell()
	if !tell {
		return
	}
	detail, target := "from "+from.Addr().String(), ""
	if before > 0 {
		detail += fmt.Sprintf("; %d before it were not written down", before)
	}
	if u != nil {
		target = u.Name
	}
	// Whether it can be written down or not, the answer is no.
	_ = k.store.Apply(ctx, &Change{Audit: k.line("", "session.failed", target, detail)})
}

// begin starts a session of a user, as a part of c.
func (k *Keeper) begin(ctx context.Context, u *User, old string, from netip.Prefix, c *Change) (*Entry, error) {
	secret, now := newSecret(), k.now()
	c.Audit = k.line(u.Name, "session.login", u.Name, "from "+from.Addr().String())
	c.Begin = &Session{Hash: HashOf(secret), User: u.Name, Created: now, Seen: now}
	c.Bounds = Bounds{now.Add(-k.cfg.Idle), now.Add(-k.cfg.Lifetime), k.cfg.PerUser, k.cfg.MaxSessions}
	if old != "" {
		c.End = HashOf(old)
	}
	if err := k.store.Apply(ctx, c); err != nil {
		return nil, err
	}
	k.lost.Add(int64(c.Lost))
	return &Entry{u, secret}, nil
}

// SessionOf is the session with a secret and whose it is. ErrNotFound: there is none,
// it is over, or the account is disabled.
func (k *Keeper) SessionOf(ctx context.Context, secret string) (*Session, *User, error) {
	s, err := k.store.Session(ctx, HashOf(secret))
	if err != nil {
		return nil, nil, err
	}
	now := k.now()
	// One of the future began before the clock was put back, and would last for as long as
	// that was wrong.
	if now.Sub(s.Seen) >= k.cfg.Idle || now.Sub(s.Created) >= k.cfg.Lifetime || s.Created.Sub(now) > clockSlack {
		return nil, nil, ErrNotFound
	}
	u, err := k.user(ctx, s.User)
	if err != nil {
		return nil, nil, err
	}
	if u.Disabled {
		return nil, nil, ErrNotFound
	}
	if now.Sub(s.Seen).Abs() >= seenEvery {
		s.Seen = now
		// Who is signed in stays so also when that cannot be written down.
		_ = k.store.Apply(ctx, &Change{Seen: s})
	}
	return s, u, nil
}

// Logout ends a session.
func (k *Keeper) Logout(ctx context.Context, s *Session) error {
	return k.store.Apply(ctx, &Change{Audit: k.line(s.User, "session.logout", s.User, ""), End: s.Hash})
}

// ChangePassword changes one's own password and ends one's other sessions. Guessing at
// the old one is slowed down as signing in is.
func (k *Keeper) ChangePassword(ctx context.Context, s *Session, old, next string, from netip.Prefix) error {
	if err := CheckPassword(s.User, next); err != nil {
		return err
	}
	u, err := k.user(ctx, s.User)
	if err != nil {
		return err
	}
	if err := k.gate.enter(u.Name, from); err != nil {
		return err
	}
	right, err := k.hasher.Matches(ctx, old, u.Password)
	if err != nil {
		k.gate.forgive(u.Name, from)
		return err
	}
	if !right {
		k.failed(ctx, u, from)
		return ErrWrong
	}
	k.gate.forgive(u.Name, from)
	kept, err := k.hasher.Hash(ctx, next)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if u, err = k.unchanged(ctx, u); err != nil {
		return err
	}
	u.Password = kept
	return k.store.Apply(ctx, &Change{Audit: k.line(u.Name, "user.password", u.Name, "their own"), Put: u, EndOf: u.Name, But: s.Hash})
}

// SetupKey makes the key by which the first account is made, in place of those before;
// "" once a user exists.
func (k *Keeper) SetupKey(ctx context.Context) (string, error) {
	if k.SetUp() {
		return "", nil
	}
	return k.makeLink(ctx, Line{}, "")
}

// MakeLink makes a key by which a user signs in once, in place of those before.
func (k *Keeper) MakeLink(ctx context.Context, by, name string) (string, error) {
	u, err := k.user(ctx, strings.ToLower(name))
	if err != nil {
		return "", err
	}
	return k.makeLink(ctx, k.line(by, "user.link", u.Name, ""), u.Name)
}

func (k *Keeper) makeLink(ctx context.Context, l Line, name string) (string, error) {
	key := newSecret()
	return key, k.store.Apply(ctx, &Change{Audit: l, Link: &Link{Hash: HashOf(key), User: name, Expires: k.now().Add(linkFor)}})
}

// Setup makes the first account, an administrator's, and signs it in.
func (k *Keeper) Setup(ctx context.Context, key, name, password string, from netip.Prefix) (*Entry, error) {
	if k.SetUp() {
		return nil, ErrSetUp
	}
	if err := k.gate.enter("", from); err != nil {
		return nil, err
	}
	if err := k.store.Apply(ctx, &Change{Audit: Line{At: k.now()}, Ask: HashOf(key)}); err != nil { // nobody else may have a password hashed
		return nil, err
	}
	k.gate.forgive("", from)
	u, err := k.add(ctx, &Change{Audit: Line{Who: strings.ToLower(name)}, First: true, Use: HashOf(key)}, name, Admin, password)
	if err != nil {
		return nil, err
	}
	k.gate.pass(u.Name, from)
	return k.begin(ctx, u, "", from, &Change{})
}

// Enter signs in by a link that works once.
func (k *Keeper) Enter(ctx context.Context, key, old string, from netip.Prefix) (*Entry, error) {
	if err := k.gate.enter("", from); err != nil {
		return nil, err
	}
	c := &Change{Use: HashOf(key)}
	u, err := k.linked(ctx, c)
	if err != nil {
		return nil, err
	}
	k.gate.forgive("", from)
	return k.begin(ctx, u, old, from, c)
}

// linked is whose link it is.
func (k *Keeper) linked(ctx context.Context, c *Change) (*User, error) {
	ask := &Change{Audit: Line{At: k.now()}, Ask: c.Use}
	if err := k.store.Apply(ctx, ask); err != nil {
		return nil, err
	}
	u, err := k.user(ctx, ask.Asked)
	if err != nil || u.Disabled {
		return nil, ErrLink
	}
	return u, nil
}
