// SPDX-License-Identifier: Apache-2.0

// Package bgp has routers drop, limit or divert traffic: it announces blackholes (RFC
// 7999) and FlowSpec rules (RFC 8955, 8956) to its peers.
//
// It only speaks: routes of others are neither kept nor passed on. What is announced ends
// at its time by a timer of its own, and with the session when the process dies.
package bgp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/server"
	"github.com/prometheus/client_golang/prometheus"

	"tidewatch/decision"
	"tidewatch/mitigate"
)

// Deps are what the speaker tells about itself with; nil = nothing is told.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// longest is how far ahead the end of a rule may lie, whoever asks. Rules live for
// minutes and are renewed; one that ends next year comes from a clock that was set.
const longest = 24 * time.Hour

var (
	errNotRunning = errors.New("the BGP speaker is not running")
	errNoPeer     = errors.New("no router that speaks it is connected")
	errOver       = errors.New("its time is over")
	errFar        = fmt.Errorf("it ends more than %v ahead", longest)
)

// Speaker announces decisions to the configured peers.
type Speaker struct {
	cfg      Config
	log      *slog.Logger
	metrics  *metrics
	sessions *sessions
	wake     chan struct{} // the next end may have moved
	received uint32        // routes of a family that a peer may send
	unblock  time.Duration // until one that sent more is asked again

	mu    sync.Mutex // guards what follows
	srv   *server.BgpServer
	rules rules
}

var _ mitigate.Actuator = (*Speaker)(nil)

// New opens nothing. Passwords must have been read from their files.
func New(cfg Config, deps Deps) (*Speaker, error) { //nolint:gocritic // made once
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if !cfg.Enabled() {
		return nil, errors.New("there are no peers")
	}
	for i := range cfg.Peers {
		if cfg.Peers[i].PasswordFile != "" {
			return nil, fmt.Errorf("peer %s: its password was not read from the file", cfg.Peers[i].label())
		}
	}
	peers, err := newSessions(cfg.Peers)
	if err != nil {
		return nil, err
	}
	s := &Speaker{cfg: cfg, log: deps.Log, sessions: peers, wake: make(chan struct{}, 1), received: received, unblock: unblock, rules: newRules()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.metrics, err = newMetrics(deps.Metrics, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Apply announces a decision, or moves its end. Nothing is kept of a new one when no
// router that speaks it is connected: it is not in force, and whoever asks asks again. A
// renewal moves the end and says the same, for the routers may come back.
func (s *Speaker) Apply(ctx context.Context, d *decision.Decision) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := s.plan(d)
	if err == nil {
		err = s.announce(d, r)
	}
	if err != nil {
		s.metrics.errors.WithLabelValues(opApply).Inc()
		return fmt.Errorf("announce %s for %s: %w", d.Action, decision.PrefixText(d.Target), err)
	}
	return nil
}

func (s *Speaker) announce(d *decision.Decision, r *route) error {
	left := time.Until(d.Until) // by the clock of the wall, once; from here on it is not asked
	switch {
	case left <= 0:
		return errOver
	case left > longest:
		return errFar
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv == nil {
		return errNotRunning
	}
	connected := s.sessions.up(r.family) > 0
	old := s.rules.byID[d.ID]
	switch {
	case old == nil && !connected:
		return errNoPeer
	case s.rules.byKey[r.key] == nil && len(s.rules.byKey) >= s.cfg.MaxRules:
		return fmt.Errorf("%d rules are announced, and max_rules allows no more", len(s.rules.byKey))
	}
	c := &claim{id: d.ID, until: d.Until, end: time.Now().Add(left), route: r}
	if err := s.settle(s.rules.put(c)); err != nil {
		if old == nil {
			return errors.Join(err, s.settle(s.rules.drop(d.ID)))
		}
		return err
	}
	s.rouse()
	if !connected {
		return errNoPeer
	}
	return nil
}

// settle makes routers hear what the claims on these rules ask for now.
func (s *Speaker) settle(keys []string) error {
	var failed error
	for _, key := range keys {
		rule := s.rules.byKey[key]
		if rule == nil {
			continue
		}
		want := rule.strongest()
		var err error
		switch {
		case want == nil && rule.announced != nil:
			err = s.srv.DeletePath(apiutil.DeletePathRequest{Paths: []*apiutil.Path{rule.announced.path}})
		case want != nil && (rule.announced == nil || rule.announced.action != want.action || rule.announced.rate != want.rate):
			_, err = s.srv.AddPath(apiutil.AddPathRequest{Paths: []*apiutil.Path{want.path}})
		}
		switch {
		case err != nil:
			failed = errors.Join(failed, err)
		case want == nil:
			delete(s.rules.byKey, key)
		default:
			rule.announced = want
		}
	}
	return failed
}

// Withdraw takes a decision back.
func (s *Speaker) Withdraw(ctx context.Context, d *decision.Decision) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.take(d.ID); err != nil {
		s.metrics.errors.WithLabelValues(opWithdraw).Inc()
		return fmt.Errorf("withdraw %s for %s: %w", d.Action, decision.PrefixText(d.Target), err)
	}
	return nil
}

// take ends a claim; when routers could not be told it stays, for another try.
func (s *Speaker) take(id string) error {
	c := s.rules.byID[id]
	if c == nil || s.srv == nil {
		return nil
	}
	if err := s.settle(s.rules.drop(id)); err != nil {
		s.rules.put(c)
		return err
	}
	return nil
}

// Held lists the decisions that a connected router has been told of. Without the speaker
// nothing is known; it says so.
func (s *Speaker) Held(context.Context) (held map[string]time.Time, known bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv == nil {
		return nil, false, nil
	}
	held = map[string]time.Time{}
	for id, c := range s.rules.byID {
		if s.sessions.up(c.route.family) > 0 {
			held[id] = c.until
		}
	}
	return held, true, nil
}

// Sessions describes all peers.
func (s *Speaker) Sessions() []Session {
	s.mu.Lock()
	count := map[family]int{}
	for _, r := range s.rules.byKey {
		if r.announced != nil {
			count[r.announced.family]++
		}
	}
	s.mu.Unlock()
	return s.sessions.list(count)
}

// rouse has Run look at the ends again.
func (s *Speaker) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
