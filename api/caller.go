// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"tidewatch/account"
)

// caller is who a request comes from. The zero value is nobody in particular.
type caller struct {
	level   account.Level
	name    string           // of the account, or of a token without one; empty: the administrator's token, or nobody
	session *account.Session // nil: not by a cookie
}

type callerKey struct{}

// callerOf is who the request of a context comes from.
func callerOf(ctx context.Context) *caller {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c
	}
	return &caller{}
}

// named is who decides: the account, or else whom the request names.
func named(ctx context.Context, by string) string {
	if c := callerOf(ctx); c.name != "" {
		return c.name
	}
	if by == "" {
		return anybody
	}
	return by
}
