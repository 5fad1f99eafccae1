// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"tidewatch/account"
	"tidewatch/api"
	"tidewatch/store"
)

// Steward looks after accounts and tokens: through the server that uses the data
// directory, or in the directory itself when none does.
type Steward struct {
	office

	keeper *account.Keeper // nil: nothing was saved yet
}

// NewSteward finds out which of the two it is; change is false to look only.
func NewSteward(ctx context.Context, cfg *Config, change bool) (*Steward, error) {
	w := &Steward{}
	var err error
	w.office, err = openOffice(ctx, cfg, change, func(s *store.Store) (err error) {
		if s != nil {
			w.keeper, err = openAccounts(ctx, cfg, s, nil)
		}
		return err
	})
	return w, err
}

// mistake makes an error of the caller's an InputError.
func mistake(err error) error {
	for _, known := range [...]error{account.ErrNotFound, account.ErrExists, account.ErrLastAdmin, account.ErrFull, account.ErrInvalid} {
		if errors.Is(err, known) {
			return &InputError{err}
		}
	}
	return err
}

// Person is one account.
type Person struct{ api.User }

// WriteText prints it in a line.
func (p *Person) WriteText(w io.Writer) error {
	state := ""
	if p.Disabled {
		state = ", disabled"
	}
	_, err := fmt.Fprintf(w, "%s: %s%s\n", p.Name, p.Role, state)
	return err
}

func personOf(u *account.User) *Person {
	return &Person{api.User{Name: u.Name, Role: string(u.Role), Created: u.Created, LastSeen: u.Seen, Disabled: u.Disabled}}
}

// AddUser makes an account.
func (w *Steward) AddUser(ctx context.Context, name, role, password, by string) (*Person, error) {
	if w.remote == nil {
		u, err := w.keeper.AddUser(ctx, by, name, account.Role(role), password)
		if err != nil {
			return nil, mistake(err)
		}
		return personOf(u), nil
	}
	out := &Person{}
	return out, w.remote.call(ctx, http.MethodPost, "/api/v1/users", map[string]string{"name": name, "role": role, "password": password, "by": by}, out)
}

// Edit is what changes of an account; nil leaves it.
type Edit struct {
	Role     *string `json:"role,omitempty"`
	Password *string `json:"password,omitempty"`
	Disabled *bool   `json:"disabled,omitempty"`
	By       string  `json:"by"`
}

// ChangeUser changes an account.
func (w *Steward) ChangeUser(ctx context.Context, name string, e *Edit) (*Person, error) {
	if w.remote == nil {
		u, err := w.keeper.ChangeUser(ctx, e.By, name, &account.Edit{Role: (*account.Role)(e.Role), Password: e.Password, Disabled: e.Disabled})
		if err != nil {
			return nil, mistake(err)
		}
		return personOf(u), nil
	}
	out := &Person{}
	return out, w.remote.call(ctx, http.MethodPatch, "/api/v1/users/"+url.PathEscape(name), e, out)
}

// RemoveUser takes an account away.
func (w *Steward) RemoveUser(ctx context.Context, name, by string) error {
	if w.remote == nil {
		return mistake(w.keeper.RemoveUser(ctx, by, name))
	}
	return w.remote.remove(ctx, "/api/v1/users/"+url.PathEscape(name), by, "")
}

// People are all accounts.
type People struct {
	Users []api.User `json:"users"`
}

// Users lists all accounts.
func (w *Steward) Users(ctx context.Context) (*People, error) {
	out := &People{Users: []api.User{}}
	if w.remote != nil {
		return out, w.remote.call(ctx, http.MethodGet, "/api/v1/users", nil, out)
	}
	if w.keeper == nil {
		return out, nil
	}
	all, err := w.keeper.Users(ctx)
	for i := range all {
		out.Users = append(out.Users, personOf(&all[i]).User)
	}
	return out, err
}

// when is a time, or a word for none.
func when(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.Format(time.RFC3339)
}

// WriteText prints a line for each.
func (p *People) WriteText(w io.Writer) error {
	if len(p.Users) == 0 {
		_, err := fmt.Fprintln(w, "no user exists yet; tidewatch user add makes one, or the link that tidewatch serve prints")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "NAME\tROLE\tLAST SEEN\tDISABLED")
	for i := range p.Users {
		u := &p.Users[i]
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%v\n", u.Name, u.Role, when(u.LastSeen, "never"), u.Disabled)
	}
	return t.Flush()
}
