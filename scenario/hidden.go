// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math/rand/v2"
	"slices"

	"tidewatch/flow"
)

// hiddenActs are tunnels, each at three rates, and beacons.
func hiddenActs() []act {
	dns := func(q questions) func(*Scenario, *act) {
		return func(s *Scenario, a *act) { buildQuestions(s, a, q) }
	}
	icmp := func(e echoes) func(*Scenario, *act) {
		return func(s *Scenario, a *act) { buildEchoes(s, a, e) }
	}
	calls := func(jitter float64) func(*Scenario, *act) {
		return func(s *Scenario, a *act) { buildCalls(s, a, every(s, a, jitter)) }
	}
	const slow, medium, fast = 20, 1, 1 // seconds between bursts
	return []act{
		{name: "dns-tunnel-slow", hour: 10, who: 2, about: "a question for a name of 150 characters every 20 s", build: dns(questions{slow, 1, false})},
		{name: "dns-tunnel-medium", hour: 10, who: 3, about: "two such questions a second", build: dns(questions{medium, 2, true})},
		{name: "dns-tunnel-medium6", hour: 10, who: 4, v6: true, about: "the same over IPv6", build: dns(questions{medium, 2, true})},
		{name: "dns-tunnel-fast", hour: 10, who: 5, about: "50 such questions a second", build: dns(questions{fast, 50, true})},
		{name: "icmp-tunnel-slow", hour: 10, who: 6, about: "an echo request of 100 to 1400 bytes every 5 s", build: icmp(echoes{12})},
		{name: "icmp-tunnel-medium", hour: 10, who: 7, about: "five a second", build: icmp(echoes{300})},
		{name: "icmp-tunnel-medium6", hour: 10, who: 8, v6: true, about: "the same over IPv6", build: icmp(echoes{300})},
		{name: "icmp-tunnel-fast", hour: 10, who: 9, about: "100 a second", build: icmp(echoes{6000})},
		{name: "beacon", hour: 10, who: 10, about: "a call every five minutes on the second", build: calls(0)},
		{name: "beacon-10", hour: 10, who: 11, about: "the same with a jitter of 10 %", build: calls(0.1)},
		{name: "beacon-30", hour: 10, who: 12, about: "the same with a jitter of 30 %", build: calls(0.3)},
		{name: "beacon-50", hour: 10, who: 13, about: "the same with a jitter of 50 %", build: calls(0.5)},
		{name: "beacon-50-6", hour: 10, who: 15, v6: true, about: "the same over IPv6", build: calls(0.5)},
		{name: "beacon-fibonacci", hour: 10, who: 16, about: "calls whose intervals grow like Fibonacci's numbers, from a second to five hours", build: func(s *Scenario, a *act) { buildCalls(s, a, growing(a)) }},
	}
}

// tunnelLasts is how long a tunnel is open.
const tunnelLasts = 3 * 3600

// questions is a tunnel through a name server: some questions together, from one
// socket or each from its own, for names of 150 characters.
type questions struct {
	seconds int64
	n       uint64
	one     bool
}

func buildQuestions(s *Scenario, a *act, q questions) {
	server, socket := a.other(s, 0), uint16(33_000+a.who)
	s.sources = append(s.sources, &once{a.from, a.from + tunnelLasts, 60, func(g *generator, sec int64) {
		x := session{start: sec*1e9 + 1e6, client: a.client(), server: server, sport: 53, cif: ifOffice, sif: ifInternet}
		switch at := sec - a.from; {
		case q.one && at%60 == 0: // a minute of one socket is one record
			n := 60 * q.n / uint64(q.seconds)
			x.cport, x.duration = socket, 60e9-2e6
			x.udp(n, n*(160+g.Uint64N(20)), n, n*(200+g.Uint64N(60)))
		case !q.one && at%q.seconds == 0:
			x.cport, x.duration = g.port(), 50e6
			x.udp(q.n, q.n*(160+g.Uint64N(20)), q.n, q.n*(200+g.Uint64N(60)))
		default:
			return
		}
		g.emit(&x)
	}})
	a.tells(s, "data_exfiltration", "dns_tunnel", a.client(), a.from+tunnelLasts)
}

// echoes is a tunnel of pings, so many a minute, in sizes of data.
type echoes struct{ n uint64 }

func buildEchoes(s *Scenario, a *act, e echoes) {
	server := a.other(s, 0)
	s.sources = append(s.sources, &once{a.from, a.from + tunnelLasts, 60, func(g *generator, sec int64) {
		if (sec-a.from)%60 != 0 {
			return
		}
		x := session{start: sec*1e9 + 1e6, duration: 60e9 - 2e6, client: a.client(), server: server, cif: ifOffice, sif: ifInternet, proto: flow.ProtoICMP}
		if a.v6 {
			x.proto = flow.ProtoICMPv6
		}
		size := 100 + g.Uint64N(1300)
		x.up = side{packets: e.n, bytes: e.n * size}
		x.down = side{packets: e.n, bytes: e.n * (100 + g.Uint64N(400))}
		g.emit(&x)
	}})
	a.tells(s, "data_exfiltration", "icmp_tunnel", a.client(), a.from+tunnelLasts)
}

// The beacon's clock.
const (
	callEvery   = 300
	callingDays = 3
	fibonacci   = 23 // calls: 1, 2, 3, 5 s and so on come to 21 hours
)

// every lists the calls of a clock with jitter, uniform to each side.
func every(s *Scenario, a *act, jitter float64) (at []int64) {
	r := rand.New(rand.NewPCG(s.gen.seed, uint64(a.who))) //nolint:gosec // traffic must be repeatable, not secret
	for t := float64(a.from); t < float64(a.from+callingDays*86400); t += callEvery * (1 + jitter*(2*r.Float64()-1)) {
		at = append(at, int64(t))
	}
	return at
}

// growing lists calls with Fibonacci's intervals.
func growing(a *act) (at []int64) {
	t, x, y := a.from, int64(1), int64(2)
	for range fibonacci {
		at = append(at, t)
		t, x, y = t+x, y, x+y
	}
	return at
}

func buildCalls(s *Scenario, a *act, at []int64) {
	server := a.other(s, 0)
	s.sources = append(s.sources, &once{at[0], at[len(at)-1] + 1, 2, func(g *generator, sec int64) {
		if _, now := slices.BinarySearch(at, sec); !now {
			return
		}
		x := session{start: sec*1e9 + 1e6, duration: g.duration(0.4, 2), client: a.client(), cport: g.port(), server: server, sport: 443, cif: ifOffice, sif: ifInternet}
		x.tcp(700+g.Uint64N(100), 900+g.Uint64N(100))
		g.emit(&x)
	}})
	a.tells(s, "command_and_control", "beacon", a.client(), at[len(at)-1]+1)
}
