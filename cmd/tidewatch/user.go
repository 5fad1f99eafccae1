// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"tidewatch/app"
)

// userCmd looks after accounts, also when nobody can sign in any more.
type userCmd struct {
	Add      userAddCmd      `cmd:"" help:"Make an account. The password is asked for. Example: tidewatch user add ada --role admin"`
	List     userListCmd     `cmd:"" help:"List accounts."`
	Role     userRoleCmd     `cmd:"" help:"Change what an account may do. Example: tidewatch user role ada operator"`
	Password userPasswordCmd `cmd:"" help:"Set a new password; the account's sessions end. Example: tidewatch user password ada"`
	Disable  userDisableCmd  `cmd:"" help:"Let nobody sign in with an account, and let its tokens rest; --off undoes it."`
	Remove   userRemoveCmd   `cmd:"" help:"Take an account away, with its sessions and tokens."`
}

// steward runs f at the running server or on the data directory; change is false to
// look only.
func (c *printed) steward(ctx context.Context, s streams, change bool, f func(*app.Steward) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if !change {
		tell(s, cfg.Absent())
	}
	w, err := app.NewSteward(ctx, cfg, change)
	if err != nil {
		return err
	}
	return errors.Join(f(w), w.Close())
}

// passwords say where a password comes from. It is never an argument: those are seen by
// everybody on the machine, and stay in the history of the shell.
type passwords struct {
	PasswordFile string `placeholder:"FILE" help:"File with the password on its first line; - for stdin. Default: it is asked for."`
}

func (p *passwords) read(s streams) (string, error) {
	if p.PasswordFile == "" {
		return ask(s)
	}
	f := os.Stdin
	if p.PasswordFile != "-" {
		var err error
		if f, err = os.Open(p.PasswordFile); err != nil {
			return "", usageError{err}
		}
		defer func() { _ = f.Close() }() // it was read
	}
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", usageError{fmt.Errorf("read the password: %w", err)}
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

// ask reads a password twice without showing it.
func ask(s streams) (string, error) {
	in := int(os.Stdin.Fd())
	if !term.IsTerminal(in) {
		return "", usageError{errors.New("no terminal to ask for the password; give --password-file, or - there for stdin")}
	}
	var typed [2]string
	for i, prompt := range [...]string{"password: ", "again: "} {
		_, _ = fmt.Fprint(s.err, prompt)
		text, err := term.ReadPassword(in)
		_, _ = fmt.Fprintln(s.err)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[i] = string(text)
	}
	if typed[0] != typed[1] {
		return "", usageError{errors.New("the two are not the same")}
	}
	return typed[0], nil
}

type userAddCmd struct {
	printed
	person
	passwords
	Name string `arg:"" help:"Name: a-z, 0-9 and . _ @ -"`
	Role string `enum:"viewer,operator,admin" default:"viewer" help:"What it may do: ${enum}."`
}

func (c *userAddCmd) Run(ctx context.Context, s streams) error {
	password, err := c.read(s)
	if err != nil {
		return err
	}
	return c.steward(ctx, s, true, func(w *app.Steward) error {
		u, err := w.AddUser(ctx, c.Name, c.Role, password, c.who())
		return c.out(s, u, err)
	})
}

type userListCmd struct{ printed }

func (c *userListCmd) Run(ctx context.Context, s streams) error {
	return c.steward(ctx, s, false, func(w *app.Steward) error {
		all, err := w.Users(ctx)
		return c.out(s, all, err)
	})
}

type userRoleCmd struct {
	printed
	person
	Name string `arg:"" help:"Name of the account."`
	Role string `arg:"" enum:"viewer,operator,admin" help:"${enum}"`
}

func (c *userRoleCmd) Run(ctx context.Context, s streams) error {
	return c.change(ctx, s, c.Name, &app.Edit{Role: &c.Role, By: c.who()})
}

// change changes an account and prints it.
func (c *printed) change(ctx context.Context, s streams, name string, e *app.Edit) error {
	return c.steward(ctx, s, true, func(w *app.Steward) error {
		u, err := w.ChangeUser(ctx, name, e)
		return c.out(s, u, err)
	})
}

type userPasswordCmd struct {
	printed
	person
	passwords
	Name string `arg:"" help:"Name of the account."`
}

func (c *userPasswordCmd) Run(ctx context.Context, s streams) error {
	password, err := c.read(s)
	if err != nil {
		return err
	}
	return c.change(ctx, s, c.Name, &app.Edit{Password: &password, By: c.who()})
}

type userDisableCmd struct {
	printed
	person
	Name string `arg:"" help:"Name of the account."`
	Off  bool   `help:"Let it in again."`
}

func (c *userDisableCmd) Run(ctx context.Context, s streams) error {
	disabled := !c.Off
	return c.change(ctx, s, c.Name, &app.Edit{Disabled: &disabled, By: c.who()})
}

type userRemoveCmd struct {
	printed
	person
	Name string `arg:"" help:"Name of the account."`
}

func (c *userRemoveCmd) Run(ctx context.Context, s streams) error {
	return c.steward(ctx, s, true, func(w *app.Steward) error {
		if err := w.RemoveUser(ctx, c.Name, c.who()); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "%s has no account any more\n", c.Name)
		return err
	})
}
