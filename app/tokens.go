// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"tidewatch/account"
	"tidewatch/api"
)

// NewToken is a token that was made; its secret is printed this once.
type NewToken struct {
	api.Token

	Secret string `json:"token"`
}

// WriteText prints the secret alone, for scripts to take.
func (t *NewToken) WriteText(w io.Writer) error {
	_, err := fmt.Fprintln(w, t.Secret)
	return err
}

// AddToken makes a token of the administrator's.
func (w *Steward) AddToken(ctx context.Context, name, scope string, expires time.Time, by string) (*NewToken, error) {
	out := &NewToken{}
	if w.remote != nil {
		return out, w.remote.call(ctx, http.MethodPost, "/api/v1/tokens", &struct {
			Name    string    `json:"name"`
			Scope   string    `json:"scope"`
			Expires time.Time `json:"expires,omitzero"`
			By      string    `json:"by"`
		}{name, scope, expires, by}, out)
	}
	secret, t, err := w.keeper.AddToken(ctx, by, &account.Wish{Name: name, Scope: account.Scope(scope), Expires: expires, Level: account.Administer})
	if err != nil {
		return nil, mistake(err)
	}
	return &NewToken{printedToken(t), secret}, nil
}

func printedToken(t *account.Token) api.Token {
	by := t.Owner
	if by == "" {
		by = account.Administrator
	}
	return api.Token{ID: t.ID, Name: t.Name, Scope: string(t.Scope), Created: t.Created, Expires: t.Expires, LastUsed: t.Used, By: by}
}

// RemoveToken takes any token back.
func (w *Steward) RemoveToken(ctx context.Context, id, by string) error {
	if w.remote == nil {
		return mistake(w.keeper.RemoveToken(ctx, by, "", id))
	}
	return w.remote.remove(ctx, "/api/v1/tokens/"+url.PathEscape(id), by, "")
}

// TokenList is all tokens, without their secrets.
type TokenList struct {
	Tokens []api.Token `json:"tokens"`
}

// Tokens lists all tokens.
func (w *Steward) Tokens(ctx context.Context) (*TokenList, error) {
	out := &TokenList{Tokens: []api.Token{}}
	if w.remote != nil {
		return out, w.remote.call(ctx, http.MethodGet, "/api/v1/tokens", nil, out)
	}
	if w.keeper == nil {
		return out, nil
	}
	all, err := w.keeper.Tokens(ctx, "")
	for i := range all {
		out.Tokens = append(out.Tokens, printedToken(&all[i]))
	}
	return out, err
}

// WriteText prints a line for each.
func (l *TokenList) WriteText(w io.Writer) error {
	if len(l.Tokens) == 0 {
		_, err := fmt.Fprintln(w, "no token was made")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "ID\tNAME\tSCOPE\tWHOSE\tEXPIRES\tLAST USED")
	for i := range l.Tokens {
		k := &l.Tokens[i]
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.Scope, k.By, when(k.Expires, "never"), when(k.LastUsed, "never"))
	}
	return t.Flush()
}
