// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/account"
)

// Token is a token without its secret.
type Token struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Scope    string    `json:"scope" enum:"read,write,admin"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero" doc:"absent: never"`
	LastUsed time.Time `json:"last_used,omitzero" doc:"to the minute; absent: never"`
	By       string    `json:"by" doc:"whose it is: it reaches no further than that account"`
}

func tokenOf(t *account.Token) Token {
	by := t.Owner
	if by == "" {
		by = anybody
	}
	return Token{ID: t.ID, Name: t.Name, Scope: string(t.Scope), Created: t.Created, Expires: t.Expires, LastUsed: t.Used, By: by}
}

func (h *handlers) tokens(a huma.API) {
	const at = "/api/v1/tokens"
	huma.Get(a, at, h.listTokens, about("list-tokens", "One's own tokens; all of them, for administrators"))
	huma.Post(a, at, h.addToken, changes("add-token", "Make a token for a program", http.StatusConflict), func(o *huma.Operation) {
		o.DefaultStatus = http.StatusCreated
	})
	huma.Delete(a, at+"/{id}", h.removeToken, changes("remove-token", "Take a token back", http.StatusNotFound))
}

// TokensOutput lists tokens.
type TokensOutput struct {
	Body struct {
		Tokens []Token `json:"tokens" nullable:"false"`
	}
}

// whose tokens somebody manages; "" for all.
func (c *caller) whose() string {
	if c.level >= account.Administer {
		return ""
	}
	return c.owner
}

func (h *handlers) listTokens(ctx context.Context, _ *struct{}) (*TokensOutput, error) {
	all, err := h.deps.Accounts.Tokens(ctx, callerOf(ctx).whose())
	if err != nil {
		return nil, h.failed(ctx, "list tokens", err)
	}
	out := &TokensOutput{}
	out.Body.Tokens = []Token{}
	for i := range all {
		out.Body.Tokens = append(out.Body.Tokens, tokenOf(&all[i]))
	}
	return out, nil
}

// AddTokenInput is a token that somebody wants.
type AddTokenInput struct {
	Body struct {
		Name    string    `json:"name" maxLength:"64" doc:"what it is for"`
		Scope   string    `json:"scope" enum:"read,write,admin"`
		Expires time.Time `json:"expires,omitzero" doc:"absent: never"`
		By      string    `json:"by,omitempty" maxLength:"64" doc:"who, with the administrator's token"`
	}
}

// AddTokenOutput is the token that was made.
type AddTokenOutput struct {
	Body struct {
		Token

		Secret string `json:"token" doc:"the token itself; it is shown this once"`
	}
}

func (h *handlers) addToken(ctx context.Context, in *AddTokenInput) (*AddTokenOutput, error) {
	who, b := callerOf(ctx), &in.Body
	if err := checkBy(b.By); err != nil {
		return nil, err
	}
	secret, t, err := h.deps.Accounts.AddToken(ctx, named(ctx, b.By), &account.Wish{
		Name: b.Name, Scope: account.Scope(b.Scope), Expires: b.Expires, Owner: who.owner, Level: who.level,
	})
	if err != nil {
		return nil, h.accountError(ctx, "make the token", err)
	}
	out := &AddTokenOutput{}
	out.Body.Token, out.Body.Secret = tokenOf(t), secret
	return out, nil
}

// RemoveTokenInput names a token.
type RemoveTokenInput struct {
	ID string `path:"id" maxLength:"64" doc:"id of the token"`
	By string `query:"by" maxLength:"64" doc:"who, with the administrator's token"`
}

func (h *handlers) removeToken(ctx context.Context, in *RemoveTokenInput) (*struct{}, error) {
	if err := checkBy(in.By); err != nil {
		return nil, err
	}
	err := h.deps.Accounts.RemoveToken(ctx, named(ctx, in.By), callerOf(ctx).whose(), in.ID)
	if errors.Is(err, account.ErrNotFound) {
		return nil, huma.Error404NotFound("there is no such token")
	}
	return nil, h.accountError(ctx, "take the token back", err)
}
