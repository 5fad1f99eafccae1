// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/api"
)

// TestSigned: sessions come up when both ends sign with the same password (TCP MD5) and
// are as near as GTSM asks, and never otherwise. No password is told anywhere.
func TestSigned(t *testing.T) {
	const password, wrong = "correct horse battery", "staple of another"
	local := own("127.0.0.40")
	cfg := DefaultConfig()
	cfg.ASN, cfg.RouterID, cfg.LocalAddress = ownASN, own("192.0.2.10"), local
	cfg.Listen, cfg.ListenPort = append(cfg.Listen, local), freePort(t, local)
	signs := func(p *api.Peer) { p.Conf.AuthPassword = password }
	want, routers := map[string]bool{}, map[string]*router{}
	for i, c := range []struct {
		name   string
		up     bool
		theirs func(*api.Peer)
		ours   PeerConfig
	}{
		{"signed", true, signs, PeerConfig{Password: password}},
		{"signed otherwise", false, signs, PeerConfig{Password: wrong}},
		{"signed by us alone", false, nil, PeerConfig{Password: password}},
		{"signed by them alone", false, signs, PeerConfig{}},
		{"next hop", true, func(p *api.Peer) { p.TtlSecurity = &api.TtlSecurity{Enabled: true, TtlMin: 255} }, PeerConfig{TTLSecurity: 1}},
		{"farther than they ask", false, func(p *api.Peer) { p.TtlSecurity = &api.TtlSecurity{Enabled: true, TtlMin: 255} }, PeerConfig{Multihop: 64}},
		{"farther than we ask", false, func(p *api.Peer) { p.EbgpMultihop = &api.EbgpMultihop{Enabled: true, MultihopTtl: 64} }, PeerConfig{TTLSecurity: 3}},
		{"they connect, signed", true, func(p *api.Peer) {
			signs(p)
			p.Transport.PassiveMode, p.Transport.RemotePort = false, uint32(cfg.ListenPort)
		}, PeerConfig{Passive: true, Password: password}},
		{"they connect, signed otherwise", false, func(p *api.Peer) {
			signs(p)
			p.Transport.PassiveMode, p.Transport.RemotePort = false, uint32(cfg.ListenPort)
		}, PeerConfig{Passive: true, Password: wrong}},
	} {
		r := newRouter(t, own(fmt.Sprintf("127.0.0.%d", 41+i)), local, c.theirs)
		p := c.ours
		p.Name, p.Address, p.Port, p.ASN = c.name, r.addr, r.port, r.asn
		cfg.Peers = append(cfg.Peers, p)
		want[c.name], routers[c.name] = c.up, r
	}
	s := run(t, cfg, 3)
	time.Sleep(2500 * time.Millisecond) // one more attempt of each
	for _, p := range s.Sessions() {
		// An end that checks the TTL after it has accepted hears our OPEN, and nothing more.
		if got := p.State == established && routers[p.Peer].up(t); got != want[p.Peer] {
			t.Errorf("%s: %s, want up: %v", p.Peer, p.State, want[p.Peer])
		}
	}
	s.stop()
	told, err := json.Marshal(s.Sessions())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{password, wrong} {
		if strings.Contains(s.log.String()+string(told), secret) {
			t.Errorf("a password is told:\n%s\n%s", told, s.log)
		}
	}
	if strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("log:\n%s", s.log)
	}
}
