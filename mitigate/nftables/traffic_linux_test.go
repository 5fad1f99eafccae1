// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"tidewatch/decision"
)

const (
	syn = 0x02
	ack = 0x10
)

// each is how many packets stand for one kind of traffic.
const each = 20

// wire is a way through the gateway.
type wire struct {
	lab  *lab
	from string
	in   *inbox
}

func (l *lab) wire(t *testing.T, from, to string) *wire {
	t.Helper()
	return &wire{lab: l, from: from, in: l.listen(t, to)}
}

// carries sends packets of some kinds and says which arrive all and which not at all.
func (w *wire) carries(t *testing.T, name string, dropped, passed []packet) {
	t.Helper()
	send := func(kind string, packets []packet) {
		for i := range packets {
			out := w.lab.sender(t, w.from, &packets[i], fmt.Sprintf("%s %s %d", name, kind, i))
			for range each {
				out()
			}
		}
	}
	send("dropped", dropped)
	send("passed", passed) // after them, on the same wire
	for i := range passed {
		if got := w.in.count(fmt.Sprintf("%s passed %d", name, i), each); got != each {
			t.Errorf("%s: %d of %d packets %+v pass, want all", name, got, each, passed[i])
		}
	}
	for i := range dropped {
		if got := w.in.count(fmt.Sprintf("%s dropped %d", name, i), 0); got != 0 {
			t.Errorf("%s: %d of %d packets %+v pass, want none", name, got, each, dropped[i])
		}
	}
}

