// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"tidewatch/account"
)

const (
	freeTokens = 10 // wrong tokens at once from one place before it waits
	cookieName = "tidewatch_session"
	csrfHeader = "X-Csrf-Token"
)

// authenticator finds out who a request comes from, and lets it pass if that is
// enough for its route. At 130 bits guessing tokens is hopeless anyway: the throttle
// keeps a short one safe that somebody chose.
type authenticator struct {
	master   [sha256.Size]byte // of the administrator's token
	token    bool              // there is one
	chosen   bool              // it is written as those of accounts are: those count as guesses at it
	accounts *account.Keeper   // nil: there are none
	proxies  []netip.Prefix
	access   map[string]need
	throttle *account.Throttle[netip.Prefix] // of guesses at the administrator's token
	// Of random tokens that are none, which nobody guesses at: a program goes on with one
	// that ended. It waits alone; others at its address, and the administrator, do not.
	spent  *account.Throttle[netip.Prefix]
	counts *metrics
	logger *slog.Logger
}

func newAuthenticator(cfg *Config, d *Deps, m *metrics) *authenticator {
	return &authenticator{
		master: sha256.Sum256([]byte(cfg.Token)), token: cfg.Token != "", chosen: account.IsToken(cfg.Token), accounts: d.Accounts, proxies: cfg.Proxies,
		access: access(), throttle: account.NewThrottle[netip.Prefix](d.Clock, freeTokens),
		spent: account.NewThrottle[netip.Prefix](d.Clock, freeTokens), counts: m, logger: d.Logger,
	}
}

// check is the one place that says yes or no.
func (a *authenticator) check(mux *http.ServeMux, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		need := a.access[pattern]
		who := a.arrival(r)
		if need != public && !a.fromNobody(need, r) {
			if !a.identify(w, r, who) || !a.permit(w, r, need, who) {
				return // it was answered
			}
		}
		who.still = func(ctx context.Context) bool { return a.still(ctx, need, who) }
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, who)))
	})
}

// fromNobody reports whether a route answers without asking who it is: some do to
// whoever sits at the machine itself, most of them only until there are accounts.
func (a *authenticator) fromNobody(n need, r *http.Request) bool {
	return isRead(r) && fromHere(r) && (n == local || n == reads && !a.setUp())
}

func (a *authenticator) setUp() bool { return a.accounts != nil && a.accounts.SetUp() }

// permit compares who it is with what the route asks. It has answered when it says no.
func (a *authenticator) permit(w http.ResponseWriter, r *http.Request, need need, who *caller) bool {
	switch {
	case !need.allows(who) && who.level == account.Nothing:
		a.refuse(w, "no_token", http.StatusUnauthorized, a.notSignedIn(r))
	case !need.allows(who):
		a.refuse(w, "forbidden", http.StatusForbidden, "your role, or the scope of the token, does not reach as far as this")
	case who.session != nil && !ours(r):
		a.refuse(w, "origin", http.StatusForbidden, "pages of other sites may not use this API")
	case who.session != nil && !isRead(r) && !proves(r, who):
		a.refuse(w, "csrf", http.StatusForbidden, "the header X-CSRF-Token must be the csrf of GET /api/v1/session")
	default:
		return true
	}
	return false
}

// ours reports whether a page of ours sends the request, as far as a browser says so.
// Another port of this machine is the same site to cookies, so that SameSite alone
// does not keep it out.
func ours(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	return false
}

// proves reports whether whoever sends the cookie also knows what only a page of ours
// can have read.
func proves(r *http.Request, who *caller) bool {
	want := account.CSRF(who.cookie)
	return subtle.ConstantTimeCompare([]byte(r.Header.Get(csrfHeader)), []byte(want)) == 1
}

