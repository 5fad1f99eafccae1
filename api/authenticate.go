// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"

	"tidewatch/account"
)

// authenticator finds out who a request comes from, and lets it pass if that is
// enough for its route.
type authenticator struct {
	master    [sha256.Size]byte // of the administrator's token
	hasMaster bool
	access    map[string]need
	throttle  *throttle
	counts    *metrics
}

func newAuthenticator(cfg *Config, t *throttle, m *metrics) *authenticator {
	return &authenticator{
		master: sha256.Sum256([]byte(cfg.Token)), hasMaster: cfg.Token != "",
		access: access(), throttle: t, counts: m,
	}
}

// check is the one place that says yes or no. Who guesses tokens wrong too often
// waits, see throttle.
func (a *authenticator) check(mux *http.ServeMux, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		need := a.access[pattern]
		if need == public || a.fromNobody(need, r) {
			next.ServeHTTP(w, r)
			return
		}
		who, ok := a.identify(w, r)
		switch {
		case !ok: // it was answered
		case need.allows(who):
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, who)))
		case who.level == account.Nothing:
			a.refuse(w, "no_token", http.StatusUnauthorized, notSignedIn(r))
		default:
			a.refuse(w, "forbidden", http.StatusForbidden, "your role, or the scope of the token, does not reach as far as this")
		}
	})
}

// fromNobody reports whether a route answers without asking who it is: some do to
// whoever sits at the machine itself.
func (a *authenticator) fromNobody(n need, r *http.Request) bool {
	return isRead(r) && fromHere(r) && (n == local || n == reads)
}

// identify is who sends a request. It has answered when ok is false.
func (a *authenticator) identify(w http.ResponseWriter, r *http.Request) (who *caller, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); token == "" || !strings.EqualFold(scheme, "Bearer") {
		return &caller{}, true
	}
	from := peer(r)
	if wait := a.throttle.wait(from); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		a.refuse(w, "throttled", http.StatusTooManyRequests, "too many wrong tokens from there; wait")
		return nil, false
	}
	got := sha256.Sum256([]byte(token)) // of one length, so that comparing takes one time
	if subtle.ConstantTimeCompare(got[:], a.master[:]) == 1 && a.hasMaster {
		return &caller{level: account.Administer}, true
	}
	a.throttle.failed(from)
	a.refuse(w, "wrong_token", http.StatusUnauthorized, "the bearer token is wrong")
	return nil, false
}

func (a *authenticator) refuse(w http.ResponseWriter, why string, status int, detail string) {
	a.counts.refused.WithLabelValues(why).Inc()
	if status != http.StatusForbidden {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tidewatch"`)
	}
	problem(w, status, detail)
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

func notSignedIn(r *http.Request) string {
	if isRead(r) {
		return "a bearer token is needed beyond the machine itself"
	}
	return "a bearer token is needed to change anything; it is in TIDEWATCH_API_TOKEN or the token file of the data directory"
}
