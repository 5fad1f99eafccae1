// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// problem answers with an RFC 9457 problem document.
func problem(w http.ResponseWriter, status int, detail string, errs ...*huma.ErrorDetail) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	// The status line is sent: a client that went away cannot be told anything.
	_ = json.NewEncoder(w).Encode(&huma.ErrorModel{
		Title: http.StatusText(status), Status: status, Detail: detail, Errors: errs,
	})
}

// recovered answers 500 when a handler panics; net/http would cut the connection.
func recovered(logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				logger.ErrorContext(r.Context(), "request panicked", "path", r.URL.Path, "panic", p)
				problem(w, http.StatusInternalServerError, "the server made a mistake; its log says more")
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// headers keep browsers from guessing types, framing pages and storing answers.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if r.TLS != nil { // a browser that was here once comes by TLS from then on
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// checkHost refuses requests by a name that is not ours. A web page whose name
// was rebound to 127.0.0.1 sends its own name and gets nothing.
func checkHost(cfg *Config, m *metrics, next http.Handler) http.Handler {
	names := append([]string{"localhost"}, cfg.Hosts...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostName(r.Host)
		ours := slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, host) })
		// An address in digits cannot be rebound: the client connected to it. It is
		// ours if the connection ended there.
		if a, err := netip.ParseAddr(host); err == nil {
			ours = a.Unmap().IsLoopback() || a.Unmap() == localAddr(r)
		}
		if !ours {
			m.refused.WithLabelValues("host").Inc()
			problem(w, http.StatusForbidden, "this server is not called by that name; add it to api.hosts")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// checkOrigin refuses what a page of another site sends: a browser names the page
// in Origin, and an open loopback port can be driven from any of them. Host was
// checked before, so equal means ours. Programs send no Origin.
func checkOrigin(m *metrics, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, origin := range r.Header.Values("Origin") {
			u, err := url.Parse(origin)
			if err != nil || (u.Scheme != "http" && u.Scheme != "https") || !strings.EqualFold(u.Host, r.Host) {
				m.refused.WithLabelValues("origin").Inc()
				problem(w, http.StatusForbidden, "pages of other sites may not use this API")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// hostName takes the port and the brackets off a Host header.
func hostName(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
}

func localAddr(r *http.Request) netip.Addr {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// fromHere reports whether the request came from this machine itself. One that a
// proxy passed on did not, wherever the proxy runs.
func fromHere(r *http.Request) bool {
	for _, h := range [...]string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}
