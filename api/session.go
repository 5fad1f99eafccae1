// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"tidewatch/account"
)

func (h *handlers) sessions(a huma.API) {
	const at = "/api/v1/session"
	huma.Get(a, at, h.session, about("get-session", "Who is signed in"))
	huma.Post(a, at, h.login, signsIn("login", "Sign in with a name and a password"))
	huma.Delete(a, at, h.logout, changes("logout", "Sign out"))
	huma.Post(a, at+"/password", h.ownPassword, changes("change-password", "Change one's own password; other sessions end", http.StatusServiceUnavailable))
	huma.Post(a, at+"/link", h.enter, signsIn("enter", "Sign in by a link that works once"))
	huma.Post(a, "/api/v1/setup", h.setUp, signsIn("set-up", "Make the first account, by the link printed at the start", http.StatusConflict))
}

// signsIn registers a route by which somebody comes in: it needs no token.
func signsIn(id, summary string, also ...int) func(*huma.Operation) {
	return func(o *huma.Operation) {
		about(id, summary, append(also, http.StatusServiceUnavailable)...)(o)
		takes(o)
		o.DefaultStatus = http.StatusOK
	}
}

// SessionUser is who is signed in.
type SessionUser struct {
	Name string `json:"name"`
	Role string `json:"role" enum:"viewer,operator,admin"`
}

// SessionInfo says who is signed in.
type SessionInfo struct {
	SetUp   bool         `json:"set_up" doc:"a user exists"`
	User    *SessionUser `json:"user,omitempty" doc:"absent: nobody is signed in"`
	CSRF    string       `json:"csrf,omitempty" doc:"of a session: to be sent as X-CSRF-Token with whatever changes anything"`
	Version string       `json:"version" doc:"of the program"`
	Zone    string       `json:"zone" doc:"the site's time zone, in which the dashboard writes times"`
}

// SessionOutput is who is signed in, and the cookie of whoever has just done so.
type SessionOutput struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      SessionInfo
}

func (h *handlers) session(ctx context.Context, _ *struct{}) (*SessionOutput, error) {
	who := callerOf(ctx)
	out := &SessionOutput{Body: SessionInfo{SetUp: h.deps.Accounts.SetUp(), Version: h.deps.Version, Zone: h.deps.Zone}}
	if who.level > account.Nothing {
		name := who.name
		if name == "" {
			name = anybody
		}
		out.Body.User = &SessionUser{name, string(who.role)}
	}
	if who.session != nil {
		out.Body.CSRF = account.CSRF(who.cookie)
	}
	return out, nil
}

// signedIn answers whoever has just signed in.
func (h *handlers) signedIn(ctx context.Context, e *account.Entry, err error) (*SessionOutput, error) {
	if err != nil {
		return nil, h.accountError(ctx, "sign in", err)
	}
	return &SessionOutput{
		SetCookie: []http.Cookie{callerOf(ctx).keeps(e.Secret)},
		Body: SessionInfo{
			SetUp: true, User: &SessionUser{e.User.Name, string(e.User.Role)}, CSRF: account.CSRF(e.Secret), Version: h.deps.Version, Zone: h.deps.Zone,
		},
	}, nil
}

// keeps is the cookie that keeps a session in a browser: until that ends, or the session does. Scripts
// cannot read it, and other sites' pages do not send it. An empty secret takes it away.
func (c *caller) keeps(secret string) http.Cookie {
	out := http.Cookie{ //nolint:gosec // Secure is set wherever TLS is spoken
		Name: c.jar, Value: secret, Path: "/", HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteStrictMode,
	}
	if secret == "" {
		out.MaxAge = -1
	}
	return out
}

// LoginInput signs in.
type LoginInput struct {
	Body struct {
		Name     string `json:"name" maxLength:"64"`
		Password string `json:"password" maxLength:"1024"`
	}
}

