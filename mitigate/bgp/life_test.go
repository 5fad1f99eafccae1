// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tidewatch/decision"
)

const (
	marks = ` {Communities: blackhole, no-export}`
	soon  = 5 * time.Second
)

// TestLife announces, renews, expires, withdraws and stops, over a session of IPv4 and one
// of IPv6 that carry both.
func TestLife(t *testing.T) {
	r4, r6 := newRouter(t, own("127.0.0.31"), own("127.0.0.32"), nil), newRouter(t, own("::1"), own("::1"), nil)
	cfg := config(r4, own("127.0.0.32"))
	cfg.Peers = append(cfg.Peers, config(r6, own("::1")).Peers...)
	cfg.Peers[1].Name = "edge6"
	s := run(t, cfg, 2)
	apply := func(d *decision.Decision) {
		t.Helper()
		if err := s.Apply(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	wait := func(want ...string) {
		t.Helper()
		r4.waitFor(t, soon, want...)
		r6.waitFor(t, soon, want...)
	}
	const (
		hole4 = "203.0.113.7/32 via 192.0.2.1" + marks
		hole6 = "2001:db8::7/128 via 100::1" + marks
		drop4 = "[destination: 203.0.113.7/32][protocol: ==udp][source-port: ==53] {Extcomms: [discard(as: 59905)]}"
		slow6 = "[destination: 2001:db8::7/128/0][protocol: ==tcp][tcp-flags: =S&!FRPAU] {Extcomms: [rate: 125000.000000(as: 59905)]}"
	)
	one, two := blackhole("one", "203.0.113.7/32", time.Hour), blackhole("two", "2001:db8::7/128", 2*time.Second)
	three := flowRule("three", 0, time.Hour, decision.Match{Destination: net("203.0.113.7/32"), Protocol: "udp", SrcPort: 53})
	four := flowRule("four", 125_000, 2*time.Second, decision.Match{Destination: net("2001:db8::7/128"), Protocol: "tcp", Flags: "SYN"})
	begun := time.Now()
	for _, d := range []*decision.Decision{one, two, three, four, one} {
		apply(d)
	}
	wait(hole4, hole6, drop4, slow6)
	two.Until = two.Until.Add(time.Hour) // a renewal moves the end and nothing else
	apply(two)
	held, known, err := s.Held(t.Context())
	if err != nil || !known || len(held) != 4 || !held["two"].Equal(two.Until) {
		t.Errorf("held %v, known %v, %v", held, known, err)
	}
	wait(hole4, hole6, drop4) // four ended by its own timer
	if took := time.Since(begun); took < 1900*time.Millisecond || took > 4*time.Second {
		t.Errorf("gone after %v, want 2s", took)
	}
	for range 2 { // twice is as once
		if err := s.Withdraw(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	wait(hole6, drop4)
	if held, _, _ := s.Held(t.Context()); len(held) != 2 {
		t.Errorf("held %v", held)
	}
	if p := s.Sessions()[1]; p.Peer != "edge6" || p.Rules != 2 || len(p.Families) != 4 || p.Flaps != 0 {
		t.Errorf("session %+v", p)
	}
	s.checkMetrics(t)
	stopped := time.Now()
	s.stop()
	wait()
	t.Logf("gone %v after the stop", time.Since(stopped).Round(time.Millisecond))
	if _, known, _ := s.Held(t.Context()); known {
		t.Error("a stopped speaker knows what is held")
	}
	if err := s.Apply(t.Context(), one); err == nil {
		t.Error("a stopped speaker announces")
	}
	if err := s.Withdraw(t.Context(), two); err != nil {
		t.Errorf("what a stopped speaker does not announce is withdrawn: %v", err)
	}
}

// checkMetrics holds the metrics to what TestLife has done by then.
func (r *running) checkMetrics(t *testing.T) {
	t.Helper()
	want := `
# HELP tidewatch_bgp_expired_total Rules that ended by their own timer, because nobody renewed or withdrew them.
# TYPE tidewatch_bgp_expired_total counter
tidewatch_bgp_expired_total 1
# HELP tidewatch_bgp_flaps_total Times that the session with a router went down.
# TYPE tidewatch_bgp_flaps_total counter
tidewatch_bgp_flaps_total{peer="edge"} 0
tidewatch_bgp_flaps_total{peer="edge6"} 0
# HELP tidewatch_bgp_peer_up Whether the session with a router is established.
# TYPE tidewatch_bgp_peer_up gauge
tidewatch_bgp_peer_up{peer="edge"} 1
tidewatch_bgp_peer_up{peer="edge6"} 1
# HELP tidewatch_bgp_rules Routes that are announced, by what they have routers do.
# TYPE tidewatch_bgp_rules gauge
tidewatch_bgp_rules{action="blackhole",family="ipv4_unicast"} 0
tidewatch_bgp_rules{action="blackhole",family="ipv6_unicast"} 1
tidewatch_bgp_rules{action="divert",family="ipv4_unicast"} 0
tidewatch_bgp_rules{action="divert",family="ipv6_unicast"} 0
tidewatch_bgp_rules{action="flowspec_drop",family="ipv4_flowspec"} 1
tidewatch_bgp_rules{action="flowspec_drop",family="ipv6_flowspec"} 0
tidewatch_bgp_rules{action="flowspec_rate_limit",family="ipv4_flowspec"} 0
tidewatch_bgp_rules{action="flowspec_rate_limit",family="ipv6_flowspec"} 0
`
	err := testutil.GatherAndCompare(r.registry, strings.NewReader(want), "tidewatch_bgp_expired_total", "tidewatch_bgp_flaps_total", "tidewatch_bgp_peer_up", "tidewatch_bgp_rules")
	if err != nil {
		t.Error(err)
	}
}

// TestSharedRoute: of decisions about the same packets the strongest is announced, and
// the next one when it ends.
func TestSharedRoute(t *testing.T) {
	r := newRouter(t, own("127.0.0.33"), own("127.0.0.34"), nil)
	cfg := config(r, own("127.0.0.34"))
	cfg.MaxRules = 2
	cfg.Divert = DivertConfig{NextHop: own("192.0.2.200"), Communities: []string{"64500:99", "4200000000:1:2"}}
	s := run(t, cfg, 1)
	m := decision.Match{Destination: net("203.0.113.7/32"), Protocol: "udp"}
	const head = "[destination: 203.0.113.7/32][protocol: ==udp] "
	step := func(want string, do func() error) {
		t.Helper()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		r.waitFor(t, soon, want)
	}
	apply := func(d *decision.Decision) func() error { return func() error { return s.Apply(t.Context(), d) } }
	withdraw := func(id string) func() error {
		return func() error { return s.Withdraw(t.Context(), &decision.Decision{ID: id}) }
	}
	step(head+"{Extcomms: [rate: 500000.000000(as: 59905)]}", apply(flowRule("half", 500_000, time.Hour, m)))
	step(head+"{Extcomms: [rate: 125000.000000(as: 59905)]}", apply(flowRule("eighth", 125_000, time.Hour, m)))
	step(head+"{Extcomms: [discard(as: 59905)]}", apply(flowRule("drop", 0, time.Hour, m)))
	step(head+"{Extcomms: [discard(as: 59905)]}", withdraw("eighth"))
	step(head+"{Extcomms: [rate: 500000.000000(as: 59905)]}", withdraw("drop"))
	divert := blackhole("divert", "203.0.113.0/24", time.Hour)
	divert.Action = decision.Divert
	if err := s.Apply(t.Context(), divert); err != nil {
		t.Fatal(err)
	}
	r.waitFor(t, soon, head+"{Extcomms: [rate: 500000.000000(as: 59905)]}", "203.0.113.0/24 via 192.0.2.200 {Communities: 64500:99} {LargeCommunity: [ 4200000000:1:2]}")
	if err := s.Apply(t.Context(), blackhole("third", "203.0.113.9/32", time.Hour)); err == nil || !strings.Contains(err.Error(), "max_rules") {
		t.Errorf("a third rule: %v", err)
	}
	if err := s.Apply(t.Context(), flowRule("quarter", 250_000, time.Hour, m)); err != nil {
		t.Errorf("a decision about a rule that exists is no further rule: %v", err)
	}
	moved := flowRule("half", 0, time.Hour, decision.Match{Destination: net("203.0.113.8/32")})
	if err := s.Apply(t.Context(), moved); err == nil {
		t.Error("a decision that became another rule went over the bound")
	}
}

// TestFlap: a session that breaks takes the rules with it, and brings them back. In
// between nothing is held and nothing new is taken on. It breaks here because a router
// sends what nobody asked for: it is cut off before it fills the memory, is told of, and
// is asked again later.
func TestFlap(t *testing.T) {
	r := newRouter(t, own("127.0.0.35"), own("127.0.0.36"), nil)
	cfg := config(r, own("127.0.0.36"))
	theirs := func(i int) apiutil.AddPathRequest {
		t.Helper()
		n, err := cfg.route(blackhole("x", fmt.Sprintf("198.51.100.%d/32", i), time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return pathRequest(n)
	}
	send := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if _, err := r.srv.AddPath(theirs(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := run(t, cfg, 1, func(s *Speaker) { s.received, s.unblock = 10, 100*time.Millisecond })
	d := blackhole("one", "203.0.113.7/32", time.Hour)
	if err := s.Apply(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	r.waitFor(t, soon, "203.0.113.7/32 via 192.0.2.1"+marks) // its side of the session is up, too
	send(0, 10)
	eventually(t, soon, func() bool { return strings.Contains(s.log.String(), "198.51.100.9/32") }, func() string { return s.log.String() })
	time.Sleep(100 * time.Millisecond)
	if p := s.Sessions()[0]; p.State != established || len(r.routes(t)) != 11 {
		t.Fatalf("cut off for what is allowed: %+v", p)
	}
	send(10, 12)
	eventually(t, soon, func() bool { return s.Sessions()[0].State != established }, func() string { return s.log.String() })
	down := time.Now()
	for i := range 12 { // they think better of it
		if err := r.srv.DeletePath(apiutil.DeletePathRequest{Paths: theirs(i).Paths}); err != nil {
			t.Fatal(err)
		}
	}
	r.waitFor(t, soon)
	if held, known, err := s.Held(t.Context()); len(held) != 0 || !known || err != nil {
		t.Errorf("without a session: held %v, known %v, %v", held, known, err)
	}
	d.Until = d.Until.Add(time.Hour)
	if err := s.Apply(t.Context(), d); err == nil || !strings.Contains(err.Error(), "no router") {
		t.Errorf("a renewal without a session: %v", err)
	}
	if err := s.Apply(t.Context(), blackhole("two", "203.0.113.8/32", time.Hour)); err == nil || !strings.Contains(err.Error(), "no router") {
		t.Errorf("a new rule without a session: %v", err)
	}
	s.waitUp(t, 1)
	r.waitFor(t, soon, "203.0.113.7/32 via 192.0.2.1"+marks) // and not the second
	t.Logf("back %v after the break", time.Since(down).Round(time.Millisecond))
	if held, _, _ := s.Held(t.Context()); len(held) != 1 || !held["one"].Equal(d.Until) {
		t.Errorf("held %v", held)
	}
	if p := s.Sessions()[0]; p.Flaps != 1 {
		t.Errorf("session %+v", p)
	}
	if log := s.log.String(); !strings.Contains(log, "session with a router is down") || !strings.Contains(log, "sends more routes than are kept") || strings.Contains(log, "level=INFO msg=\"gobgp") {
		t.Errorf("log:\n%s", log)
	}
}

// TestNothingIsPassedOn: what one router says is neither announced to another nor taken
// for something of ours.
func TestNothingIsPassedOn(t *testing.T) {
	a := newRouter(t, own("127.0.0.37"), own("127.0.0.39"), nil)
	b := newRouter(t, own("127.0.0.38"), own("127.0.0.39"), nil)
	cfg := config(a, own("127.0.0.39"))
	cfg.Peers = append(cfg.Peers, config(b, own("127.0.0.39")).Peers...)
	cfg.Peers[1].Name, cfg.Peers[1].Families = "core", []string{"ipv4_unicast", "ipv4_flowspec"}
	s := run(t, cfg, 2)
	open := cfg
	open.Blackhole.NoExport = false // nothing but us is to stop it
	theirs, err := open.route(blackhole("x", "198.51.100.0/24", time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.srv.AddPath(pathRequest(theirs)); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*decision.Decision{blackhole("one", "203.0.113.7/32", time.Hour), blackhole("two", "2001:db8::7/128", time.Hour)} {
		if err := s.Apply(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	const hole4, hole6 = "203.0.113.7/32 via 192.0.2.1" + marks, "2001:db8::7/128 via 100::1" + marks
	a.waitFor(t, soon, "198.51.100.0/24 via 192.0.2.1 {Communities: blackhole}", hole4, hole6)
	time.Sleep(300 * time.Millisecond) // a route that is passed on would have arrived
	b.waitFor(t, soon, hole4)          // no IPv6 for it
	if got := (&router{srv: s.srv}).routes(t); len(got) != 2 {
		t.Errorf("our table holds what is not ours: %q", got)
	}
	if p := s.Sessions()[1]; p.Peer != "core" || strings.Join(p.Families, " ") != "ipv4_unicast ipv4_flowspec" || p.Rules != 1 {
		t.Errorf("session %+v", p)
	}
}
