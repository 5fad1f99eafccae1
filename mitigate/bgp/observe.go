// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"context"
	"strings"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"
)

// observe hears what became of a session.
func (s *Speaker) observe(srv *server.BgpServer, e *apiutil.WatchEventMessage_PeerEvent, at time.Time) {
	if e.Type == apiutil.PEER_EVENT_END_OF_INIT {
		return
	}
	state := e.Peer.State
	name := strings.ToLower(strings.TrimPrefix(state.SessionState.String(), "BGP_FSM_"))
	if state.AdminState == api.PeerState_ADMIN_STATE_PFX_CT && state.SessionState != bgp.BGP_FSM_ESTABLISHED {
		name = blocked
	}
	c := s.sessions.observe(state.NeighborAddress, name, state.RemoteCap, at)
	if c.peer == nil {
		return
	}
	peer := c.peer.label()
	if c.up {
		names := make([]string, 0, len(c.families))
		for _, f := range c.families {
			names = append(names, familyName(f))
		}
		s.log.Info("session with a router is up", "peer", peer, "families", names)
		if wanted, _ := c.peer.families(); len(c.families) < len(wanted) {
			s.log.Warn("a router does not speak all families that are configured", "peer", peer, "speaks", names)
		}
	}
	if c.down {
		s.metrics.flaps.WithLabelValues(peer).Inc()
		s.log.Warn("session with a router is down", "peer", peer, "reason", state.DisconnectMessage)
	}
	if c.blocked {
		s.log.Error("a router sends more routes than are kept and was cut off; it must export nothing to us", "peer", peer, "routes", s.received)
		time.AfterFunc(s.unblock, func() {
			_ = srv.EnablePeer(context.Background(), &api.EnablePeerRequest{Address: state.NeighborAddress.String()}) // it has stopped meanwhile, at worst
		})
	}
}