// TestBlocks sends real packets through a gateway: what matches is dropped, what differs
// in one field passes, and all of it passes again when the decision is withdrawn.
func TestBlocks(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, w := l.actuator(t, nil), l.wire(t, l.client, l.server)
	udp4, udp6 := packet{from: "10.1.0.1", to: "10.2.0.1", sport: 53, dport: 9}, packet{from: "fd01::1", to: "fd02::1", sport: 53, dport: 9}
	tcp4, tcp6 := packet{from: "10.1.0.1", to: "10.2.0.1", tcp: true, sport: 7, dport: 443, flags: syn}, packet{from: "fd01::1", to: "fd02::1", tcp: true, sport: 7, dport: 443, flags: syn}
	but := func(p packet, change func(p *packet)) packet { change(&p); return p }
	from := func(s string) func(p *packet) { return func(p *packet) { p.from = s } }
	to := func(s string) func(p *packet) { return func(p *packet) { p.to = s } }
	sport := func(n uint16) func(p *packet) { return func(p *packet) { p.sport = n } }
	dport := func(n uint16) func(p *packet) { return func(p *packet) { p.dport = n } }
	flags := func(n uint8) func(p *packet) { return func(p *packet) { p.flags = n } }
	size := func(n int) func(p *packet) { return func(p *packet) { p.size = n } }

	for _, c := range []struct {
		name            string
		match           decision.Match
		dropped, passed []packet
	}{
		{"source4", decision.Match{Source: prefix("10.1.0.1/32")}, []packet{udp4, tcp4}, []packet{but(udp4, from("10.1.0.2")), udp6}},
		{"source6", decision.Match{Source: prefix("fd01::1/128")}, []packet{udp6, tcp6}, []packet{but(udp6, from("fd01::2")), udp4}},
		{
			"source prefix4",
			decision.Match{Source: prefix("10.1.0.2/31")},
			[]packet{but(udp4, from("10.1.0.2")), but(udp4, from("10.1.0.3"))},
			[]packet{udp4},
		},
		{
			"source prefix6",
			decision.Match{Source: prefix("fd01::2/127")},
			[]packet{but(udp6, from("fd01::2")), but(udp6, from("fd01::3"))},
			[]packet{udp6},
		},
		{"destination4", decision.Match{Destination: prefix("10.2.0.1/32")}, []packet{udp4, tcp4}, []packet{but(udp4, to("10.2.0.2")), udp6}},
		{"destination6", decision.Match{Destination: prefix("fd02::1/128")}, []packet{udp6, tcp6}, []packet{but(udp6, to("fd02::2")), udp4}},
		{
			"pair4",
			decision.Match{Source: prefix("10.1.0.1/32"), Destination: prefix("10.2.0.1/32")},
			[]packet{udp4},
			[]packet{but(udp4, from("10.1.0.2")), but(udp4, to("10.2.0.2"))},
		},
		{
			"pair6",
			decision.Match{Source: prefix("fd01::/127"), Destination: prefix("fd02::1/128")},
			[]packet{udp6},
			[]packet{but(udp6, from("fd01::2")), but(udp6, to("fd02::2"))},
		},
		{"protocol4", decision.Match{Destination: prefix("10.2.0.1/32"), Protocol: "udp"}, []packet{udp4}, []packet{tcp4}},
		{"protocol6", decision.Match{Destination: prefix("fd02::1/128"), Protocol: "tcp"}, []packet{tcp6}, []packet{udp6}},
		{
			"ports4",
			decision.Match{Destination: prefix("10.2.0.1/32"), Protocol: "udp", SrcPort: 53, DstPort: 9},
			[]packet{udp4},
			[]packet{but(udp4, sport(54)), but(udp4, dport(53)), but(udp4, sport(9))},
		},
		{
			"ports6",
			decision.Match{Source: prefix("fd01::1/128"), Destination: prefix("fd02::1/128"), Protocol: "udp", SrcPort: 53, DstPort: 9},
			[]packet{udp6},
			[]packet{but(udp6, sport(54)), but(udp6, dport(53))},
		},
		{
			"destination port",
			decision.Match{Source: prefix("10.1.0.1/32"), Protocol: "tcp", DstPort: 443},
			[]packet{tcp4},
			[]packet{but(tcp4, dport(444)), udp4},
		},
		{
			"flags4",
			decision.Match{Destination: prefix("10.2.0.1/32"), Protocol: "tcp", Flags: "SYN"},
			[]packet{tcp4, but(tcp4, flags(syn|0xc0))},
			[]packet{but(tcp4, flags(syn|ack)), but(tcp4, flags(0)), udp4},
		},
		{
			"flags6",
			decision.Match{Destination: prefix("fd02::1/128"), Protocol: "tcp", Flags: "none"},
			[]packet{but(tcp6, flags(0))},
			[]packet{tcp6, but(tcp6, flags(ack))},
		},
		{
			"length4",
			decision.Match{Destination: prefix("10.2.0.1/32"), PacketBytes: &decision.Range{From: 100, To: 200}},
			[]packet{but(udp4, size(80)), but(udp4, size(180))},
			[]packet{but(udp4, size(79)), but(udp4, size(181))},
		},
		{
			"length6",
			decision.Match{Destination: prefix("fd02::1/128"), PacketBytes: &decision.Range{From: 100, To: 200}},
			[]packet{but(udp6, size(60)), but(udp6, size(160))},
			[]packet{but(udp6, size(59)), but(udp6, size(161))},
		},
		{
			"fragments4",
			decision.Match{Destination: prefix("10.2.0.1/32"), Fragment: true},
			[]packet{but(udp4, size(3000))},
			[]packet{but(udp4, size(1400))},
		},
		{
			"fragments6",
			decision.Match{Destination: prefix("fd02::1/128"), Fragment: true, Protocol: "udp"},
			[]packet{but(udp6, size(3000))},
			[]packet{but(udp6, size(1400))},
		},
	} {
		d := fresh(decision.Decision{Action: decision.Block, Match: c.match}, "mit-"+c.name, time.Minute)
		apply(t, a, d)
		w.carries(t, c.name, c.dropped, c.passed)
		if err := a.Withdraw(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		w.carries(t, c.name+" over", nil, c.dropped)
	}
	if h := held(t, a); len(h) != 0 {
		t.Errorf("%v are held, want none", h)
	}
}

// TestQuarantine cuts a device off in both directions, and nobody else.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := l.actuator(t, nil)
	for _, target := range []string{"10.2.0.1/32", "fd02::1/128"} {
		apply(t, a, fresh(decision.Decision{Action: decision.Quarantine, Target: prefix(target)}, "mit-"+target, time.Minute))
	}
	l.wire(t, l.client, l.server).carries(t, "to",
		[]packet{{from: "10.1.0.1", to: "10.2.0.1"}, {from: "fd01::1", to: "fd02::1", tcp: true}},
		[]packet{{from: "10.1.0.1", to: "10.2.0.2"}, {from: "fd01::1", to: "fd02::2", tcp: true}})
	l.wire(t, l.server, l.client).carries(t, "from",
		[]packet{{from: "10.2.0.1", to: "10.1.0.1", tcp: true}, {from: "fd02::1", to: "fd01::1"}},
		[]packet{{from: "10.2.0.2", to: "10.1.0.1", tcp: true}, {from: "fd02::2", to: "fd01::1"}})
	// Its neighbour still finds it: the gateway asks who has the address, and is answered
	// from that very address.
	run(t, "", "ip", "-n", l.gateway, "neigh", "flush", "all")
	l.sender(t, l.gateway, &packet{from: "fd02::fe", to: "fd02::1"}, "hello")()
	found := ""
	for end := time.Now().Add(3 * time.Second); found == "" && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		found = run(t, "", "ip", "-n", l.gateway, "-6", "neigh", "show", "fd02::1", "nud", "reachable")
	}
	if found == "" {
		t.Error("neighbour discovery of a device in quarantine fails")
	}
	if h := held(t, a); len(h) != 2 {
		t.Errorf("%v are held, want both", h)
	}
}

