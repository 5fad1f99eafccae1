// SPDX-License-Identifier: Apache-2.0

// Package api serves incidents, exporters and a summary as JSON under /api/v1,
// with an OpenAPI 3.1 document generated from the Go types, beside the health,
// readiness and metrics pages, and takes what people decide. Errors are RFC 9457
// problems.
//
// A browser on the same machine reaches an open loopback port from any web page,
// so the Host header is checked against DNS rebinding and Origin against other
// sites. Whoever changes anything needs the token, and beyond loopback everybody
// does, except for the health and readiness pages.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Time limits of a connection. Answers are small, and a page of 1000 incidents
// takes well below a second; a client that cannot take it in half a minute is gone.
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 60 * time.Second
	drainTimeout   = 5 * time.Second
	maxHeaderBytes = 16 << 10
)

// Server is the API. Listen takes the port, Run answers until its context ends.
type Server struct {
	cfg      Config
	handler  http.Handler
	logger   *slog.Logger
	listener net.Listener
	hub      *Hub

	certificate *certificate // nil: no TLS
}

// New checks the configuration and builds the routes; it opens no socket.
func New(cfg *Config, deps *Deps) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	if deps.Incidents == nil {
		return nil, errors.New("api: incidents to read are needed")
	}
	d := *deps
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Version == "" {
		d.Version = "dev"
	}
	counts, err := newMetrics(d.Registerer)
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	s := &Server{cfg: *cfg, logger: d.Logger, hub: d.Hub}
	mux := routes(&d, counts)
	s.handler = counts.count(mux, recovered(d.Logger, headers(checkHost(cfg, counts,
		checkOrigin(counts, newAuthenticator(cfg, &d, counts).check(mux, plainQuery(mux)))))))
	return s, nil
}

// Handler returns the whole API, for tests and for mounting it elsewhere.
func (s *Server) Handler() http.Handler { return s.handler }

// Listen takes the port. The error is one line that says what to do.
func (s *Server) Listen(ctx context.Context) error {
	if s.cfg.TLS.Enabled() {
		var err error
		if s.certificate, err = newCertificate(s.cfg.TLS, s.logger); err != nil {
			return fmt.Errorf("api: %w", err)
		}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("api: %s is in use by another program; set api.listen to another port", s.cfg.Listen)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("api: no permission to listen on %s; ports below 1024 need one", s.cfg.Listen)
	case err != nil:
		return fmt.Errorf("api: listen on %s: %w", s.cfg.Listen, err)
	}
	s.listener = limitConns(l, s.cfg.MaxConns)
	return nil
}

// Addr is the address that Listen took, "" before it.
func (s *Server) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Close gives the port back when Run was never called; after Run it does nothing.
func (s *Server) Close() error {
	if s.listener == nil {
		return nil
	}
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("api: close the listener: %w", err)
	}
	return nil
}

// Run answers until ctx ends, lets running requests finish for a few seconds,
// and returns nil then. It calls Listen when that was not done.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		if err := s.Listen(ctx); err != nil {
			return err
		}
	}
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		serve := server.Serve
		if s.certificate != nil {
			server.TLSConfig = s.certificate.config()
			serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
		}
		if err := serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("api: serve: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		s.hub.close() // streams would go on for as long as their clients like
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if err := server.Shutdown(drain); err != nil {
			return server.Close() // who has not taken the answer by now does not get it
		}
		return nil
	})
	return group.Wait()
}
