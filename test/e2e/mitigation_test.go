// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tidewatch/decision"
	"tidewatch/incident"
	"tidewatch/test/routers"
)

// The hosts that are attacked: the first two are cut off, the others filtered for.
func besieged() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8:7::7"),
		netip.MustParseAddr("203.0.113.8"), netip.MustParseAddr("2001:db8:7::8"),
	}
}

const (
	actHold  = 6 * time.Second
	deadPeer = "127.0.2.9" // nobody is there
)

// actConfig writes a configuration that acts by itself, over all of these routers, and a
// peer that never answers.
func actConfig(t *testing.T, all []*routers.Router) string {
	t.Helper()
	dir := t.TempDir()
	var peers strings.Builder
	for _, r := range all {
		fmt.Fprintf(&peers, "      - {name: %s, address: %s, port: %d, asn: %d, multihop: 2}\n", r.Kind, r.Address, r.Port, routers.ASN)
	}
	text := fmt.Sprintf(`data_dir: %s/data
timezone: UTC
collect: {listen: ["127.0.0.1:0"]}
api: {listen: "127.0.0.1:0", token: %s}
networks: {internal: [203.0.113.0/24, "2001:db8:7::/48"]}
mitigation:
  mode: act
  guard:
    own: [203.0.113.0/24, "2001:db8:7::/48"]
    ask_collateral_drop: 0.25 # half a minute of usual traffic is known to within some 10 %%
  policy:
    - name: cut off
      category: ddos_attack
      min_severity: medium
      min_confidence: 0.8
      prefixes: [203.0.113.7/32, "2001:db8:7::7/128"]
      approve: automatic
      ladder: [{action: blackhole, lease: 10s}]
    - name: filter
      category: ddos_attack
      min_severity: medium
      min_confidence: 0.8
      prefixes: [203.0.113.8/32, "2001:db8:7::8/128"]
      approve: automatic
      ladder: [{action: flowspec_drop, lease: 10s}]
  bgp:
    asn: %d
    router_id: 192.0.2.100
    local_address: %s
    hold_time: %v
    peers:
%s      - {name: dead, address: %s, port: 1790, asn: %d, multihop: 2}
`, dir, serverToken, speakerASN, speakerAddress(), actHold, peers.String(), deadPeer, routers.ASN)
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// complete reports whether a router has what is decided about all four hosts, and about
// nothing else.
func complete(t *testing.T, r *routers.Router) bool {
	t.Helper()
	routes, rules := r.Routes(t), r.FlowSpec(t)
	for i, prefix := range []string{"2001:db8:7::7/128", "203.0.113.7/32"} {
		if len(routes) != 2 || routes[i].Prefix.String() != prefix || !slices.Contains(routes[i].Communities, "65535:666") {
			return false
		}
	}
	text := strings.Join(rules, "\n")
	return len(rules) == 2 && strings.Contains(text, "203.0.113.8/32") && strings.Contains(text, "2001:db8:7::8/128")
}

func empty(t *testing.T, r *routers.Router) bool {
	t.Helper()
	return len(r.Routes(t))+len(r.FlowSpec(t)) == 0
}

// site is a server, which may have been started anew, and its routers.
type site struct {
	*testing.T

	routers []*routers.Router
	config  string
	mu      sync.Mutex // guards server
	server  *process
}

func (s *site) now() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.server
}

// start starts a server, and has it connected to all routers.
func (s *site) start() {
	s.Helper()
	p := startServer(s.T, s.config)
	s.mu.Lock()
	s.server = p
	s.mu.Unlock()
	p.connected(s.T, len(s.routers))
}

