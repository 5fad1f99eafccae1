// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	stdnet "net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tidewatch/decision"
)

// A server of gobgp that stops while a message waits for a session leaves the goroutine of
// that queue behind, one a session at most.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/eapache/channels.(*InfiniteChannel).infiniteBuffer"))
}

// Servers of gobgp share a package variable that starting one writes, so that no two
// tests with servers run side by side.

// router is a BGP speaker in this process that waits for ours.
type router struct {
	srv  *server.BgpServer
	port uint16
	addr netip.Addr
	asn  uint32 // each has its own, or AS loops would stop what we must not pass on
}

const (
	ownASN    = 4_200_000_001
	routerASN = 64_500
)

// newRouter listens on an address, and expects us from another.
func newRouter(t *testing.T, addr, from netip.Addr, change func(*api.Peer)) *router {
	t.Helper()
	r := &router{srv: server.NewBgpServer(), addr: addr, port: freePort(t, addr), asn: routerASN + uint32(addr.As16()[15])}
	go r.srv.Serve()
	t.Cleanup(r.srv.Stop)
	if err := r.srv.StartBgp(t.Context(), &api.StartBgpRequest{Global: &api.Global{
		Asn: r.asn, RouterId: "192.0.2.99", ListenPort: int32(r.port), ListenAddresses: []string{addr.String()},
	}}); err != nil {
		t.Fatal(err)
	}
	p := &api.Peer{
		Conf:      &api.PeerConf{NeighborAddress: from.String(), PeerAsn: ownASN},
		Transport: &api.Transport{PassiveMode: true, LocalAddress: addr.String()},
		Timers:    &api.Timers{Config: &api.TimersConfig{IdleHoldTimeAfterReset: 1}},
	}
	for _, f := range families() {
		p.AfiSafis = append(p.AfiSafis, &api.AfiSafi{Config: &api.AfiSafiConfig{
			Enabled: true, Family: &api.Family{Afi: api.Family_Afi(f.of.Afi()), Safi: api.Family_Safi(f.of.Safi())},
		}})
	}
	if change != nil {
		change(p)
	}
	if err := r.srv.AddPeer(t.Context(), &api.AddPeerRequest{Peer: p}); err != nil {
		t.Fatal(err)
	}
	return r
}

// up is what the router says of the session with us.
func (r *router) up(t *testing.T) bool {
	t.Helper()
	up := false
	err := r.srv.ListPeer(t.Context(), &api.ListPeerRequest{}, func(p *api.Peer) {
		up = p.State.SessionState == api.PeerState_SESSION_STATE_ESTABLISHED
	})
	if err != nil {
		t.Fatal(err)
	}
	return up
}

func freePort(t *testing.T, addr netip.Addr) uint16 {
	t.Helper()
	l, err := stdnet.Listen("tcp", stdnet.JoinHostPort(addr.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String()).Port()
}

// routes are what it was told, as text: prefix or rule, then the communities.
func (r *router) routes(t *testing.T) []string {
	t.Helper()
	out := []string{}
	for _, f := range families() {
		err := r.srv.ListPath(apiutil.ListPathRequest{TableType: api.TableType_TABLE_TYPE_GLOBAL, Family: f.of}, func(n bgp.NLRI, paths []*apiutil.Path) {
			for _, p := range paths {
				text, marks := n.String(), ""
				for _, a := range p.Attrs {
					switch a := a.(type) {
					case *bgp.PathAttributeNextHop:
						text += " via " + a.Value.String()
					case *bgp.PathAttributeMpReachNLRI:
						if a.Nexthop.IsValid() && !a.Nexthop.IsUnspecified() {
							text += " via " + a.Nexthop.String()
						}
					case *bgp.PathAttributeCommunities, *bgp.PathAttributeLargeCommunities, *bgp.PathAttributeExtendedCommunities:
						marks += " " + fmt.Sprint(a)
					}
				}
				out = append(out, text+marks)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(out)
	return out
}

// waitFor waits until the router was told exactly this.
func (r *router) waitFor(t *testing.T, within time.Duration, want ...string) {
	t.Helper()
	slices.Sort(want)
	var got []string
	eventually(t, within, func() bool {
		got = r.routes(t)
		return slices.Equal(got, want)
	}, func() string {
		return fmt.Sprintf("the router has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	})
}

func eventually(t *testing.T, within time.Duration, is func() bool, say func() string) {
	t.Helper()
	for end := time.Now().Add(within); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, say())
		}
	}
}

// running is a speaker whose Run has begun.
type running struct {
	*Speaker
	log      *lockedBuffer
	registry *prometheus.Registry
	stop     func()
}

// lockedBuffer is what was logged so far.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func own(a string) netip.Addr { return netip.MustParseAddr(a) }

// config has one peer, the router.
func config(r *router, local netip.Addr) Config {
	cfg := DefaultConfig()
	cfg.ASN, cfg.RouterID, cfg.HoldTime = ownASN, own("192.0.2.10"), 9*time.Second
	cfg.Peers = []PeerConfig{{Name: "edge", Address: r.addr, Port: r.port, ASN: r.asn, LocalAddress: local}}
	return cfg
}

// run starts a speaker and waits for n sessions; it ends with the test at the latest.
func run(t *testing.T, cfg Config, n int, change ...func(*Speaker)) *running {
	t.Helper()
	log := &lockedBuffer{}
	registry := prometheus.NewRegistry()
	s, err := New(cfg, Deps{Metrics: registry, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		c(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	once := sync.Once{}
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	r := &running{Speaker: s, log: log, registry: registry, stop: stop}
	r.waitUp(t, n)
	return r
}

func (r *running) waitUp(t *testing.T, n int) {
	t.Helper()
	eventually(t, 20*time.Second, func() bool {
		up := 0
		for _, p := range r.Sessions() {
			if p.State == established {
				up++
			}
		}
		return up >= n
	}, func() string { return fmt.Sprintf("%+v\n%s", r.Sessions(), r.log) })
}

// blackhole is a decision that ends in so long.
func blackhole(id, target string, in time.Duration) *decision.Decision {
	return &decision.Decision{ID: id, Action: decision.Blackhole, Target: net(target), Scope: "host", Until: time.Now().Add(in)}
}

// rule is a FlowSpec decision; bytes a second of 0 drop.
func flowRule(id string, bytes uint64, in time.Duration, m decision.Match) *decision.Decision {
	d := &decision.Decision{ID: id, Action: decision.FlowSpecDrop, Target: m.Destination, Match: m, Rate: bytes, Until: time.Now().Add(in)}
	if bytes > 0 {
		d.Action = decision.FlowSpecRateLimit
	}
	return d
}

func pathRequest(r *route) apiutil.AddPathRequest {
	return apiutil.AddPathRequest{Paths: []*apiutil.Path{r.path}}
}