func (h *handlers) login(ctx context.Context, in *LoginInput) (*SessionOutput, error) {
	who := callerOf(ctx)
	e, err := h.deps.Accounts.Login(ctx, in.Body.Name, in.Body.Password, who.cookie, who.from)
	return h.signedIn(ctx, e, err)
}

// LogoutOutput takes the cookie away.
type LogoutOutput struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

func (h *handlers) logout(ctx context.Context, _ *struct{}) (*LogoutOutput, error) {
	who := callerOf(ctx)
	if who.session != nil {
		if err := h.deps.Accounts.Logout(ctx, who.session); err != nil {
			return nil, h.failed(ctx, "sign out", err)
		}
	}
	return &LogoutOutput{[]http.Cookie{who.keeps("")}}, nil
}

// OwnPasswordInput changes one's own password.
type OwnPasswordInput struct {
	Body struct {
		Old string `json:"old" maxLength:"1024"`
		New string `json:"new" maxLength:"1024" doc:"at least 12 characters"`
	}
}

func (h *handlers) ownPassword(ctx context.Context, in *OwnPasswordInput) (*struct{}, error) {
	who := callerOf(ctx)
	if who.session == nil {
		return nil, huma.Error403Forbidden("only who is signed in with a password has one to change")
	}
	err := h.deps.Accounts.ChangePassword(ctx, who.session, in.Body.Old, in.Body.New, who.from)
	if errors.Is(err, account.ErrWrong) {
		return nil, huma.Error403Forbidden("the old password is wrong")
	}
	return nil, h.accountError(ctx, "change the password", err)
}

// EnterInput is the key of a link.
type EnterInput struct {
	Body struct {
		Key string `json:"key" maxLength:"128"`
	}
}

func (h *handlers) enter(ctx context.Context, in *EnterInput) (*SessionOutput, error) {
	who := callerOf(ctx)
	e, err := h.deps.Accounts.Enter(ctx, in.Body.Key, who.cookie, who.from)
	return h.signedIn(ctx, e, err)
}

// SetUpInput makes the first account.
type SetUpInput struct {
	Body struct {
		Key      string `json:"key" maxLength:"128" doc:"of the link"`
		Name     string `json:"name" maxLength:"64"`
		Password string `json:"password" maxLength:"1024" doc:"at least 12 characters"`
	}
}

func (h *handlers) setUp(ctx context.Context, in *SetUpInput) (*SessionOutput, error) {
	b := &in.Body
	e, err := h.deps.Accounts.Setup(ctx, b.Key, b.Name, b.Password, callerOf(ctx).from)
	return h.signedIn(ctx, e, err)
}

// accountError is the answer for an error of accounts; nil stays nil.
func (h *handlers) accountError(ctx context.Context, what string, err error) error {
	if wait, ok := errors.AsType[*account.WaitError](err); ok {
		h.counts.refused.WithLabelValues("throttled").Inc()
		return huma.ErrorWithHeaders(huma.Error429TooManyRequests(err.Error()),
			http.Header{"Retry-After": {strconv.Itoa(int(wait.For.Seconds()) + 1)}})
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, account.ErrWrong):
		h.counts.refused.WithLabelValues("wrong_password").Inc()
		return huma.Error401Unauthorized(err.Error())
	case errors.Is(err, account.ErrLink), errors.Is(err, account.ErrSetUp):
		h.counts.refused.WithLabelValues("wrong_key").Inc()
		return huma.Error403Forbidden(err.Error())
	case errors.Is(err, account.ErrForbidden):
		return huma.Error403Forbidden(err.Error())
	case errors.Is(err, account.ErrBusy):
		return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable(err.Error()), http.Header{"Retry-After": {"1"}})
	case errors.Is(err, account.ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, account.ErrExists), errors.Is(err, account.ErrLastAdmin), errors.Is(err, account.ErrFull):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, account.ErrInvalid):
		return huma.Error422UnprocessableEntity(err.Error())
	}
	return h.failed(ctx, what, err)
}
