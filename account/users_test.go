// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"errors"
	"testing"
	"time"
)

// full is a store that takes so many changes, and no more.
type full struct {
	people

	room    int
	applied []Change
}

func (f *full) Apply(_ context.Context, c *Change) error {
	if len(f.applied) >= f.room {
		return errors.New("the disk is full")
	}
	f.applied = append(f.applied, *c)
	return nil
}

func (f *full) Users(ctx context.Context, name string) ([]User, error) {
	if name == "" { // all: somebody else administers
		name = "bea"
	}
	return f.people.Users(ctx, name)
}

// TestEditByEdit: of several changes at once, none is done whose line of the audit could
// not be written: a new password is not in effect while the old sessions go on.
func TestEditByEdit(t *testing.T) {
	t.Parallel()
	operator, password, disabled := Operator, "a horse eats no cucumber", true
	for room := range 4 {
		f := &full{people: people{"ada": {Name: "ada", Role: Admin, Password: "old"}, "bea": {Name: "bea", Role: Admin}}, room: room}
		k, err := New(DefaultConfig(), f, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.ChangeUser(t.Context(), "test", "ada", &Edit{Role: &operator, Password: &password, Disabled: &disabled})
		if (err == nil) != (room == 3) || len(f.applied) != room {
			t.Fatalf("room for %d: %v, %d applied", room, err, len(f.applied))
		}
		for i, c := range f.applied {
			u := c.Put
			if u.Role != Operator || u.Disabled != (i >= 1) || (u.Password != "old") != (i == 2) || (c.EndOf == "ada") != (i >= 1) {
				t.Errorf("change %d, %s: %+v ends sessions of %q", i, c.Audit.What, u, c.EndOf)
			}
		}
	}
}
