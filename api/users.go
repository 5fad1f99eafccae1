// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/account"
)

// User is an account as administrators see it.
type User struct {
	Name     string    `json:"name"`
	Role     string    `json:"role" enum:"viewer,operator,admin"`
	Created  time.Time `json:"created"`
	LastSeen time.Time `json:"last_seen,omitzero" doc:"to the minute; absent: never"`
	Disabled bool      `json:"disabled"`
}

func userOf(u *account.User) *User {
	return &User{Name: u.Name, Role: string(u.Role), Created: u.Created, LastSeen: u.Seen, Disabled: u.Disabled}
}

func (h *handlers) users(a huma.API) {
	const missing, conflict = http.StatusNotFound, http.StatusConflict
	const at = "/api/v1/users"
	huma.Get(a, at, h.listUsers, about("list-users", "Accounts, by name"))
	huma.Post(a, at, h.addUser, changes("add-user", "Make an account", conflict, http.StatusServiceUnavailable), func(o *huma.Operation) {
		o.DefaultStatus = http.StatusCreated
	})
	huma.Patch(a, at+"/{name}", h.changeUser, changes("change-user", "Change the role or the password of an account, or disable it", missing, conflict, http.StatusServiceUnavailable))
	huma.Delete(a, at+"/{name}", h.removeUser, changes("remove-user", "Take an account away, with its sessions and tokens", missing, conflict))
}

// UsersOutput lists accounts.
type UsersOutput struct {
	Body struct {
		Users []User `json:"users" nullable:"false"`
	}
}

func (h *handlers) listUsers(ctx context.Context, _ *struct{}) (*UsersOutput, error) {
	all, err := h.deps.Accounts.Users(ctx)
	if err != nil {
		return nil, h.failed(ctx, "list accounts", err)
	}
	out := &UsersOutput{}
	out.Body.Users = []User{}
	for i := range all {
		out.Body.Users = append(out.Body.Users, *userOf(&all[i]))
	}
	return out, nil
}

// AddUserInput is an account that is made.
type AddUserInput struct {
	Body struct {
		Name     string `json:"name" maxLength:"64" doc:"a-z, 0-9 and . _ @ -"`
		Role     string `json:"role" enum:"viewer,operator,admin"`
		Password string `json:"password" maxLength:"1024" doc:"at least 12 characters"`
		By       string `json:"by,omitempty" maxLength:"64" doc:"who, with the administrator's token"`
	}
}

// AddUserOutput is the account that was made.
type AddUserOutput struct {
	Location string `header:"Location"`
	Body     *User
}

func (h *handlers) addUser(ctx context.Context, in *AddUserInput) (*AddUserOutput, error) {
	b := &in.Body
	if err := checkBy(b.By); err != nil {
		return nil, err
	}
	u, err := h.deps.Accounts.AddUser(ctx, named(ctx, b.By), b.Name, account.Role(b.Role), b.Password)
	if err != nil {
		return nil, h.accountError(ctx, "make the account", err)
	}
	return &AddUserOutput{Location: "/api/v1/users/" + u.Name, Body: userOf(u)}, nil
}

// ChangeUserInput changes an account.
type ChangeUserInput struct {
	Name string `path:"name" maxLength:"64"`
	Body struct {
		Role     *string `json:"role,omitempty" enum:"viewer,operator,admin"`
		Password *string `json:"password,omitempty" maxLength:"1024" doc:"at least 12 characters; the account's sessions end"`
		Disabled *bool   `json:"disabled,omitempty" doc:"true: nobody signs in with it, and its tokens rest"`
		By       string  `json:"by,omitempty" maxLength:"64" doc:"who, with the administrator's token"`
	}
}

// UserOutput is an account as it is then.
type UserOutput struct{ Body *User }

func (h *handlers) changeUser(ctx context.Context, in *ChangeUserInput) (*UserOutput, error) {
	b := &in.Body
	if err := checkBy(b.By); err != nil {
		return nil, err
	}
	e := &account.Edit{Role: (*account.Role)(b.Role), Password: b.Password, Disabled: b.Disabled}
	u, err := h.deps.Accounts.ChangeUser(ctx, named(ctx, b.By), in.Name, e)
	if err != nil {
		return nil, h.accountError(ctx, "change the account", err)
	}
	return &UserOutput{userOf(u)}, nil
}

// RemoveUserInput names an account.
type RemoveUserInput struct {
	Name string `path:"name" maxLength:"64"`
	By   string `query:"by" maxLength:"64" doc:"who, with the administrator's token"`
}

func (h *handlers) removeUser(ctx context.Context, in *RemoveUserInput) (*struct{}, error) {
	if err := checkBy(in.By); err != nil {
		return nil, err
	}
	return nil, h.accountError(ctx, "take the account away", h.deps.Accounts.RemoveUser(ctx, named(ctx, in.By), in.Name))
}
