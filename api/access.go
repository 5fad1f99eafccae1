// SPDX-License-Identifier: Apache-2.0

package api

import "tidewatch/account"

// need is what a route asks of whoever calls it.
type need int

const (
	administers need = iota // an administrator: also what a route asks that has no row
	decides                 // an operator
	reads                   // a viewer; from the machine itself nobody in particular, until a user exists
	manages                 // somebody who manages what is their own: a token does so with scope admin only
	local                   // a viewer; from the machine itself nobody in particular, at any time
	open                    // nobody in particular; who it is matters to the answer
	public                  // nobody in particular; who it is does not matter
)

// access is the one table of who may use what, by the pattern of the route. A test
// walks through all routes, so that none is without a row.
func access() map[string]need {
	const v1 = "/api/v1/"
	return map[string]need{
		"GET /healthz": public,
		"GET /readyz":  public,
		"GET /metrics": local,
		"GET /{$}":     reads,
		"/":            reads, // no such path, or not with that method
		"GET /api/":    reads,
		"GET /":        public, // the dashboard: its files hold no secret, and its first page asks who it is

		"GET " + v1 + "openapi.json":     public,
		"GET " + v1 + "openapi.yaml":     public,
		"GET " + v1 + "openapi-3.0.json": public,
		"GET " + v1 + "openapi-3.0.yaml": public,

		"GET " + v1 + "session":           open,
		"POST " + v1 + "session":          public,
		"DELETE " + v1 + "session":        open,
		"POST " + v1 + "session/password": manages,
		"POST " + v1 + "session/link":     public,
		"POST " + v1 + "setup":            public,
		"GET " + v1 + "users":             administers,
		"POST " + v1 + "users":            administers,
		"PATCH " + v1 + "users/{name}":    administers,
		"DELETE " + v1 + "users/{name}":   administers,
		"GET " + v1 + "tokens":            manages,
		"POST " + v1 + "tokens":           manages,
		"DELETE " + v1 + "tokens/{id}":    manages,

		"GET " + v1 + "incidents":                   reads,
		"GET " + v1 + "incidents/{id}":              reads,
		"GET " + v1 + "incidents/{id}/flows":        reads,
		"POST " + v1 + "incidents/{id}/acknowledge": decides,
		"POST " + v1 + "incidents/{id}/close":       decides,
		"POST " + v1 + "incidents/{id}/comment":     decides,
		"POST " + v1 + "incidents/{id}/feedback":    decides,
		"GET " + v1 + "feedback":                    reads,
		"DELETE " + v1 + "feedback/{id}":            decides,

		"GET " + v1 + "baselines":           reads,
		"GET " + v1 + "baselines/diff":      reads,
		"POST " + v1 + "baselines/approve":  decides,
		"POST " + v1 + "baselines/freeze":   decides,
		"POST " + v1 + "baselines/rollback": decides,

		"GET " + v1 + "events":             reads,
		"GET " + v1 + "events/occurrences": reads,
		"POST " + v1 + "events":            decides,
		"DELETE " + v1 + "events/{id}":     decides,

		"GET " + v1 + "exclusions":         reads,
		"POST " + v1 + "exclusions":        decides,
		"DELETE " + v1 + "exclusions/{id}": decides,

		"GET " + v1 + "mitigations":                reads,
		"GET " + v1 + "mitigations/{id}":           reads,
		"GET " + v1 + "mitigations/status":         reads,
		"POST " + v1 + "mitigations":               decides,
		"POST " + v1 + "mitigations/{id}/approve":  decides,
		"POST " + v1 + "mitigations/{id}/reject":   decides,
		"POST " + v1 + "mitigations/{id}/withdraw": decides,
		"POST " + v1 + "mitigations/panic":         decides,
		"POST " + v1 + "mitigations/resume":        decides,

		"GET " + v1 + "audit":             reads,
		"GET " + v1 + "devices":           reads,
		"GET " + v1 + "devices/{address}": reads,
		"GET " + v1 + "exporters":         reads,
		"GET " + v1 + "summary":           reads,

		"GET " + v1 + "stream":             reads,
		"GET " + v1 + "traffic":            reads,
		"GET " + v1 + "movers":             reads,
		"GET " + v1 + "flows":              reads,
		"GET " + v1 + "flows/query":        reads,
		"GET " + v1 + "flows/export":       reads,
		"GET " + v1 + "history":            reads,
		"GET " + v1 + "sinks":              reads,
		"POST " + v1 + "sinks/{name}/test": administers,
		"GET " + v1 + "config":             administers,
	}
}

// allows reports whether somebody is enough for what a route asks.
func (n need) allows(c *caller) bool {
	switch n {
	case open, public:
		return true
	case local, reads:
		return c.level >= account.Read
	case decides:
		return c.level >= account.Decide
	case manages:
		return c.level >= account.Administer || c.level >= account.Read && c.session != nil
	case administers:
	}
	return c.level >= account.Administer
}