// TestRateLimit sends four times what may pass, for two seconds, and renews meanwhile.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, in := l.actuator(t, nil), l.listen(t, l.server)
	const rate, size = 250_000, 980 // 1000 bytes with the header of IPv4, 1020 with that of IPv6
	kinds := []packet{
		{from: "10.1.0.1", to: "10.2.0.1", size: size},
		{from: "fd01::1", to: "fd02::1", size: size},
		{from: "10.1.0.1", to: "10.2.0.2", size: size},
	}
	ds := []decision.Decision{
		{Action: decision.RateLimit, Rate: rate, Match: decision.Match{Destination: prefix("10.2.0.1/32"), Protocol: "udp"}},
		{Action: decision.RateLimit, Rate: rate, Match: decision.Match{Destination: prefix("fd02::/127"), Protocol: "udp"}},
	}
	applyAll := func() {
		for i := range ds {
			apply(t, a, fresh(ds[i], fmt.Sprintf("mit-%d", i), time.Minute))
		}
	}
	applyAll()
	outs := make([]func(), len(kinds))
	for i := range kinds {
		outs[i] = l.sender(t, l.client, &kinds[i], fmt.Sprintf("rate %d", i))
	}
	begin, sent, renewals := time.Now(), 0, 0
	for time.Since(begin) < 2*time.Second {
		if due := int(time.Since(begin).Seconds() * 1000); sent >= due {
			time.Sleep(time.Millisecond)
			continue
		}
		for _, out := range outs {
			out()
		}
		if sent++; sent%400 == 0 {
			applyAll()
			renewals++
		}
	}
	took := time.Since(begin).Seconds()
	if got := in.count("rate 2", sent); got != sent {
		t.Errorf("%d of %d packets pass that no limit is for", got, sent)
	}
	for i, header := range []int{20, 40} {
		tag := fmt.Sprintf("rate %d", i)
		passed := float64(in.count(tag, 0)) * float64(size+header)
		want := rate * (1 + took) // the first second is let through at once
		t.Logf("IPv%d: %.0f of %d kB passed in %.2f s with %d renewals, want %.0f", 4+2*i, passed/1000, sent*(size+header)/1000, took, renewals, want/1000)
		if math.Abs(passed-want) > 0.1*want {
			t.Errorf("%.0f bytes passed, want %.0f", passed, want)
		}
	}
	// A changed rate takes the place of the old one.
	ds[0].Rate = rate / 2
	applyAll()
	if text := l.ours(t); !contains(text, "limit rate over 125000 bytes/second") || !contains(text, "limit rate over 250000 bytes/second") {
		t.Errorf("the rates are not 125000 and 250000:\n%s", text)
	}
}

