// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"tidewatch/app"
)

// tokenCmd looks after tokens of programs.
type tokenCmd struct {
	Add    tokenAddCmd    `cmd:"" help:"Make a token for a program and print it, this once. Example: tidewatch token add grafana --expires-in 2160h"`
	List   tokenListCmd   `cmd:"" help:"List tokens: whose they are, what they may do, when they were used."`
	Remove tokenRemoveCmd `cmd:"" help:"Take a token back. Example: tidewatch token remove tok-mzxw6ytboi4dkmjr"`
}

type tokenAddCmd struct {
	printed
	person
	Name      string        `arg:"" help:"What it is for."`
	Scope     string        `enum:"read,write,admin" default:"read" help:"What it may do: ${enum}."`
	ExpiresIn time.Duration `placeholder:"TIME" help:"For how long, such as 2160h. Default: until it is taken back."`
}

func (c *tokenAddCmd) Run(ctx context.Context, s streams) error {
	var expires time.Time
	if c.ExpiresIn != 0 {
		expires = time.Now().Add(c.ExpiresIn)
	}
	return c.steward(ctx, s, true, func(w *app.Steward) error {
		t, err := w.AddToken(ctx, c.Name, c.Scope, expires, c.who())
		return c.out(s, t, err)
	})
}

type tokenListCmd struct{ printed }

func (c *tokenListCmd) Run(ctx context.Context, s streams) error {
	return c.steward(ctx, s, false, func(w *app.Steward) error {
		all, err := w.Tokens(ctx)
		return c.out(s, all, err)
	})
}

type tokenRemoveCmd struct {
	printed
	person
	ID string `arg:"" help:"Id of the token; see tidewatch token list."`
}

func (c *tokenRemoveCmd) Run(ctx context.Context, s streams) error {
	return c.steward(ctx, s, true, func(w *app.Steward) error {
		if err := w.RemoveToken(ctx, c.ID, c.who()); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "token %s is taken back\n", c.ID)
		return err
	})
}