// everywhere waits until all routers are as they should be, and prints how long after a
// moment each was.
func (s *site) everywhere(what string, since time.Time, within time.Duration, is func(*testing.T, *routers.Router) bool) {
	t, p := s.T, s.now()
	t.Helper()
	var waiting sync.WaitGroup
	for _, r := range s.routers {
		waiting.Go(func() {
			for !is(t, r) {
				if time.Since(since) > within {
					t.Errorf("%s: not %s within %v: %v and %q\n%s", r.Kind, what, within, r.Routes(t), r.FlowSpec(t), p.story())
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
			t.Logf("%-5s %s after %v", r.Kind, what, time.Since(since).Round(10*time.Millisecond))
		})
	}
	waiting.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// story is what the server says of its decisions, latest first.
func (p *process) story() string {
	var page struct{ Mitigations []json.RawMessage }
	_, err := p.try("/api/v1/mitigations?limit=20", nil, &page)
	return fmt.Sprintf("%s %v\n%s", page.Mitigations, err, p.said())
}

func (p *process) connected(t *testing.T, n int) {
	t.Helper()
	var text string
	until(t, 30*time.Second, func() bool {
		var status struct {
			Actuators []struct{ Sessions []struct{ State string } }
		}
		p.ask(t, "/api/v1/mitigations/status", nil, &status)
		up := 0
		for _, s := range status.Actuators[0].Sessions {
			if s.State == "established" {
				up++
			}
		}
		text = fmt.Sprint(status)
		return up == n
	}, func() string { return text + "\n" + p.said() })
}

func (p *process) mitigations(t *testing.T, query string) []decision.Decision {
	t.Helper()
	var page struct{ Mitigations []decision.Decision }
	p.ask(t, "/api/v1/mitigations?limit=1000"+query, nil, &page)
	return page.Mitigations
}

// TestMitigation has attacks answered by themselves, in three real routers at once: from
// the first datagram of the attack to the route, and away again on each way that there is.
func TestMitigation(t *testing.T) {
	hosts := besieged()
	at := &site{T: t}
	for _, kind := range routers.Kinds() {
		at.routers = append(at.routers, routers.Start(t, kind, routers.Options{Neighbour: speakerAddress(), NeighbourASN: speakerASN}))
	}
	at.config = actConfig(t, at.routers)
	at.start()
	began, p := time.Now(), at.now()
	s := besiege(t, func() string { return at.now().flows }, hosts)
	time.Sleep(time.Until(began.Add(20 * time.Second))) // what is usual

	s.attack(hosts...)
	until(t, 2*time.Second, func() bool { return !s.since().IsZero() }, func() string { return "nothing was sent" })
	at.everywhere("complete", s.since(), 10*time.Second, complete)
	s.attack() // what is dropped is seen no more
	checkIncidents(t, p)
	end := leaseEnd(t, p)
	at.everywhere("empty", end, 3*time.Second, empty)
	if early := time.Until(end); early > 2*time.Second {
		t.Errorf("the rules went %v before their end", early)
	}

	s.attack(hosts...) // it goes on, as the probe shows
	until(t, 2*time.Second, func() bool { return !s.since().IsZero() }, func() string { return "nothing was sent" })
	at.everywhere("complete again", s.since(), 10*time.Second, complete)
	s.attack()
	again := p.mitigations(t, "&state=active")
	if len(again) != len(hosts) {
		t.Errorf("%d rules are active: %+v", len(again), again)
	}
	for i := range again {
		if lease := again[i].Until.Sub(again[i].Approved).Round(time.Second); lease != 20*time.Second {
			t.Errorf("the second lease of %s is %v", again[i].Target, lease)
		}
		p.ask(t, "/api/v1/mitigations/"+again[i].ID+"/withdraw", map[string]string{"by": "anna"}, nil)
	}
	at.everywhere("empty on withdrawal", time.Now(), 5*time.Second, empty)

	askFor(t, p, hosts)
	at.everywhere("complete on request", time.Now(), 5*time.Second, complete)
	checkHealth(t, p, began)
	stopped := time.Now()
	p.end(t, syscall.SIGTERM)
	at.everywhere("empty after a clean stop", stopped, 15*time.Second, empty)

	at.start()
	p = at.now()
	askFor(t, p, hosts)
	at.everywhere("complete on request", time.Now(), 5*time.Second, complete)
	killed := time.Now()
	p.end(t, syscall.SIGKILL)
	at.everywhere("empty after kill -9", killed, actHold, empty)
	at.start()
	at.everywhere("complete after the start", time.Now(), 10*time.Second, complete)
}

// leaseEnd is when the last of the rules in force ends.
func leaseEnd(t *testing.T, p *process) (end time.Time) {
	t.Helper()
	for _, d := range p.mitigations(t, "&state=active") {
		if d.Until.After(end) {
			end = d.Until
		}
	}
	return end
}

// checkIncidents wants all four attacks mitigated, and the same told by both.
func checkIncidents(t *testing.T, p *process) {
	t.Helper()
	for n, host := range besieged() {
		var page struct{ Incidents []incident.Incident }
		until(t, 5*time.Second, func() bool {
			p.ask(t, "/api/v1/incidents?category=ddos_attack&subject="+host.String(), nil, &page)
			return len(page.Incidents) == 1 && page.Incidents[0].State == incident.Mitigated
		}, func() string { return fmt.Sprintf("%s: %+v", host, page.Incidents) })
		i := &page.Incidents[0]
		action := decision.Blackhole
		if n >= 2 {
			action = decision.FlowSpecDrop
		}
		at := slices.IndexFunc(i.Actions, func(a incident.Action) bool { return a.State == incident.ActionActive })
		if at < 0 || i.Actions[at].Name != string(action) || i.Actions[at].Via != "bgp" || i.Actions[at].Until.IsZero() {
			t.Errorf("%s: the incident shows %+v", host, i.Actions)
			continue
		}
		a := &i.Actions[at]
		if n >= 2 && (a.Covers == nil || *a.Covers < 0.9 || a.Collateral == nil || *a.Collateral > 0.1) {
			t.Errorf("%s: the incident shows %+v", host, a)
		}
		ds := p.mitigations(t, "&incident="+i.ID)
		if len(ds) != 1 || ds[0].ID != a.ID || ds[0].State != decision.Active || ds[0].Action != action || ds[0].Target.Addr() != host || ds[0].DryRun || ds[0].Origin != "automatic" {
			t.Errorf("%s: decided %+v", host, ds)
		}
	}
}

// askFor has a person ask for what the policy decided.
func askFor(t *testing.T, p *process, hosts []netip.Addr) {
	t.Helper()
	for n, host := range hosts {
		wish := map[string]any{"target": host.String(), "action": "blackhole", "minutes": 5, "by": "anna"}
		if n >= 2 {
			wish["action"], wish["match"] = "flowspec_drop", map[string]any{"destination": host.String(), "protocol": "udp", "source_port": 53}
		}
		p.ask(t, "/api/v1/mitigations", wish, nil)
	}
}

// checkHealth wants the dead peer told of, and nobody alarmed by it.
func checkHealth(t *testing.T, p *process, began time.Time) {
	t.Helper()
	time.Sleep(time.Until(began.Add(61 * time.Second)))
	var page struct {
		Status string
		Checks map[string]string
	}
	if status, err := p.try("/readyz", nil, &page); status != http.StatusOK || page.Status != "ready" || !strings.Contains(page.Checks["bgp"], "degraded") || !strings.Contains(page.Checks["bgp"], "dead") {
		t.Errorf("%d, %v: %+v", status, err, page)
	}
	text := p.text(t, "/metrics")
	for _, line := range []string{
		`tidewatch_bgp_peer_up{peer="bird"} 1`, `tidewatch_bgp_peer_up{peer="frr"} 1`, `tidewatch_bgp_peer_up{peer="gobgp"} 1`,
		`tidewatch_bgp_peer_up{peer="dead"} 0`, `tidewatch_bgp_flaps_total{peer="frr"} 0`,
		`tidewatch_bgp_rules{action="blackhole",family="ipv6_unicast"} 1`, `tidewatch_bgp_rules{action="flowspec_drop",family="ipv4_flowspec"} 1`,
		`tidewatch_decisions_total{action="blackhole",state="active"} 6`, `tidewatch_decisions_total{action="flowspec_drop",state="withdrawn"} 4`,
		`tidewatch_decisions_wanted 4`, `tidewatch_decisions_halted 0`, `tidewatch_ledger_failures_total 0`,
		`tidewatch_actuator_calls_total{actuator="bgp",call="apply",outcome="ok"}`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("/metrics has no line %s", line)
		}
	}
	if t.Failed() {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "tidewatch_decisions") || strings.HasPrefix(line, "tidewatch_bgp") || strings.HasPrefix(line, "tidewatch_actuator_calls") {
				t.Log(strings.TrimSpace(line))
			}
		}
	}
}
