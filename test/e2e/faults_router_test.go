// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	gobgp "github.com/osrg/gobgp/v4/pkg/server"

	"tidewatch/decision"
	"tidewatch/test/routers"
)

// inside is a router in this process, which is quick to ask and to disturb.
type inside struct {
	srv              *gobgp.BgpServer
	address, speaker netip.Addr
	port             uint16
}

func families() []bgp.Family {
	return []bgp.Family{bgp.RF_IPv4_UC, bgp.RF_IPv6_UC, bgp.RF_FS_IPv4_UC, bgp.RF_FS_IPv6_UC}
}

// startInside listens on the first address and expects the speaker from the second.
func startInside(t *testing.T, address, from netip.Addr) *inside {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(address.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	r := &inside{srv: gobgp.NewBgpServer(), address: address, speaker: from, port: netip.MustParseAddrPort(l.Addr().String()).Port()}
	_ = l.Close()
	go r.srv.Serve()
	t.Cleanup(r.srv.Stop)
	if err := r.srv.StartBgp(t.Context(), &api.StartBgpRequest{Global: &api.Global{
		Asn: routers.ASN, RouterId: "192.0.2.99", ListenPort: int32(r.port), ListenAddresses: []string{address.String()},
	}}); err != nil {
		t.Fatal(err)
	}
	p := &api.Peer{
		Conf:      &api.PeerConf{NeighborAddress: from.String(), PeerAsn: speakerASN},
		Transport: &api.Transport{PassiveMode: true, LocalAddress: address.String()},
		Timers:    &api.Timers{Config: &api.TimersConfig{IdleHoldTimeAfterReset: 1}},
	}
	for _, f := range families() {
		p.AfiSafis = append(p.AfiSafis, &api.AfiSafi{Config: &api.AfiSafiConfig{Enabled: true, Family: &api.Family{Afi: api.Family_Afi(f.Afi()), Safi: api.Family_Safi(f.Safi())}}})
	}
	if err := r.srv.AddPeer(t.Context(), &api.AddPeerRequest{Peer: p}); err != nil {
		t.Fatal(err)
	}
	return r
}

// table is what it was told, sorted: prefixes with their communities, rules with rates.
func (r *inside) table(t *testing.T) []string {
	t.Helper()
	out := []string{}
	for _, f := range families() {
		err := r.srv.ListPath(apiutil.ListPathRequest{TableType: api.TableType_TABLE_TYPE_GLOBAL, Family: f}, func(n bgp.NLRI, paths []*apiutil.Path) {
			for _, p := range paths {
				text := n.String()
				for _, a := range p.Attrs {
					switch a := a.(type) {
					case *bgp.PathAttributeCommunities:
						for _, c := range a.Value {
							text += fmt.Sprintf(" %d:%d", c>>16, c&0xffff)
						}
					case *bgp.PathAttributeExtendedCommunities:
						for _, c := range a.Value {
							if rate, ok := c.(*bgp.TrafficRateExtended); ok {
								text += fmt.Sprintf(" rate %.0f", rate.Rate)
							}
						}
					}
				}
				out = append(out, text)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(out)
	return out
}

// flap breaks the session, as a router does that restarts.
func (r *inside) flap(t *testing.T) {
	t.Helper()
	if err := r.srv.ResetPeer(t.Context(), &api.ResetPeerRequest{Address: r.speaker.String(), Communication: "a fault"}); err != nil {
		t.Log("flap:", err) // there was no session
	}
}

// enable lets the speaker in, or shuts it out.
func (r *inside) enable(t *testing.T, yes bool) {
	t.Helper()
	var err error
	if yes {
		err = r.srv.EnablePeer(t.Context(), &api.EnablePeerRequest{Address: r.speaker.String()})
	} else {
		err = r.srv.DisablePeer(t.Context(), &api.DisablePeerRequest{Address: r.speaker.String()})
	}
	if err != nil {
		t.Log("enable:", err) // it is so already
	}
}

// tableOf is what a router should have been told by decisions that are wanted.
func tableOf(wanted []decision.Decision) []string {
	rates, out := map[string]uint64{}, []string{}
	for i := range wanted {
		d := &wanted[i]
		if d.Action == decision.Blackhole {
			out = append(out, d.Target.String()+" 65535:666 65535:65281")
			continue
		}
		rule := ruleText(&d.Match)
		if rate, known := rates[rule]; !known || d.Rate < rate {
			rates[rule] = d.Rate // of two about the same packets the stronger counts
		}
	}
	for rule, rate := range rates {
		out = append(out, fmt.Sprintf("%s rate %d", rule, rate))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ruleText is a rule in the words of gobgp.
func ruleText(m *decision.Match) string {
	var b strings.Builder
	side := func(name string, p netip.Prefix) {
		if !p.IsValid() {
			return
		}
		offset := ""
		if p.Addr().Is6() {
			offset = "/0"
		}
		fmt.Fprintf(&b, "[%s: %s%s]", name, p, offset)
	}
	number := func(name, value string) {
		if value != "" && value != "0" {
			fmt.Fprintf(&b, "[%s: ==%s]", name, value)
		}
	}
	side("destination", m.Destination)
	side("source", m.Source)
	number("protocol", m.Protocol)
	number("destination-port", fmt.Sprint(m.DstPort))
	number("source-port", fmt.Sprint(m.SrcPort))
	switch r := m.PacketBytes; {
	case r == nil:
	case r.From == r.To:
		fmt.Fprintf(&b, "[packet-length: ==%d]", r.From)
	default:
		fmt.Fprintf(&b, "[packet-length: >=%d&<=%d]", r.From, r.To)
	}
	return cmp.Or(b.String(), "all")
}
