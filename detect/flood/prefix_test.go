// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"net/netip"
	"testing"
	"time"

	"tidewatch/baseline"
	"tidewatch/detect"
	"tidewatch/flow"
	"tidewatch/window"
)

// stream is a second of flows into networks, from so many sources to so many hosts.
type stream struct {
	traffic
	net   string // the hosts lie in it, one after the other
	hosts int    // 0: each flow to another, at random
}

// wherever takes an address of the network: number i, or one that i draws.
func (x *stream) wherever(i int) flow.Addr {
	p := netip.MustParsePrefix(x.net)
	a := flow.AddrFrom(p.Addr())
	n := uint64(i)
	if x.hosts > 0 {
		n = uint64(1 + i%x.hosts)
	} else if p.Addr().Is4() {
		n = n * 2654435761 % (1 << (32 - p.Bits()))
	} else {
		n *= 0x9e3779b97f4a7c15
	}
	for k := len(a) - 1; n > 0; k-- {
		a[k] |= byte(n)
		n >>= 8
	}
	return a
}

type prefixRun struct {
	t      *testing.T
	totals []string
	past   Past
}

// play plays a quarter of a minute and returns the last finding about each prefix, the first
// second of any, and about how many hosts something was found.
func (r prefixRun) play(all ...stream) (found map[string]detect.Finding, first int64, hosts int) {
	r.t.Helper()
	cfg := window.DefaultConfig()
	var totals []netip.Prefix
	for _, p := range r.totals {
		totals = append(totals, netip.MustParsePrefix(p))
	}
	cfg.Networks = window.NewNetworks(totals)
	tr, err := window.New(&cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	p, err := NewPrefixes(new(DefaultConfig()), r.past)
	if err != nil {
		r.t.Fatal(err)
	}
	d, err := New(new(DefaultConfig()), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	tr.Jump(t0)
	b := flow.NewBatch(1024)
	found, first = map[string]detect.Finding{}, -1
	single := map[netip.Prefix]bool{}
	var out []detect.Finding
	for sec := range int64(14) {
		b.Reset()
		for _, x := range all {
			if int64(x.from) > sec || x.to > 0 && int64(x.to) <= sec {
				continue
			}
			for i := range x.flows {
				o := x.traffic
				o.v6 = netip.MustParsePrefix(x.net).Addr().Is6()
				row := o.record(t0+sec, i)
				row.Dst = x.wherever(i + int(sec)*x.flows)
				b.Append(&row)
				if !x.answers && x.back == 0 {
					continue
				}
				o2 := turned(&row)
				if x.back > 0 {
					o2.Packets, o2.Bytes = uint64(x.back), uint64(60*x.back)
				}
				if x.backFlags != 0 {
					o2.TCPFlags = x.backFlags
				}
				b.Append(&o2)
			}
		}
		tr.Add(b, 0, b.Len(), nil)
		w := tr.Tick()
		for _, f := range d.Detect(w, nil) {
			single[f.Subject] = true
		}
		out = p.Detect([]*window.Window{w}, out[:0])
		for _, f := range out {
			if first < 0 {
				first = sec
			}
			found[f.Subject.String()] = f
		}
		tr.Next(t0 + sec + 1)
	}
	return found, first, len(single)
}

func to(net string, hosts int, x traffic) stream { return stream{traffic: x, net: net, hosts: hosts} }

func from(sec int, x stream) stream {
	x.from = sec
	return x
}

// An attack that is spread over a prefix is found although each host stays far below
// its own limits, at once, about the most specific prefix that explains it.
func TestCarpet(t *testing.T) {
	const v4, v6 = "203.0.113.0/24", "2001:db8:7::/48"
	udp, syn := raw(flow.ProtoUDP, 2000, 64, 500, 2000), tcp(flow.SYN, 1300, 1) // 5 % of each of 256 hosts' limits
	quiet := stream{net: v4, traffic: answered(tcp(whole, 200, 20), 20, whole), hosts: 200}
	for name, tc := range map[string]struct {
		totals  []string
		all     []stream
		subject string
		vector  string
	}{
		"UDP over a /24":                      {nil, []stream{to(v4, 256, udp)}, v4, "udp_flood"},
		"UDP over a /24 with ordinary web":    {nil, []stream{quiet, from(6, to(v4, 256, udp))}, v4, "udp_flood"},
		"SYN over a /24":                      {nil, []stream{to(v4, 256, syn)}, v4, "syn_flood"},
		"SYN over a /24 of web servers":       {nil, []stream{quiet, from(6, to(v4, 256, syn))}, v4, "syn_flood"},
		"mixed over a /24":                    {nil, []stream{to(v4, 256, udp), to(v4, 256, tcp(flow.SYN, 2000, 64))}, v4, "mixed"},
		"amplification over a /24":            {nil, []stream{to(v4, 256, raw(flow.ProtoUDP, 2000, 12, 1400, 800).fromPort(53))}, v4, "dns_amplification"},
		"pings over a /24":                    {nil, []stream{to(v4, 256, raw(flow.ProtoICMP, 4000, 16, 84, 1000))}, v4, "icmp_flood"},
		"UDP over random hosts of a /48":      {nil, []stream{to(v6, 0, udp)}, v6, "udp_flood"},
		"SYN over random hosts of a /48":      {nil, []stream{to(v6, 0, syn)}, v6, "syn_flood"},
		"UDP over a /20, each /24 below":      {[]string{"198.51.96.0/20", "198.51.0.0/16"}, []stream{to("198.51.96.0/20", 0, udp)}, "198.51.96.0/20", "udp_flood"},
		"UDP over a /20, each /24 over":       {[]string{"198.51.96.0/20"}, []stream{to("198.51.96.0/20", 0, raw(flow.ProtoUDP, 4000, 400, 500, 2000))}, "198.51.96.0/20", "udp_flood"},
		"UDP over a /24 inside of a /20":      {[]string{"203.0.112.0/20", "203.0.0.0/16"}, []stream{to(v4, 256, udp)}, v4, "udp_flood"},
		"UDP over a /26 inside of a /24":      {[]string{"203.0.113.64/26", v4}, []stream{to("203.0.113.64/26", 0, udp)}, "203.0.113.64/26", "udp_flood"},
		"UDP over a /40 of IPv6":              {[]string{"2001:db8::/40"}, []stream{to("2001:db8::/40", 0, udp)}, "2001:db8::/48", "udp_flood"},
		"a flood on one host beside a carpet": {nil, []stream{to(v4, 1, raw(flow.ProtoUDP, 2000, 100, 500, 500)), from(5, to(v4, 256, udp))}, v4, "udp_flood"},
	} {
		run := prefixRun{t: t, totals: tc.totals}
		found, first, hosts := run.play(tc.all...)
		f, ok := found[tc.subject]
		if len(found) != 1 || !ok || f.Vector != tc.vector || f.Kind != "ddos" || f.Severity.Rank() < detect.High.Rank() {
			t.Errorf("%s: %d prefixes, want one %s on %s of high or more: %v", name, len(found), tc.vector, tc.subject, found)
			continue
		}
		begin := int64(tc.all[len(tc.all)-1].from)
		if first > begin+2 {
			t.Errorf("%s: found %d s after it began", name, first-begin)
		}
		if want := 60; int(f.Metrics.Destinations) < want || len(f.Top.Destinations) != 10 {
			t.Errorf("%s: %d destinations, want at least %d: %v", name, f.Metrics.Destinations, want, f.Top.Destinations)
		}
		if hosts > 1 {
			t.Errorf("%s: %d hosts are told of, too", name, hosts)
		}
	}
}

// What goes to many hosts for a reason is no attack on their prefix.
func TestNoCarpet(t *testing.T) {
	const v4 = "203.0.113.0/24"
	crowd := answered(tcp(whole, 3000, 20), 20, whole)
	for name, x := range map[string][]stream{
		"web servers in a crowd":       {to(v4, 200, crowd), to(v4, 200, tcp(flow.SYN, 500, 2))},
		"a scan by one":                {to(v4, 0, tcp(flow.SYN, 5000, 1).by(1))},
		"a fast scan by one":           {to(v4, 0, tcp(flow.SYN, 6000, 10).by(1))},
		"a scan by fifty":              {to(v4, 0, tcp(flow.SYN, 2000, 1).by(50))},
		"a UDP scan by one":            {to(v4, 0, raw(flow.ProtoUDP, 6000, 10, 60, 1))},
		"one heavy host":               {to(v4, 1, raw(flow.ProtoUDP, 4000, 50, 500, 2000)), to(v4, 0, raw(flow.ProtoUDP, 500, 1, 200, 500))},
		"five heavy hosts":             {to(v4, 5, raw(flow.ProtoUDP, 4000, 50, 500, 2000)), to(v4, 0, raw(flow.ProtoUDP, 500, 1, 200, 500))},
		"multicast":                    {to("239.1.0.0/24", 200, raw(flow.ProtoUDP, 4000, 50, 1300, 200))},
		"television for every host":    {to(v4, 200, raw(flow.ProtoUDP, 200, 1000, 1300, 2))},
		"downloads over QUIC":          {to(v4, 200, answered(raw(flow.ProtoUDP, 1000, 100, 1300, 300), 12, 0))},
		"downloads over TCP in pieces": {to(v4, 200, answered(tcp(data, 1000, 100).sized(1480), 10, flow.ACK))},
		"name servers":                 {to(v4, 20, answered(raw(flow.ProtoUDP, 8000, 1, 70, 3000), 1, 0))},
		"statistics, one way":          {to(v4, 20, raw(flow.ProtoUDP, 3000, 5, 400, 3000))},
	} {
		found, _, _ := prefixRun{t: t}.play(x...)
		for _, f := range found {
			t.Errorf("%s: %s on %v, score %g: %+v", name, f.Vector, f.Subject, f.Score, f.Indicators)
		}
	}
}

// usual is a past in which a network gets so many packets in five minutes.
type usual float64

func (u usual) At(_ flow.Addr, _ time.Time, m baseline.Measure) (baseline.Normal, bool) {
	return baseline.Normal{Median: float64(u), Spread: 0.1}, m == baseline.PacketsIn
}

// The limits of a network follow what its past explains, those of a public one what
// strangers send to every address.
func TestPrefixLimits(t *testing.T) {
	udp := raw(flow.ProtoUDP, 8000, 16, 500, 2000) // 128 000 packets a second
	const net = "10.1.0.0/16"
	for name, tc := range map[string]struct {
		past Past
		want bool
		net  string
		x    traffic
	}{
		"no past":                          {nil, true, net, udp},
		"a past that explains it":          {usual(300 * 100_000), false, net, udp},
		"a past that does not":             {usual(300 * 10_000), true, net, udp},
		"strangers' noise in a public /16": {nil, false, "198.51.0.0/16", tcp(flow.SYN, 8000, 1)},
		"the same in a private one":        {nil, true, net, tcp(flow.SYN, 8000, 1)},
	} {
		found, _, _ := prefixRun{t: t, totals: []string{tc.net}, past: tc.past}.play(to(tc.net, 0, tc.x))
		if _, ok := found[tc.net]; ok != tc.want || len(found) > 1 {
			t.Errorf("%s: %v, want it found: %v", name, found, tc.want)
		}
	}
}

// Of a sample it is not known how many hosts and sources there are; that there are
// many is.
func TestCarpetSampled(t *testing.T) {
	for vector, x := range map[string]traffic{
		"udp_flood": sampled(raw(flow.ProtoUDP, 128, 1, 500, 1000)), "syn_flood": sampled(tcp(flow.SYN, 40, 1).by(1000)),
	} {
		found, first, _ := prefixRun{t: t}.play(to("203.0.113.0/24", 256, x))
		f := found["203.0.113.0/24"]
		if len(found) != 1 || f.Vector != vector || first > 5 || f.Metrics.Destinations != 0 {
			t.Errorf("%s: first in second %d, %v", vector, first, found)
		}
	}
	if found, _, _ := (prefixRun{t: t}).play(to("203.0.113.0/24", 256, sampled(tcp(flow.SYN, 40, 1).by(1)))); len(found) != 0 {
		t.Errorf("a sampled scan by one: %v", found)
	}
}