// identify finds out who sends a request. It has answered when it says no.
func (a *authenticator) identify(w http.ResponseWriter, r *http.Request, who *caller) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); token == "" || !strings.EqualFold(scheme, "Bearer") {
		return a.bySession(w, r, who)
	}
	random := a.accounts != nil && account.IsToken(token)
	guess := !random || a.chosen
	if guess && a.waits(w, a.throttle, who) {
		return false
	}
	got := sha256.Sum256([]byte(token)) // of one length, so that comparing takes one time
	if subtle.ConstantTimeCompare(got[:], a.master[:]) == 1 && a.token {
		who.level, who.role = account.Administer, account.Admin
		return true
	}
	if random {
		t, level, err := a.accounts.TokenOf(r.Context(), token)
		if err == nil {
			who.level, who.name, who.owner, who.token = level, t.By(), t.Owner, token
			who.role = [...]account.Role{account.Read: account.Viewer, account.Decide: account.Operator, account.Administer: account.Admin}[level]
			return true
		}
		if !errors.Is(err, account.ErrNotFound) {
			a.broken(w, r, err)
			return false
		}
	}
	if guess {
		a.throttle.Failed(who.from)
		a.refuse(w, "wrong_token", http.StatusUnauthorized, "the bearer token is wrong")
		return false
	}
	if !a.waits(w, a.spent, who) {
		a.spent.Failed(who.from)
		a.refuse(w, "wrong_token", http.StatusUnauthorized, "the bearer token was taken back, has ended, or never was, or its account is disabled")
	}
	return false
}

// still reports whether somebody who was let in would be now: what takes minutes asks
// again. Who cannot be found out about at present stays.
func (a *authenticator) still(ctx context.Context, n need, who *caller) bool {
	var err error
	now := caller{session: who.session}
	switch {
	case n == public:
		return true
	case who.session != nil:
		var u *account.User
		if _, u, err = a.accounts.SessionOf(ctx, who.cookie); err == nil {
			now.level = u.Role.Level()
		}
	case who.token != "":
		_, now.level, err = a.accounts.TokenOf(ctx, who.token)
	case who.level > account.Nothing: // the administrator's token is the same until the end
		return true
	default:
		return n == local || n == open || !a.setUp()
	}
	return n.allows(&now) && err == nil || err != nil && !errors.Is(err, account.ErrNotFound)
}

// waits reports whether somebody failed too often, and has answered then.
func (a *authenticator) waits(w http.ResponseWriter, t *account.Throttle[netip.Prefix], who *caller) bool {
	wait := t.Wait(who.from)
	if wait <= 0 {
		return false
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
	a.refuse(w, "throttled", http.StatusTooManyRequests, "too many wrong tokens from there; wait")
	return true
}

// bySession looks at the cookie. One that is no session is none at all: it may be old.
func (a *authenticator) bySession(w http.ResponseWriter, r *http.Request, who *caller) bool {
	if a.accounts == nil || who.cookie == "" {
		return true
	}
	s, u, err := a.accounts.SessionOf(r.Context(), who.cookie)
	if errors.Is(err, account.ErrNotFound) {
		return true
	}
	if err != nil {
		a.broken(w, r, err)
		return false
	}
	who.level, who.role, who.name, who.owner, who.session = u.Role.Level(), u.Role, u.Name, u.Name, s
	return true
}

func (a *authenticator) broken(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		a.logger.ErrorContext(r.Context(), "request failed", "what", "find out who it is", "error", err)
	}
	problem(w, http.StatusInternalServerError, "could not find out who you are; the server's log says why")
}

func (a *authenticator) refuse(w http.ResponseWriter, why string, status int, detail string) {
	a.counts.refused.WithLabelValues(why).Inc()
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tidewatch"`)
	}
	problem(w, status, detail)
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

func (a *authenticator) notSignedIn(r *http.Request) string {
	switch {
	case a.setUp():
		return "sign in, or send a bearer token"
	case isRead(r) && !fromHere(r):
		return "a bearer token is needed beyond the machine itself"
	case isRead(r):
		return "a bearer token is needed to see this; it is in TIDEWATCH_API_TOKEN or the token file of the data directory"
	}
	return "a bearer token is needed to change anything; it is in TIDEWATCH_API_TOKEN or the token file of the data directory"
}
