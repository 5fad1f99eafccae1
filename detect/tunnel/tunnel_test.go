// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

const t0 = 1_700_000_400 // the beginning of an hour and 20 minutes, Unix

// talk is traffic of one device with one server, in pieces as an exporter with an
// active timeout of a minute cuts it.
type talk struct {
	device, peer string
	proto        uint8
	rate         float64 // packets a second and direction
	seconds      int64
	sockets      bool                      // each question has a port of its own
	up, down     func(r *rand.Rand) uint64 // bytes of one packet over IPv4; nil: none
	sampling     uint32
}

func fixed(n uint64) func(*rand.Rand) uint64 { return func(*rand.Rand) uint64 { return n } }

func between(a, b uint64) func(*rand.Rand) uint64 {
	return func(r *rand.Rand) uint64 { return a + r.Uint64N(b-a+1) }
}

// name is an ordinary question; one in forty has a long name.
func name(r *rand.Rand) uint64 {
	if r.IntN(40) == 0 {
		return 100 + r.Uint64N(30)
	}
	return 54 + r.Uint64N(30)
}

func (k *talk) records(r *rand.Rand) (out []flow.Record) {
	device, peer := addr(k.device), addr(k.peer)
	more := uint64(0)
	if !device.Is4() {
		more = 20
	}
	sampling := max(k.sampling, 1)
	one := func(d window.Direction, at, n int64, port uint16) {
		size := k.up
		if d == window.In {
			size = k.down
		}
		if size == nil {
			return
		}
		x := flow.Record{Received: at * 1e9, Start: (at - min(n-1, 59)) * 1e9, End: at * 1e9, Proto: k.proto, Sampling: sampling, Packets: uint64(n) * uint64(sampling)}
		for range n {
			x.Bytes += (size(r) + more) * uint64(sampling)
		}
		x.Src, x.Dst, x.SrcPort, x.DstPort = device, peer, port, 53
		if k.proto == flow.ProtoICMP || k.proto == flow.ProtoICMPv6 {
			x.SrcPort, x.DstPort = 0, map[uint8]uint16{flow.ProtoICMP: 8 << 8, flow.ProtoICMPv6: 128 << 8}[k.proto]
		}
		if d == window.In {
			x.Src, x.Dst, x.SrcPort, x.DstPort = peer, device, x.DstPort, x.SrcPort
			if x.SrcPort == 8<<8 || x.SrcPort == 128<<8 {
				x.DstPort, x.SrcPort = map[uint8]uint16{flow.ProtoICMP: 0, flow.ProtoICMPv6: 129 << 8}[k.proto], 0
			}
		}
		x.Mark = mark53(x.Src, flow.SrcInternal) | mark53(x.Dst, flow.DstInternal)
		out = append(out, x)
	}
	total := int64(k.rate * float64(k.seconds))
	if k.sockets {
		for i := range total {
			at, port := t0+int64(float64(i)/k.rate), uint16(20_000+r.IntN(40_000))
			one(window.Out, at, 1, port)
			one(window.In, at, 1, port)
		}
		return out
	}
	for at := int64(0); at < k.seconds; at += 60 {
		n := max(int64(k.rate*float64(min(60, k.seconds-at))), 1)
		end := t0 + min(at+60, k.seconds) - 1
		one(window.Out, end, n, 40_000)
		one(window.In, end, n, 40_000)
	}
	return out
}

