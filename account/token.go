// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// TokenPrefix is what all tokens begin with, so that scanners find one that leaked.
const TokenPrefix = "tw_"

// IsToken reports whether a secret is written as the tokens made here are: 256 random bits,
// at which nobody guesses.
func IsToken(secret string) bool {
	random, ok := strings.CutPrefix(secret, TokenPrefix)
	if !ok || len(random) != base64.RawURLEncoding.EncodedLen(secretBytes) {
		return false
	}
	_, err := base64.RawURLEncoding.DecodeString(random)
	return err == nil
}

// Token lets a program in. Its secret is shown once.
type Token struct {
	ID      string
	Hash    Hash
	Name    string
	Owner   string // who made it; empty: the administrator
	Scope   Scope
	Created time.Time
	Expires time.Time // zero: never
	Used    time.Time // to the minute; zero: never
}

// By is whom the audit names for what a token did.
func (t *Token) By() string {
	if t.Owner != "" {
		return t.Owner
	}
	return "token " + t.Name
}

// TokenFilter selects tokens: one by its hash, those of an owner, or all.
type TokenFilter struct {
	Hash  *Hash
	Owner string
}

// Wish is a token that somebody wants.
type Wish struct {
	Name    string
	Scope   Scope
	Expires time.Time // zero: never
	Owner   string    // empty: the administrator
	Level   Level     // of who asks: no token reaches further
}

// AddToken makes a token and returns its secret, which is nowhere else.
func (k *Keeper) AddToken(ctx context.Context, by string, w *Wish) (string, *Token, error) {
	now := k.now()
	odd := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
	switch n := utf8.RuneCountInString(w.Name); {
	case n < 1 || n > maxName-len("token ") || strings.ContainsFunc(w.Name, odd):
		return "", nil, fmt.Errorf("the name %w: 1 to %d letters that print", ErrInvalid, maxName-len("token "))
	case w.Scope.Level() == Nothing:
		return "", nil, fmt.Errorf("the scope %w: read, write or admin", ErrInvalid)
	case w.Scope.Level() > w.Level:
		return "", nil, fmt.Errorf("scope %s: %w", w.Scope, ErrForbidden)
	case !w.Expires.IsZero() && !w.Expires.After(now):
		return "", nil, fmt.Errorf("the end %w: it is over", ErrInvalid)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	all, err := k.store.Tokens(ctx, &TokenFilter{})
	if err != nil {
		return "", nil, err
	}
	if len(all) >= k.cfg.MaxTokens {
		return "", nil, fmt.Errorf("tokens: %w", ErrFull)
	}
	secret := TokenPrefix + newSecret()
	t := &Token{
		ID: "tok-" + strings.ToLower(rand.Text()[:16]), Hash: HashOf(secret), Name: w.Name, Owner: w.Owner,
		Scope: w.Scope, Created: now, Expires: w.Expires,
	}
	detail := fmt.Sprintf("%s, scope %s", t.Name, t.Scope)
	return secret, t, k.store.Apply(ctx, &Change{Audit: k.line(by, "token.add", t.ID, detail), Token: t})
}

// Tokens lists those of an owner, or all when owner is empty.
func (k *Keeper) Tokens(ctx context.Context, owner string) ([]Token, error) {
	return k.store.Tokens(ctx, &TokenFilter{Owner: owner})
}

// RemoveToken takes a token back: one of an owner, or any when owner is empty.
func (k *Keeper) RemoveToken(ctx context.Context, by, owner, id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	all, err := k.store.Tokens(ctx, &TokenFilter{Owner: owner})
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].ID == id {
			return k.store.Apply(ctx, &Change{Audit: k.line(by, "token.remove", id, all[i].Name), Revoke: id})
		}
	}
	return ErrNotFound
}

// TokenOf is the token with a secret, and what it may do now: never more than its
// owner. ErrNotFound: there is none, it has ended, or its owner is disabled.
func (k *Keeper) TokenOf(ctx context.Context, secret string) (*Token, Level, error) {
	if !strings.HasPrefix(secret, TokenPrefix) {
		return nil, Nothing, ErrNotFound
	}
	h := HashOf(secret)
	found, err := k.store.Tokens(ctx, &TokenFilter{Hash: &h})
	if err != nil {
		return nil, Nothing, err
	}
	now := k.now()
	if len(found) != 1 || !found[0].Expires.IsZero() && !found[0].Expires.After(now) {
		return nil, Nothing, ErrNotFound
	}
	t := &found[0]
	level := t.Scope.Level()
	if t.Owner != "" {
		owner, err := k.user(ctx, t.Owner)
		if errors.Is(err, ErrNotFound) || err == nil && owner.Disabled {
			return nil, Nothing, ErrNotFound
		}
		if err != nil {
			return nil, Nothing, err
		}
		level = min(level, owner.Role.Level())
	}
	if now.Sub(t.Used).Abs() >= seenEvery {
		t.Used = now
		// Who may come in does so also when that cannot be written down.
		_ = k.store.Apply(ctx, &Change{Token: t})
	}
	return t, level, nil
}
