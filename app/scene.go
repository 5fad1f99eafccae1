// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"tidewatch/decision"
	"tidewatch/guard"
	"tidewatch/incident"
	"tidewatch/mitigate"
)

var _ mitigate.Scene = (*scene)(nil)

// scene is what decisions about traffic are told of the network and of the house.
type scene struct {
	engine    *Engine
	exporters func() []netip.Addr
	peers     []netip.Addr

	mu    sync.Mutex
	own   []guard.Protected // ourselves and the machine's resolvers
	asked time.Time
}

// ourselves is how long what the system says of its own addresses and resolvers holds.
const ourselves = time.Minute

func newScene(s *Server, cfg *MitigationConfig) *scene {
	out := &scene{engine: s.engine, exporters: s.exporters.all}
	for i := range cfg.BGP.Peers {
		out.peers = append(out.peers, cfg.BGP.Peers[i].Address)
	}
	return out
}

// Incident implements mitigate.Scene.
func (s *scene) Incident(id string) (incident.Incident, bool) { return s.engine.Incident(id) }

// Coverage implements mitigate.Scene.
func (s *scene) Coverage(target netip.Prefix, m *decision.Match) (mitigate.Coverage, bool) {
	match := matchOf(m)
	got, ok := s.engine.Coverage(target, &match)
	return mitigate.Coverage{
		Covers: got.Covers, CoversError: got.CoversError, Collateral: got.Collateral, CollateralError: got.CollateralError,
	}, ok
}

// Prevalence implements mitigate.Scene.
func (s *scene) Prevalence(a netip.Addr) (int, bool) { return s.engine.Prevalence(a) }

// Protected implements mitigate.Scene.
func (s *scene) Protected() []guard.Protected {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.asked.IsZero() || now.Sub(s.asked) > ourselves {
		s.own, s.asked = own(), now
	}
	out := slices.Clone(s.own)
	for _, a := range s.exporters() {
		out = append(out, guard.Protected{Prefix: single(a), Why: "exporter"})
	}
	for _, a := range s.peers {
		out = append(out, guard.Protected{Prefix: single(a), Why: "BGP peer"})
	}
	return out
}

func single(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen())
}

// own are the addresses of this machine and the name servers that it asks. What the
// system does not tell is not protected by this; the configuration may name it.
func own() (out []guard.Protected) {
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				out = append(out, guard.Protected{Prefix: single(p.Addr()), Why: "tidewatch itself"})
			}
		}
	}
	for _, a := range nameServers("/etc/resolv.conf") {
		out = append(out, guard.Protected{Prefix: single(a), Why: "resolver"})
	}
	return out
}

// nameServers reads resolv.conf(5), none when it is not there.
func nameServers(path string) (out []netip.Addr) {
	f, err := os.Open(path) //nolint:gosec // the system's own
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // it was only read
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(words[1]); err == nil {
			out = append(out, a)
		}
	}
	return out
}
