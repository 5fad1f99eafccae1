// SPDX-License-Identifier: Apache-2.0

package bgp

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tidewatch/decision"
)

// still is a speaker that does not run.
func still(t *testing.T, change func(*Config)) *Speaker {
	t.Helper()
	cfg := DefaultConfig()
	cfg.ASN, cfg.LocalAddress = ownASN, own("192.0.2.10")
	cfg.Peers = []PeerConfig{{Address: own("192.0.2.20"), ASN: routerASN, TTLSecurity: 1}}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCan: what is never announced, though every guard rail before let it pass.
func TestCan(t *testing.T) {
	to := func(a decision.Action, target string) decision.Decision {
		return decision.Decision{Action: a, Target: net(target)}
	}
	drop := func(target, destination string, change func(*decision.Decision)) decision.Decision {
		d := to(decision.FlowSpecDrop, target)
		if destination != "" {
			d.Match = decision.Match{Destination: net(destination), Protocol: "udp"}
		}
		if change != nil {
			change(&d)
		}
		return d
	}
	limit := func(bytes uint64) func(*decision.Decision) {
		return func(d *decision.Decision) { d.Action, d.Rate = decision.FlowSpecRateLimit, bytes }
	}
	s := still(t, nil)
	for name, tc := range map[string]struct {
		d    decision.Decision
		want string // of the error; empty: it can
	}{
		"a host":                   {to(decision.Blackhole, "203.0.113.7/32"), ""},
		"a host of IPv6":           {to(decision.Blackhole, "2001:db8::7/128"), ""},
		"a private host":           {to(decision.Blackhole, "10.1.2.3/32"), ""},
		"a network":                {to(decision.Blackhole, "203.0.113.0/24"), ""},
		"the default route":        {to(decision.Blackhole, "0.0.0.0/0"), "too large"},
		"the other default route":  {to(decision.Blackhole, "::/0"), "too large"},
		"half of the world":        {to(decision.Blackhole, "128.0.0.0/1"), "too large"},
		"shorter than /8":          {to(decision.Divert, "64.0.0.0/7"), "too large"},
		"shorter than /16 of IPv6": {to(decision.Blackhole, "2000::/15"), "too large"},
		"loopback":                 {to(decision.Blackhole, "127.0.0.1/32"), "no network of hosts"},
		"multicast":                {to(decision.Blackhole, "224.0.0.5/32"), "no network of hosts"},
		"broadcast":                {to(decision.Blackhole, "255.255.255.255/32"), "no network of hosts"},
		"multicast of IPv6":        {to(decision.Blackhole, "ff02::1/128"), "no network of hosts"},
		"link-local of IPv6":       {to(decision.Blackhole, "fe80::1/128"), "no network of hosts"},
		"IPv4 in disguise":         {to(decision.Blackhole, "::ffff:203.0.113.7/128"), "no network"},
		"bits beyond the length":   {to(decision.Blackhole, "203.0.113.7/24"), "no network"},
		"nothing":                  {decision.Decision{Action: decision.Blackhole}, "no network"},
		"the router":               {to(decision.Blackhole, "192.0.2.20/32"), "an end of the sessions"},
		"us":                       {to(decision.Blackhole, "192.0.2.10/32"), "an end of the sessions"},
		"the network of both":      {to(decision.Blackhole, "192.0.2.0/24"), "an end of the sessions"},
		"no action of routers":     {to(decision.Block, "203.0.113.7/32"), "cannot block"},
		"nowhere to divert to":     {to(decision.Divert, "203.0.113.7/32"), "no next hop"},

		"FlowSpec":                           {drop("203.0.113.7/32", "203.0.113.7/32", nil), ""},
		"FlowSpec within the target":         {drop("203.0.113.0/24", "203.0.113.7/32", nil), ""},
		"FlowSpec without a destination":     {drop("203.0.113.7/32", "", nil), "must name its destination"},
		"FlowSpec elsewhere":                 {drop("203.0.113.7/32", "203.0.113.8/32", nil), "outside of the target"},
		"FlowSpec that is wider":             {drop("203.0.113.7/32", "203.0.113.0/24", nil), "outside of the target"},
		"FlowSpec of the other family":       {drop("203.0.113.7/32", "2001:db8::7/128", nil), "outside of the target"},
		"FlowSpec that no packet fits":       {drop("203.0.113.7/32", "203.0.113.7/32", func(d *decision.Decision) { d.Match.Flags = "SYN" }), "no flags"},
		"FlowSpec limit":                     {drop("203.0.113.7/32", "203.0.113.7/32", limit(1000)), ""},
		"FlowSpec limit that lets none pass": {drop("203.0.113.7/32", "203.0.113.7/32", limit(0)), "limit of 0"},
	} {
		err := s.Can(&tc.d)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
	unicast := still(t, func(c *Config) { c.Peers[0].Families = []string{"ipv4_unicast"} })
	d := drop("203.0.113.7/32", "203.0.113.7/32", nil)
	if err := unicast.Can(&d); err == nil || !strings.Contains(err.Error(), "no peer has the family ipv4_flowspec") {
		t.Errorf("no router speaks FlowSpec: %v", err)
	}
}

// TestApplyBounds: what has no sane end is not announced, and nothing is while nobody runs.
func TestApplyBounds(t *testing.T) {
	s := still(t, nil)
	for name, tc := range map[string]struct {
		in   time.Duration
		want error
	}{
		"over already":  {-time.Second, errOver},
		"in a year":     {365 * 24 * time.Hour, errFar},
		"nobody to ask": {time.Minute, errNotRunning},
	} {
		if err := s.Apply(t.Context(), blackhole("one", "203.0.113.7/32", tc.in)); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
	}
	d := blackhole("one", "203.0.113.7/32", time.Minute)
	d.Until = time.Time{}
	if err := s.Apply(t.Context(), d); !errors.Is(err, errOver) {
		t.Errorf("without an end: %v", err)
	}
	if held, known, err := s.Held(t.Context()); known || err != nil || len(held) != 0 {
		t.Errorf("held %v, known %v, %v", held, known, err)
	}
}

// TestHealth: a router that has been away for long is told, without making the program
// unready.
func TestHealth(t *testing.T) {
	s := still(t, nil)
	s.sessions.begin(time.Now())
	if err := s.Health(t.Context()); err != nil {
		t.Errorf("at the start: %v", err)
	}
	s.sessions.begin(time.Now().Add(-2 * time.Minute))
	if err := s.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "192.0.2.20 has been down for 2m") {
		t.Errorf("after two minutes: %v", err)
	}
	s.sessions.observe(own("192.0.2.20"), established, nil, time.Now())
	if err := s.Health(t.Context()); err != nil {
		t.Errorf("up: %v", err)
	}
	s.sessions.observe(own("192.0.2.20"), blocked, nil, time.Now().Add(-2*time.Minute))
	if err := s.Health(t.Context()); err == nil {
		t.Error("cut off for two minutes, and nobody is told")
	}
}