// TestElements reads with nft what was written: keys, ids and ends.
func TestElements(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := l.actuator(t, nil)
	for i, m := range []decision.Match{
		{Source: prefix("203.0.113.0/24")}, {Source: prefix("203.0.113.9/32")}, {Source: prefix("203.0.0.0/16")}, // nested
		{Source: prefix("2001:db8::/32"), Destination: prefix("fd02::1/128")},
	} {
		apply(t, a, fresh(decision.Decision{Action: decision.Block, Match: m}, fmt.Sprintf("mit-%d", i), 90*time.Second))
	}
	var ruleset struct {
		Nftables []struct {
			Set *struct {
				Name string `json:"name"`
				Elem []struct {
					Elem struct {
						Val     json.RawMessage `json:"val"`
						Timeout int             `json:"timeout"`
						Expires int             `json:"expires"`
						Comment string          `json:"comment"`
					} `json:"elem"`
				} `json:"elem"`
			} `json:"set"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal([]byte(l.nft(t, "", "-j", "list", "table", "inet", "tidewatch")), &ruleset); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, o := range ruleset.Nftables {
		if o.Set == nil {
			continue
		}
		for _, e := range o.Set.Elem {
			got[e.Elem.Comment] = o.Set.Name + " " + string(e.Elem.Val)
			if e.Elem.Timeout < 88 || e.Elem.Timeout > 90 || e.Elem.Expires > e.Elem.Timeout || e.Elem.Expires < 60 {
				t.Errorf("%s has timeout %d, expires %d, want 90", e.Elem.Comment, e.Elem.Timeout, e.Elem.Expires)
			}
		}
	}
	want := map[string]string{
		"mit-0": `block4_src24 "203.0.113.0"`, "mit-1": `block4_src32 "203.0.113.9"`, "mit-2": `block4_src16 "203.0.0.0"`,
		"mit-3": `block6_src32_dst128 {"concat": ["2001:db8::", "fd02::1"]}`,
	}
	for id, w := range want {
		if got[id] != w {
			t.Errorf("%s is %q, want %q", id, got[id], w)
		}
	}
	for id, until := range held(t, a) {
		if d := time.Until(until); d < 60*time.Second || d > 90*time.Second {
			t.Errorf("%s is held until %s from now, want 90 s", id, d)
		}
	}
}

// TestOwnerIsNotLockedOut blocks a manager's network and the gateway's own address.
func TestOwnerIsNotLockedOut(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := l.actuator(t, func(c *Config) { c.Management = []netip.Prefix{prefix("10.1.0.0/30"), prefix("fd01::/126")} })
	for _, s := range []string{"10.1.0.0/24", "fd01::/64", "10.2.0.254/32"} {
		apply(t, a, fresh(decision.Decision{Action: decision.Block, Match: decision.Match{Source: prefix(s)}}, "mit-"+s, time.Minute))
	}
	gateway := l.wire(t, l.client, l.gateway)
	l.wire(t, l.client, l.server).carries(t, "behind",
		[]packet{{from: "10.1.0.1", to: "10.2.0.1", tcp: true}, {from: "fd01::1", to: "fd02::1"}}, nil)
	gateway.carries(t, "manager", nil,
		[]packet{{from: "10.1.0.1", to: "10.1.0.254", tcp: true}, {from: "fd01::1", to: "fd02::fe", tcp: true}})
	(&wire{l, l.gateway, gateway.in}).carries(t, "itself", nil, []packet{{from: "10.2.0.254", to: "10.2.0.254"}, {from: "fd01::fe", to: "fd01::fe"}})
	gateway.carries(t, "others", nil, []packet{{from: "10.1.0.1", to: "10.2.0.254"}})
}

// TestForward sees packets on the other hook: what is for the gateway itself passes.
func TestForward(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := l.actuator(t, func(c *Config) { c.Hook, c.Priority = "forward", -5 })
	apply(t, a, fresh(decision.Decision{Action: decision.Block, Match: decision.Match{Source: prefix("10.1.0.1/32")}}, "mit-f", time.Minute))
	l.wire(t, l.client, l.server).carries(t, "through", []packet{{from: "10.1.0.1", to: "10.2.0.1"}}, []packet{{from: "10.1.0.2", to: "10.2.0.1"}})
	l.wire(t, l.client, l.gateway).carries(t, "gateway", nil, []packet{{from: "10.1.0.1", to: "10.1.0.254"}})
}