func addr(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

// mark53 tells own addresses: 10.0.0.0/8 and fd00::/8.
func mark53(a flow.Addr, m flow.Mark) flow.Mark {
	if a.Is4() && a[12] == 10 || a[0] == 0xfd {
		return m
	}
	return 0
}

// play judges the talks side by side and returns the worst finding of each kind
// and subject.
func play(tb testing.TB, talks ...talk) map[string]detect.Finding {
	tb.Helper()
	tr, err := window.New(new(window.DefaultConfig()))
	if err != nil {
		tb.Fatal(err)
	}
	d, err := New(DefaultConfig())
	if err != nil {
		tb.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var all []flow.Record
	end := int64(t0)
	for i := range talks {
		all = append(all, talks[i].records(r)...)
		end = max(end, t0+talks[i].seconds)
	}
	slices.SortStableFunc(all, func(a, b flow.Record) int { return cmp.Compare(a.Received, b.Received) })
	tr.Jump(t0)
	found := map[string]detect.Finding{}
	b := flow.NewBatch(64)
	for next := 0; tr.Now() < end+60; {
		for next < len(all) && all[next].Received/1e9 <= tr.Now() {
			b.Reset()
			for ; b.Len() < 64 && next < len(all) && all[next].Received/1e9 <= tr.Now(); next++ {
				b.Append(&all[next])
			}
			tr.Add(b, 0, b.Len(), nil)
		}
		for _, f := range d.Detect(tr.Tick(), nil) {
			key := f.Kind + " " + f.Subject.Addr().String()
			if old, ok := found[key]; !ok || f.Score > old.Score {
				found[key] = f
			}
		}
		limit := end + 60
		if next < len(all) {
			limit = all[next].Received / 1e9
		}
		tr.Next(limit)
	}
	return found
}

// six turns a talk into its IPv6 twin.
func (k talk) six() talk {
	k.device, k.peer = "fd00::7", "2001:db8::53"
	if k.proto == flow.ProtoICMP {
		k.proto = flow.ProtoICMPv6
	}
	return k
}

// Tunnels at three rates, with payloads from what a name holds down to little, over
// both IP versions.
func TestTunnels(t *testing.T) {
	dns := func(rate float64, seconds int64, sockets bool, up, down func(*rand.Rand) uint64) talk {
		return talk{device: "10.0.0.7", peer: "192.0.2.53", proto: flow.ProtoUDP, rate: rate, seconds: seconds, sockets: sockets, up: up, down: down}
	}
	echo := func(rate float64, seconds int64, up, down func(*rand.Rand) uint64) talk {
		return talk{device: "10.0.0.7", peer: "192.0.2.8", proto: flow.ProtoICMP, rate: rate, seconds: seconds, up: up, down: down}
	}
	for _, c := range []struct {
		name string
		talk talk
		kind string
		want detect.Severity // at least
	}{
		{"dns, a large question a second", dns(1, 300, false, between(200, 290), between(120, 200)), "dns_tunnel", detect.High},
		{"dns, a large question a second, each from its port", dns(1, 300, true, between(200, 290), between(120, 200)), "dns_tunnel", detect.High},
		{"dns, ten large a second", dns(10, 120, true, between(150, 290), between(120, 200)), "dns_tunnel", detect.High},
		{"dns, a hundred large a second", dns(100, 60, true, between(150, 290), between(150, 400)), "dns_tunnel", detect.High},
		{"dns, an upload slow as a person", dns(0.2, 1800, true, between(230, 290), between(120, 140)), "dns_tunnel", detect.Medium},
		{"dns, ten small a second from one port", dns(10, 120, false, between(85, 125), between(130, 190)), "dns_tunnel", detect.High},
		{"dns, a download in long answers", dns(20, 120, false, between(70, 80), between(300, 1200)), "dns_tunnel", detect.High},
		{"dns, large, one packet of a hundred seen", talk{
			device: "10.0.0.7", peer: "192.0.2.53", proto: flow.ProtoUDP, rate: 1, seconds: 300, sockets: true,
			up: between(200, 290), down: between(120, 200), sampling: 100,
		}, "dns_tunnel", detect.High},
		{"icmp, one a second", echo(1, 1200, between(70, 300), between(70, 300)), "icmp_tunnel", detect.High},
		{"icmp, ten a second", echo(10, 600, between(60, 600), between(60, 900)), "icmp_tunnel", detect.High},
		{"icmp, a hundred a second", echo(100, 300, between(500, 1400), between(60, 1400)), "icmp_tunnel", detect.High},
		{"a shell over TCP to port 53", talk{
			device: "10.0.0.7", peer: "192.0.2.53", proto: flow.ProtoTCP, rate: 20, seconds: 300,
			up: between(300, 1400), down: between(52, 1400),
		}, "protocol_tunnel", detect.Medium},
	} {
		for _, k := range []talk{c.talk, c.talk.six()} {
			found := play(t, k)
			f, ok := found[c.kind+" "+addr(k.device).Netip().String()]
			if !ok || f.Severity.Rank() < c.want.Rank() || len(found) != 1 {
				t.Errorf("%s of %s: %v %v, %d findings; want at least %s", c.name, k.device, f.Score, f.Indicators, len(found), c.want)
			}
		}
	}
}

// What looks alike and is none: nothing above low, or above medium where even people
// could not tell.
func TestLookAlikes(t *testing.T) {
	dns := func(device, peer string, rate float64, up, down func(*rand.Rand) uint64) talk {
		return talk{device: device, peer: peer, proto: flow.ProtoUDP, rate: rate, seconds: 900, sockets: true, up: up, down: down}
	}
	many := func(n int, of func(i int) talk) (out []talk) {
		for i := range n {
			out = append(out, of(i))
		}
		return out
	}
	echo := func(rate float64, up, down func(*rand.Rand) uint64) []talk {
		return []talk{{device: "10.0.0.7", peer: "192.0.2.8", proto: flow.ProtoICMP, rate: rate, seconds: 3600, up: up, down: down}}
	}
	for _, c := range []struct {
		name  string
		talks []talk
		most  detect.Severity // "": nothing at all
	}{
		{"heavy browsing through one resolver", []talk{dns("10.0.0.7", "10.0.0.53", 20, name, between(70, 500))}, ""},
		{"a resolver that asks hundreds of servers and validates", many(300, func(i int) talk {
			return dns("10.0.0.53", fmt.Sprintf("192.0.2.%d", i%250), 0.3, name, between(90, 1200))
		}), ""},
		{"a mail server and its block lists", many(4, func(i int) talk {
			return dns("10.0.0.25", fmt.Sprintf("198.51.100.%d", i), 3, between(65, 98), between(70, 160))
		}), ""},
		{"names of IPv6 addresses, through a resolver", append(many(30, func(i int) talk {
			return dns("10.0.0.53", fmt.Sprintf("198.51.100.%d", i), 0.2, name, between(70, 300))
		}), dns("10.0.0.53", "192.0.2.99", 2, fixed(129), between(130, 220))), detect.Low},
		{"a program that asks for the same long name from one port, as all do", many(5, func(i int) talk {
			k := dns(fmt.Sprintf("10.0.0.%d", 10+i), "10.0.0.53", 5, fixed(112), fixed(180))
			k.sockets = false
			return k
		}), detect.Medium},
		{"a forwarder with one socket", []talk{{device: "10.0.0.53", peer: "192.0.2.53", proto: flow.ProtoUDP, rate: 50, seconds: 900, up: name, down: between(80, 200)}}, ""},
		{"a zone transfer", []talk{{device: "10.0.0.54", peer: "192.0.2.53", proto: flow.ProtoTCP, rate: 100, seconds: 300, up: fixed(52), down: fixed(1480)}}, ""},
		{"questions over TCP", []talk{{device: "10.0.0.54", peer: "192.0.2.53", proto: flow.ProtoTCP, rate: 50, seconds: 900, up: between(52, 140), down: between(52, 600)}}, ""},
		{"a monitor that pings", echo(1, fixed(84), fixed(84)), ""},
		{"a flood of pings", echo(5000, fixed(1028), nil), ""},
		{"a monitor that pings with large packets", echo(1, fixed(1028), fixed(1028)), detect.Low},
		{"two monitors of one target", echo(2, func(r *rand.Rand) uint64 { return 60 + 24*r.Uint64N(2) }, between(60, 84)), ""},
		{"a search for the largest packet", []talk{{device: "10.0.0.7", peer: "192.0.2.8", proto: flow.ProtoICMP, rate: 1, seconds: 20, up: between(500, 1500), down: between(500, 1500)}}, ""},
	} {
		for key, f := range play(t, c.talks...) {
			if c.most == "" || f.Severity.Rank() > c.most.Rank() {
				t.Errorf("%s: %s at %v %v", c.name, key, f.Score, f.Indicators)
			}
		}
	}
}

// A tunnel through the network's own resolver is found at the device, to the resolver,
// or, where that hop is not seen, at the resolver, which is then named as one.
func TestThroughResolver(t *testing.T) {
	var talks []talk
	for i := range 40 {
		talks = append(talks, talk{device: "10.0.0.53", peer: fmt.Sprintf("198.51.100.%d", i), proto: flow.ProtoUDP, rate: 0.2, seconds: 600, sockets: true, up: name, down: between(80, 300)})
	}
	talks = append(talks, talk{device: "10.0.0.53", peer: "192.0.2.66", proto: flow.ProtoUDP, rate: 40, seconds: 600, sockets: true, up: between(180, 300), down: between(120, 300)})
	f, ok := play(t, talks...)["dns_tunnel 10.0.0.53"]
	if !ok || f.Severity.Rank() < detect.High.Rank() || f.Top.Destinations[0].Key != "192.0.2.66" {
		t.Fatalf("found %v: %+v", ok, f)
	}
	if !slices.ContainsFunc(f.Indicators, func(i detect.Indicator) bool { return i.Name == "asks_for_others" && i.Observed >= 40 }) {
		t.Errorf("the resolver is not named as one: %v", f.Indicators)
	}
}

// A tunnel among the ordinary questions of its device to the same resolver.
func TestAmongOrdinary(t *testing.T) {
	ordinary := talk{device: "10.0.0.7", peer: "10.0.0.53", proto: flow.ProtoUDP, rate: 2, seconds: 600, sockets: true, up: name, down: between(80, 300)}
	hidden := ordinary
	hidden.rate, hidden.up = 1, between(200, 290)
	f, ok := play(t, ordinary, hidden)["dns_tunnel 10.0.0.7"]
	if !ok || f.Severity != detect.Medium {
		t.Errorf("found %v, %s %v", ok, f.Severity, f.Indicators)
	}
}

func TestConfigure(t *testing.T) {
	d, err := New(DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.MinQuestions = 9 }, func(c *Config) { c.MinEchoes = 9 },
		func(c *Config) { c.Many = 1 }, func(c *Config) { c.Score = 1.1 },
	} {
		bad := DefaultConfig()
		change(&bad)
		if d.Configure(bad) == nil || d.cfg != DefaultConfig() {
			t.Errorf("%+v was taken", bad)
		}
	}
}
