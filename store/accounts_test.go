// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tidewatch/account"
)

func TestAccounts(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Dir = t.TempDir()
	open := func() *Store {
		t.Helper()
		s, err := New(&cfg)
		if err == nil {
			err = s.Open(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	now := time.Unix(1_800_000_000, 5).UTC()
	must := func(c *account.Change) {
		t.Helper()
		if err := s.Accounts().Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	ada := account.User{Name: "ada", Role: account.Admin, Password: "$kept", Created: now}
	must(&account.Change{Put: &ada, First: true, Audit: account.Line{At: now, Who: "ada", What: "user.add", Target: "ada"}})
	if err := s.Accounts().Apply(t.Context(), &account.Change{Put: &ada, First: true}); !errors.Is(err, account.ErrSetUp) {
		t.Errorf("a second first user: %v", err)
	}
	bounds := account.Bounds{PerUser: 3, All: 4}
	begin := func(secret, name string, seen time.Time) int {
		c := &account.Change{Begin: &account.Session{Hash: account.HashOf(secret), User: name, Created: seen, Seen: seen}, Bounds: bounds}
		must(c)
		return c.Lost
	}
	must(&account.Change{Put: &account.User{Name: "bob", Role: account.Viewer, Created: now}})
	lost := 0
	for i, secret := range []string{"1", "2", "3", "4"} {
		lost += begin(secret, "ada", now.Add(time.Duration(i)*time.Second))
	}
	lost += begin("5", "bob", now.Add(time.Minute))
	lost += begin("6", "bob", now.Add(time.Hour))
	if lost != 2 {
		t.Errorf("%d sessions gave way, want one of ada's and one of all", lost)
	}
	must(&account.Change{
		Token: &account.Token{ID: "tok-1", Hash: account.HashOf("tw_1"), Name: "x", Owner: "bob", Scope: account.ScopeRead, Created: now},
		Audit: account.Line{At: now, What: "token.add"},
	})
	must(&account.Change{Link: &account.Link{Hash: account.HashOf("link"), User: "ada", Expires: now.Add(time.Hour)}})

	// All of it is there after a restart.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	defer func() { _ = s.Close() }()
	users, err := s.Accounts().Users(t.Context(), "")
	if err != nil || len(users) != 2 || users[0].Name != "ada" || users[0].Password != "$kept" || !users[0].Created.Equal(now) || !users[0].Seen.Equal(now.Add(3*time.Second)) {
		t.Errorf("users %+v %v", users, err)
	}
	for secret, there := range map[string]bool{"1": false, "2": false, "3": true, "4": true, "5": true, "6": true} {
		if _, err := s.Accounts().Session(t.Context(), account.HashOf(secret)); (err == nil) != there || err != nil && !errors.Is(err, account.ErrNotFound) {
			t.Errorf("session %s: %v", secret, err)
		}
	}
	for i, want := range []error{nil, account.ErrLink} {
		if err := s.Accounts().Apply(t.Context(), &account.Change{Use: account.HashOf("link"), Audit: account.Line{At: now}}); !errors.Is(err, want) {
			t.Errorf("the link, use %d: %v", i+1, err)
		}
	}
	must(&account.Change{Remove: "bob"})
	tokens, err := s.Accounts().Tokens(t.Context(), &account.TokenFilter{})
	if err != nil || len(tokens) != 0 {
		t.Errorf("tokens of somebody who went: %+v %v", tokens, err)
	}
	if _, err := s.Accounts().Session(t.Context(), account.HashOf("5")); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("a session of somebody who went: %v", err)
	}
	if st, err := os.Stat(filepath.Join(cfg.Dir, fileName)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", st.Mode(), err)
	}
}
