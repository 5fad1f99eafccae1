// SPDX-License-Identifier: Apache-2.0

package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
)

// Users lists all accounts by name.
func (k *Keeper) Users(ctx context.Context) ([]User, error) { return k.store.Users(ctx, "") }

// AddUser makes an account.
func (k *Keeper) AddUser(ctx context.Context, by, name string, role Role, password string) (*User, error) {
	return k.add(ctx, &Change{Audit: Line{Who: by}}, name, role, password)
}

// add makes an account as a part of c.
func (k *Keeper) add(ctx context.Context, c *Change, name string, role Role, password string) (*User, error) {
	name = strings.ToLower(name)
	if err := cmp.Or(CheckName(name), CheckRole(role), CheckPassword(name, password)); err != nil {
		return nil, err
	}
	kept, err := k.hasher.Hash(ctx, password)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	all, err := k.store.Users(ctx, "")
	if err != nil {
		return nil, err
	}
	if len(all) >= k.cfg.MaxUsers {
		return nil, fmt.Errorf("accounts: %w", ErrFull)
	}
	if _, err := k.user(ctx, name); !errors.Is(err, ErrNotFound) {
		return nil, cmp.Or(err, ErrExists)
	}
	if len(all) == 0 && role != Admin {
		return nil, fmt.Errorf("the first account %w: it must be an administrator's", ErrInvalid)
	}
	u := &User{Name: name, Role: role, Password: kept, Created: k.now()}
	c.Audit = k.line(c.Audit.Who, "user.add", name, string(role))
	c.Put = u
	if err := k.store.Apply(ctx, c); err != nil {
		return nil, err
	}
	k.setUp.Store(true)
	return u, nil
}

// Edit is what changes of an account; nil leaves it.
type Edit struct {
	Role     *Role
	Password *string
	Disabled *bool
}

// ChangeUser changes an account. A new password and disabling end its sessions.
func (k *Keeper) ChangeUser(ctx context.Context, by, name string, e *Edit) (*User, error) {
	name = strings.ToLower(name)
	var kept string
	if e.Password != nil {
		err := CheckPassword(name, *e.Password)
		if err == nil {
			kept, err = k.hasher.Hash(ctx, *e.Password)
		}
		if err != nil {
			return nil, err
		}
	}
	if e.Role != nil {
		if err := CheckRole(*e.Role); err != nil {
			return nil, err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	all, err := k.store.Users(ctx, "")
	if err != nil {
		return nil, err
	}
	u, err := k.user(ctx, name)
	if err != nil {
		return nil, err
	}
	changes := edit(u, e, kept)
	if (u.Role != Admin || u.Disabled) && lastAdmin(all, name) {
		return nil, ErrLastAdmin
	}
	for i := range changes { // each with its line in the audit: should one not be written, those after it are not done
		c := &changes[i]
		c.Audit = k.line(by, c.Audit.What, name, c.Audit.Detail)
		if err := k.store.Apply(ctx, c); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// edit changes u, and says what that changes, one thing after the other.
func edit(u *User, e *Edit, kept string) []Change {
	var out []Change
	add := func(c Change) {
		then := *u
		c.Put = &then
		out = append(out, c)
	}
	if e.Role != nil && *e.Role != u.Role {
		u.Role = *e.Role
		add(Change{Audit: Line{What: "user.role", Detail: string(u.Role)}})
	}
	if e.Disabled != nil && *e.Disabled != u.Disabled {
		u.Disabled = *e.Disabled
		c := Change{Audit: Line{What: "user.enable"}}
		if u.Disabled {
			c = Change{Audit: Line{What: "user.disable"}, EndOf: u.Name}
		}
		add(c)
	}
	if kept != "" {
		u.Password = kept
		add(Change{Audit: Line{What: "user.password"}, EndOf: u.Name})
	}
	return out
}

// RemoveUser takes an account away with its sessions and tokens.
func (k *Keeper) RemoveUser(ctx context.Context, by, name string) error {
	name = strings.ToLower(name)
	k.mu.Lock()
	defer k.mu.Unlock()
	all, err := k.store.Users(ctx, "")
	if err != nil {
		return err
	}
	if _, err := k.user(ctx, name); err != nil {
		return err
	}
	if lastAdmin(all, name) {
		return ErrLastAdmin
	}
	return k.store.Apply(ctx, &Change{Audit: k.line(by, "user.remove", name, ""), Remove: name})
}
