// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	stdnet "net"
	"net/netip"
	"strings"
	"testing"
)

// A port that another program has is named, with what to do.
func TestPortInUse(t *testing.T) {
	var lc stdnet.ListenConfig
	taken, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	cfg := DefaultConfig()
	cfg.ASN, cfg.RouterID, cfg.Listen = 65001, netip.MustParseAddr("127.0.0.1"), []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	cfg.ListenPort = netip.MustParseAddrPort(taken.Addr().String()).Port()
	cfg.Peers = []PeerConfig{{Address: netip.MustParseAddr("127.0.0.9"), ASN: 65002, Passive: true}}
	s, err := New(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "set mitigation.bgp.listen_port to another one") {
		t.Errorf("Run returned %v", err)
	}
}
