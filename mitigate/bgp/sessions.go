// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// Session is the state of one peer.
type Session struct {
	Peer     string     `json:"peer"`
	Address  netip.Addr `json:"address"`
	ASN      uint32     `json:"asn"`
	State    string     `json:"state" enum:"idle,connect,active,opensent,openconfirm,established,blocked" doc:"blocked: it sent more routes than are kept, and is asked again after a minute"`
	Since    time.Time  `json:"since" doc:"of the state up or down, not of each attempt"`
	Families []string   `json:"families" doc:"that both ends speak; empty while the session is down"`
	Rules    int        `json:"rules" doc:"routes that it is told at the moment"`
	Flaps    uint64     `json:"flaps" doc:"times that the session went down since the start"`
}

const (
	established = "established"
	blocked     = "blocked"
)

// session is what is known of a peer.
type session struct {
	cfg    *PeerConfig
	wanted []family
	common []family // that both ends speak, while it is up
	state  string
	since  time.Time
	flaps  uint64
	up     bool
}

// sessions are all peers.
type sessions struct {
	mu  sync.Mutex // guards what follows
	all []*session
}

func newSessions(peers []PeerConfig) (*sessions, error) {
	s := &sessions{}
	for i := range peers {
		f, err := peers[i].families()
		if err != nil {
			return nil, err
		}
		s.all = append(s.all, &session{cfg: &peers[i], wanted: f, state: "idle"})
	}
	return s, nil
}

// begin sets all sessions down at a moment.
func (s *sessions) begin(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.all {
		p.state, p.since, p.up, p.common = "idle", now, false, nil
	}
}

// configured reports whether any peer is to be told routes of a family.
func (s *sessions) configured(f family) bool {
	return slices.ContainsFunc(s.all, func(p *session) bool { return slices.Contains(p.wanted, f) }) // never written after New
}

// up counts the established peers that speak a family.
func (s *sessions) up(f family) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, p := range s.all {
		if p.up && slices.Contains(p.common, f) {
			n++
		}
	}
	return n
}

// change is what became of a peer.
type change struct {
	peer     *PeerConfig
	families []family
	up, down bool
	blocked  bool // it has just sent more than is kept
}

// observe takes down what a peer's state is.
func (s *sessions) observe(address netip.Addr, state string, remote []bgp.ParameterCapabilityInterface, now time.Time) change {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.all {
		if p.cfg.Address != address.Unmap() {
			continue
		}
		was := p.up
		c := change{peer: p.cfg, up: state == established && !was, down: state != established && was, blocked: state == blocked && p.state != blocked}
		p.up, p.state = state == established, state
		switch {
		case c.up:
			p.since, p.common = now, commonFamilies(p.wanted, remote)
		case c.down:
			p.since, p.common = now, nil
			p.flaps++
		}
		c.families = p.common
		return c
	}
	return change{}
}

// commonFamilies are ours that the other end announced (RFC 4760, 8); one that announces
// none speaks IPv4 alone.
func commonFamilies(ours []family, remote []bgp.ParameterCapabilityInterface) []family {
	var theirs []family
	for _, c := range remote {
		if mp, ok := c.(*bgp.CapMultiProtocol); ok {
			theirs = append(theirs, mp.CapValue)
		}
	}
	if len(theirs) == 0 {
		theirs = []family{bgp.RF_IPv4_UC}
	}
	return slices.DeleteFunc(slices.Clone(ours), func(f family) bool { return !slices.Contains(theirs, f) })
}

// list describes all peers; count says how many routes of a family there are.
func (s *sessions) list(count map[family]int) []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Session, 0, len(s.all))
	for _, p := range s.all {
		v := Session{
			Peer: p.cfg.label(), Address: p.cfg.Address, ASN: p.cfg.ASN, State: p.state, Since: p.since,
			Families: make([]string, 0, len(p.common)), Flaps: p.flaps,
		}
		for _, f := range p.common {
			v.Families = append(v.Families, familyName(f))
			v.Rules += count[f]
		}
		out = append(out, v)
	}
	return out
}
