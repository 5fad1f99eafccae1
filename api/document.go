// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// securitySchemes are the ways in. Programs made from the document send what it names.
func securitySchemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "A token of POST /api/v1/tokens, or the administrator's: TIDEWATCH_API_TOKEN, or the token file of the data directory."},
		"session": {Type: "apiKey", In: "cookie", Name: cookieName, Description: "The cookie of whoever signed in by POST /api/v1/session. Where the address of the server names a port, so does the cookie: tidewatch_session_8080."},
		"csrf":    {Type: "apiKey", In: "header", Name: "X-CSRF-Token", Description: "With the cookie, on whatever changes something: csrf of GET /api/v1/session."},
	}
}

// security writes into the document what access says, which is what is enforced: another
// table would differ from it one day.
func security(doc *huma.OpenAPI, table map[string]need) {
	for path, item := range doc.Paths {
		for method, o := range map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
		} {
			if o == nil {
				continue
			}
			o.Security = table[method+" "+path].schemes(method != http.MethodGet)
		}
	}
}

// schemes is what a route takes; the empty one is nobody in particular.
func (n need) schemes(changes bool) []map[string][]string {
	nobody, token, session := map[string][]string{}, map[string][]string{"token": {}}, map[string][]string{"session": {}}
	if changes {
		session["csrf"] = []string{}
	}
	switch n {
	case public:
		return []map[string][]string{nobody}
	case reads, local, open:
		return []map[string][]string{nobody, token, session}
	case manages, decides, administers:
	}
	return []map[string][]string{token, session}
}
