// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// meanwhile is a store in which something happens after an account was read once.
type meanwhile struct {
	people

	then    func()
	applied []Change
	session *Session
}

func (m *meanwhile) Users(ctx context.Context, name string) ([]User, error) {
	found, err := m.people.Users(ctx, name)
	if then := m.then; then != nil {
		m.then = nil
		then()
	}
	return found, err
}

func (m *meanwhile) Apply(_ context.Context, c *Change) error {
	m.applied = append(m.applied, *c)
	return nil
}

func (m *meanwhile) Session(context.Context, Hash) (*Session, error) {
	s := *m.session
	return &s, nil
}

// TestChangedMeanwhile: a password that is right when it is read, but not any more when it
// was hashed, begins no session and changes nothing.
func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	const right, next = "a horse eats no cucumber", "a cow would eat cucumber"
	m := &meanwhile{}
	k, err := New(DefaultConfig(), m, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := k.hasher.Hash(t.Context(), right)
	if err != nil {
		t.Fatal(err)
	}
	ada := User{Name: "ada", Role: Admin, Password: kept}
	from := netip.MustParsePrefix("192.0.2.1/32")
	disabled, other := ada, ada
	disabled.Disabled, other.Password = true, "another"
	for name, then := range map[string]func(){
		"":         nil,
		"password": func() { m.people = people{"ada": other} },
		"disabled": func() { m.people = people{"ada": disabled} },
		"removed":  func() { m.people = people{} },
	} {
		for what, try := range map[string]func() error{
			"login":    func() error { _, err := k.Login(t.Context(), "ada", right, "", from); return err },
			"password": func() error { return k.ChangePassword(t.Context(), &Session{User: "ada"}, right, next, from) },
		} {
			m.people, m.then, m.applied = people{"ada": ada}, then, nil
			err := try()
			if changed := len(m.applied) > 0; changed != (then == nil) || then != nil && !errors.Is(err, ErrWrong) || then == nil && err != nil {
				t.Errorf("%s, while this changes: %q: %v, %d changes", what, name, err, len(m.applied))
			}
		}
	}
}

// TestClockPutBack: a session that began while the clock was a year ahead does not last for
// a year; one that was only used then goes by the clock from its next use on.
func TestClockPutBack(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	later := now.AddDate(1, 0, 0)
	m := &meanwhile{people: people{"ada": {Name: "ada", Role: Admin}}}
	k, err := New(DefaultConfig(), m, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		created, seen time.Time
		want          error
		written       int
	}{
		"as it should be": {now.Add(-time.Hour), now, nil, 0},
		"by a second":     {now.Add(time.Second), now.Add(time.Second), nil, 0},
		"begun ahead":     {later, later, ErrNotFound, 0},
		"used ahead":      {now.Add(-time.Hour), later, nil, 1},
	} {
		m.session, m.applied = &Session{User: "ada", Created: tc.created, Seen: tc.seen}, nil
		s, _, err := k.SessionOf(t.Context(), "secret")
		if !errors.Is(err, tc.want) || len(m.applied) != tc.written || tc.written == 1 && !s.Seen.Equal(now) {
			t.Errorf("%s: %v, %d written", name, err, len(m.applied))
		}
	}
}
