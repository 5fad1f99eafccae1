// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/account"
	"tidewatch/incident"
)

// minToken is the shortest token that is taken (contract: at least 16 characters).
const minToken = 16

// Config says where the API listens and who may ask.
type Config struct {
	Listen    string         `yaml:"listen"`              // host:port; port 0 takes a free one; beyond loopback only with a token
	Hosts     []string       `yaml:"hosts"`               // names by which browsers may call it, beside localhost and addresses
	Token     string         `yaml:"token" secret:"true"` // bearer token, at least 16 characters; needed to change anything, and by everyone beyond loopback
	TokenFile string         `yaml:"token_file"`          // file that holds the token alone, mode 0600, read at the start; empty: the file token in the data directory, made when missing
	TLS       TLSConfig      `yaml:"tls"`                 // certificate by which only TLS is spoken; none: plain HTTP
	Proxies   []netip.Prefix `yaml:"proxies"`             // reverse proxies in front, whose X-Forwarded-For and X-Forwarded-Proto are believed; nobody else's are
	MaxConns  int            `yaml:"max_conns"`           // connections at once; more wait in the kernel's queue

	MaxStreams int `yaml:"max_streams"` // clients that watch events at once, never more than half of max_conns; further ones are refused
}

// DefaultConfig listens on loopback, where no token is needed to read.
func DefaultConfig() Config { return Config{Listen: "127.0.0.1:8080", MaxConns: 512, MaxStreams: 64} }

// Validate reports the first value that makes no sense. It never repeats the token.
func (c *Config) Validate() error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen must be host:port, not %q", c.Listen)
	}
	if _, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", port); err != nil {
		return fmt.Errorf("listen must end in a port, not %q", port)
	}
	if c.Token != "" && len(c.Token) < minToken {
		return fmt.Errorf("the token must have at least %d characters", minToken)
	}
	if strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the token must hold visible ASCII characters alone")
	}
	if c.Token != "" && c.TokenFile != "" {
		return errors.New("token and token_file are both set; one of them is needed")
	}
	if c.Token == "" && c.TokenFile == "" && !isLoopback(host) {
		return fmt.Errorf("refusing to listen on %s without a token: set TIDEWATCH_API_TOKEN (at least %d characters) or api.token_file, or listen on 127.0.0.1",
			c.Listen, minToken)
	}
	if err := c.TLS.validate(); err != nil {
		return err
	}
	if c.MaxConns < 1 {
		return errors.New("max_conns must be at least 1")
	}
	if c.MaxStreams < 1 {
		return errors.New("max_streams must be at least 1")
	}
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, ":/ ") {
			return fmt.Errorf("hosts holds plain names, not %q", h)
		}
	}
	return nil
}

// Streams is how many may watch at once: open streams must leave connections for others.
func (c *Config) Streams() int { return min(c.MaxStreams, max(1, c.MaxConns/2)) }

// isLoopback reports whether a listening host is reached from this machine only.
// Names other than localhost may mean anything and are taken as not.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// Incidents is what the API reads; the store implements it.
type Incidents interface {
	List(ctx context.Context, f *incident.Filter) (incident.Page, error)
	// Get returns incident.ErrNotFound for an unknown id.
	Get(ctx context.Context, id string) (*incident.Incident, error)
	Counts(ctx context.Context, since time.Time) (incident.Counts, error)
}

// Deps are what a Server works with.
type Deps struct {
	Incidents   Incidents                          // needed
	Desk        Desk                               // nil: nothing can be decided
	Baselines   Baselines                          // nil: nothing was learned
	Events      Events                             // nil: nothing can be planned
	Exclusions  Exclusions                         // nil: nothing can be excluded
	Devices     Devices                            // nil: none are known
	Mitigations *Mitigations                       // nil: nothing is done against attacks
	Audit       Audit                              // nil: nobody keeps it
	Accounts    *account.Keeper                    // nil: there are none
	Traffic     Traffic                            // nil: nothing is carried
	Hub         *Hub                               // nil: nothing can be watched
	Exporters   func() []Exporter                  // nil: none are known
	Web         http.Handler                       // the dashboard: GET / and everything that is not the API; nil: a page of text
	Health      http.Handler                       // /healthz; nil: always 200
	Ready       http.Handler                       // /readyz; nil: always 200
	Metrics     http.Handler                       // /metrics; nil: 404
	Logger      *slog.Logger                       // nil: discarded
	Registerer  prometheus.Registerer              // nil: not counted anywhere
	Clock       func() time.Time                   // nil: time.Now; what "24 h" counts back from
	Version     string                             // of the program, in the OpenAPI document; empty: "dev"
	Zone        string                             // the site's time zone, such as Europe/Berlin
	Flows       Flows                              // nil: none are recorded
	History     func(context.Context) HistoryState // nil: nothing is recorded
	Differ      Differ                             // nil: nothing was learned
	Sinks       Sinks                              // nil: nobody hears of anything
	Effective   func() (string, error)             // the configuration in effect, without secrets; nil: not told
}
