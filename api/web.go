// SPDX-License-Identifier: Apache-2.0

package api

import (
	"io"
	"net/http"
)

// webPolicy lets pages of the dashboard load their own scripts, styles, fonts and
// pictures, and ask this server: nothing else, from nowhere else, in no frame.
const webPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// web serves the dashboard, which says itself what may be stored: files whose names
// are made from what is in them may be, for good.
func web(files http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", webPolicy)
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		w.Header().Set("Cache-Control", "no-cache") // it may be kept, if it is asked for again
		files.ServeHTTP(w, r)
	})
}

// mountRest is everything beside the API: the dashboard, or a page of text; and a
// problem for whatever fits nothing.
func mountRest(mux *http.ServeMux, d *Deps) {
	nothing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { notFound(mux, w, r) })
	mux.Handle("/", nothing)
	if d.Web == nil {
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = io.WriteString(w, page)
		})
		return
	}
	mux.Handle("GET /", web(d.Web))
	mux.Handle("GET /api/", nothing)
	if d.Metrics == nil {
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { missing(w) })
	}
}
