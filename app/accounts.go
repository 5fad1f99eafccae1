// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/account"
	"tidewatch/store"
)

// openAccounts finds out whether a user exists.
func openAccounts(ctx context.Context, cfg *Config, s *store.Store, r prometheus.Registerer) (*account.Keeper, error) {
	k, err := account.New(cfg.Accounts, s.Accounts(), time.Now)
	if err != nil {
		return nil, err
	}
	if err := k.Open(ctx); err != nil {
		return nil, err
	}
	if r == nil {
		return k, nil
	}
	return k, r.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "tidewatch_account_sessions_evicted_total", Help: "Sessions that ended because there were too many.",
	}, func() float64 { return float64(k.Lost()) }))
}

// invite says once how to make the first account, as long as there is none. The key
// stands behind the #, which browsers send to nobody; it works once, for a day, and
// until the next start. It is no entry of the log: whatever level that has, people must
// see it, and a collector of logs has no use for it.
func (s *Server) invite(ctx context.Context, w io.Writer) error {
	if s.accounts.SetUp() {
		return nil
	}
	if !s.hasPages { // the link would open a page that cannot ask for a password
		_, err := fmt.Fprintln(w, "tidewatch: no user exists yet; make the first: tidewatch user add NAME --role admin")
		return err
	}
	key, err := s.accounts.SetupKey(ctx)
	if err != nil || key == "" {
		return err
	}
	_, err = fmt.Fprintf(w, "tidewatch: no user exists yet; whoever opens this link becomes the administrator: %s/#/setup?key=%s\n", s.pageURL(), key)
	return err
}

// SignInLink is a link by which a user signs in once.
func (s *Server) SignInLink(ctx context.Context, name string) (string, error) {
	key, err := s.accounts.MakeLink(ctx, account.Administrator, name)
	return s.pageURL() + "/#/enter?key=" + key, err
}

// Accounts gives the demo and tests the accounts.
func (s *Server) Accounts() *account.Keeper { return s.accounts }

// pageURL is where a browser finds the server: by its name if it has one, when it
// listens everywhere.
func (s *Server) pageURL() string {
	scheme := "http://"
	if s.cfg.API.TLS.Enabled() {
		scheme = "https://"
	}
	at, err := netip.ParseAddrPort(s.api.Addr())
	if err != nil || !at.Addr().Unmap().IsUnspecified() {
		return scheme + s.api.Addr()
	}
	host := "127.0.0.1"
	if len(s.cfg.API.Hosts) > 0 {
		host = s.cfg.API.Hosts[0]
	}
	_, port, err := net.SplitHostPort(s.api.Addr())
	if err != nil {
		return scheme + s.api.Addr()
	}
	return scheme + net.JoinHostPort(host, port)
}

// pinned takes the server's own certificate and no other: it is called by a number, which
// stands in few certificates, and it may vouch for itself.
func pinned(file string) (*tls.Config, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("ask the server: %s holds no certificate", file)
	}
	want, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %s: %w", file, err)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection is stricter
		VerifyConnection: func(c tls.ConnectionState) error {
			if len(c.PeerCertificates) == 0 || !c.PeerCertificates[0].Equal(want) {
				return errors.New("it has another certificate than api.tls.cert names")
			}
			return nil
		},
	}, nil
}
