// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/server"
)

const (
	reconnect = 5 * time.Second // after a session broke or could not be made
	unblock   = time.Minute     // after a peer sent more routes than are kept
	stopping  = 5 * time.Second // for the farewell to peers
	retry     = time.Second     // after a rule could not be taken back
	received  = 10_000          // routes of a family that a peer may send before it is cut off: they are of no use here, and cost memory
)

// Run speaks to the peers until ctx ends, and takes leave of them then: they drop what
// we announced at once.
func (s *Speaker) Run(ctx context.Context) error {
	srv := server.NewBgpServer(server.LoggerOption(quieter(s.log), nil))
	go srv.Serve()
	defer s.stop(srv)
	if err := s.start(ctx, srv); err != nil {
		return err
	}
	s.mu.Lock()
	s.srv = srv
	s.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		timer.Reset(s.expire())
	}
}

// start opens the sessions.
func (s *Speaker) start(ctx context.Context, srv *server.BgpServer) error {
	port := int32(-1) // no listener
	listen := make([]string, 0, len(s.cfg.Listen))
	for _, a := range s.cfg.Listen {
		port = int32(s.cfg.ListenPort)
		listen = append(listen, a.String())
	}
	err := srv.StartBgp(ctx, &api.StartBgpRequest{Global: &api.Global{
		Asn: s.cfg.ASN, RouterId: s.cfg.routerID().String(), ListenPort: port, ListenAddresses: listen,
	}})
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("start BGP: port %d is in use by another program; set mitigation.bgp.listen_port to another one, or leave mitigation.bgp.listen empty", port)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("start BGP: no permission to listen on port %d; ports below 1024 need one", port)
	case err != nil:
		return fmt.Errorf("start BGP: %w", err)
	}
	if err := hearNobody(ctx, srv); err != nil {
		return fmt.Errorf("refuse routes of peers: %w", err)
	}
	s.sessions.begin(time.Now())
	err = srv.WatchEvent(ctx, server.WatchEventMessageCallbacks{OnPeerUpdate: func(e *apiutil.WatchEventMessage_PeerEvent, at time.Time) { s.observe(srv, e, at) }}, server.WatchPeer())
	if err != nil {
		return fmt.Errorf("watch sessions: %w", err)
	}
	for i := range s.cfg.Peers {
		p := &s.cfg.Peers[i]
		if err := srv.AddPeer(ctx, &api.AddPeerRequest{Peer: s.peer(p)}); err != nil {
			return fmt.Errorf("add peer %s: %w", p.label(), err)
		}
	}
	return nil
}

// hearNobody keeps routes of peers out of what we announce: this is no router, and must
// never tell one router what another said.
func hearNobody(ctx context.Context, srv *server.BgpServer) error {
	own := &api.Policy{Name: "own", Statements: []*api.Statement{{
		Name:       "own",
		Conditions: &api.Conditions{RouteType: api.Conditions_ROUTE_TYPE_LOCAL},
		Actions:    &api.Actions{RouteAction: api.RouteAction_ROUTE_ACTION_ACCEPT},
	}}}
	if err := srv.AddPolicy(ctx, &api.AddPolicyRequest{Policy: own}); err != nil {
		return err
	}
	for _, d := range []api.PolicyDirection{api.PolicyDirection_POLICY_DIRECTION_IMPORT, api.PolicyDirection_POLICY_DIRECTION_EXPORT} {
		err := srv.SetPolicyAssignment(ctx, &api.SetPolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
			Name: "global", Direction: d, Policies: []*api.Policy{own}, DefaultAction: api.RouteAction_ROUTE_ACTION_REJECT,
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// peer is what gobgp is told of a router.
func (s *Speaker) peer(p *PeerConfig) *api.Peer {
	out := &api.Peer{
		Conf: &api.PeerConf{NeighborAddress: p.Address.String(), PeerAsn: p.ASN, AuthPassword: p.Password},
		Timers: &api.Timers{Config: &api.TimersConfig{
			HoldTime: uint64(s.cfg.HoldTime / time.Second), KeepaliveInterval: uint64(s.cfg.HoldTime / time.Second / 3),
			ConnectRetry: uint64(reconnect / time.Second), IdleHoldTimeAfterReset: uint64(reconnect / time.Second),
		}},
		Transport: &api.Transport{PassiveMode: p.Passive, RemotePort: usualPort},
	}
	if p.Port != 0 {
		out.Transport.RemotePort = uint32(p.Port)
	}
	if a := p.local(&s.cfg); a.IsValid() {
		out.Transport.LocalAddress = a.String()
	}
	if p.TTLSecurity > 0 {
		out.TtlSecurity = &api.TtlSecurity{Enabled: true, TtlMin: uint32(256 - p.TTLSecurity)} // RFC 5082, 3: 255 at the sender, less one a hop
	}
	if p.Multihop > 0 {
		out.EbgpMultihop = &api.EbgpMultihop{Enabled: true, MultihopTtl: uint32(p.Multihop)}
	}
	restarts := s.cfg.GracefulRestart > 0
	if restarts {
		out.GracefulRestart = &api.GracefulRestart{Enabled: true, RestartTime: uint32(s.cfg.GracefulRestart / time.Second)}
	}
	wanted, _ := p.families() // Validate has seen them
	for _, f := range wanted {
		name := &api.Family{Afi: api.Family_Afi(f.Afi()), Safi: api.Family_Safi(f.Safi())}
		out.AfiSafis = append(out.AfiSafis, &api.AfiSafi{
			Config:            &api.AfiSafiConfig{Family: name, Enabled: true},
			PrefixLimits:      &api.PrefixLimit{Family: name, MaxPrefixes: s.received},
			MpGracefulRestart: &api.MpGracefulRestart{Config: &api.MpGracefulRestartConfig{Enabled: restarts}},
		})
	}
	return out
}

// expire takes back what is over, and returns how long nothing else will be.
func (s *Speaker) expire() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids, next := s.rules.ended(time.Now())
	wait := longest
	if !next.IsZero() {
		wait = max(time.Until(next), 0)
	}
	for _, id := range ids {
		err := s.take(id)
		if err != nil {
			s.metrics.errors.WithLabelValues(opExpire).Inc()
			s.log.Error("a rule that is over could not be taken back", "decision", id, "error", err)
			wait = min(wait, retry)
			continue
		}
		s.metrics.expired.Inc()
		s.log.Info("a rule ended by its own timer", "decision", id)
	}
	return wait
}

// stop takes leave of the peers. Nothing is held from here on.
func (s *Speaker) stop(srv *server.BgpServer) {
	s.mu.Lock()
	s.srv, s.rules = nil, newRules()
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.Stop()
	}()
	select {
	case <-done:
	case <-time.After(stopping):
		s.log.Warn("routers were not taken leave of in time; the connections end with the process")
	}
	s.sessions.begin(time.Now())
}
