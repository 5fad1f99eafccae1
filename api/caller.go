// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/netip"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/account"
	"tidewatch/incident"
)

// caller is who a request comes from. Without a level it is nobody in particular.
type caller struct {
	level   account.Level
	name    string           // of the account, or of a token without one; empty: the administrator's token, or nobody
	role    account.Role     // of the account, or what the level amounts to
	session *account.Session // nil: not by a cookie
	owner   string           // of tokens that it makes; empty: the administrator

	token  string                     // of an account, or of a program: its secret
	still  func(context.Context) bool // it may do even now what it was let in for; nil: that was asked of nobody
	jar    string                     // name of the cookie
	cookie string                     // the secret in it, whether that is a session or not
	from   netip.Prefix               // where the request comes from
	secure bool                       // it came by TLS
}

type callerKey struct{}

// callerOf is who the request of a context comes from.
func callerOf(ctx context.Context) *caller {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c
	}
	return &caller{}
}

// checkBy refuses a name that cannot be shown.
func checkBy(by string) error {
	if err := incident.CheckName(by); err != nil {
		return huma.Error422UnprocessableEntity(err.Error())
	}
	return nil
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
