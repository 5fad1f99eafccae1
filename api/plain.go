// SPDX-License-Identifier: Apache-2.0

package api

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// plainQuery refuses a query that cannot be read as a whole. What net/url cannot decode it
// leaves out, and of what comes twice only the first would be looked at: a filter would be
// missing, and the answer hold what nobody asked for.
func plainQuery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "" || !strings.HasPrefix(r.URL.Path, "/api/") {
			next.ServeHTTP(w, r)
			return
		}
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			problem(w, http.StatusUnprocessableEntity, "the query cannot be read; in it, % is written %25 and ; is written %3B",
				&huma.ErrorDetail{Message: err.Error(), Location: "query"})
			return
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if len(values[name]) > 1 {
				problem(w, http.StatusUnprocessableEntity, "a parameter comes once; several values are divided by commas",
					&huma.ErrorDetail{Message: "given more than once", Location: "query." + name})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
