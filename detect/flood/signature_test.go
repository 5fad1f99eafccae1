// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"os"
	"strings"
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
)

const (
	whole = flow.SYN | flow.ACK | flow.PSH | flow.FIN // a session from begin to end
	data  = flow.ACK | flow.PSH                       // the middle of one
)

// tcp is an attack of so many flows a second by as many sources.
func tcp(flags uint8, flows, packets int) traffic {
	return traffic{proto: flow.ProtoTCP, flags: flags, flows: flows, packets: packets, bytes: 60, sources: flows, port: 443}
}

func answered(x traffic, back int, flags uint8) traffic {
	x.back, x.backFlags = back, flags
	return x
}

func sampled(x traffic) traffic {
	x.packets, x.sampling = 1000*x.packets, 1000
	return x
}

func (x traffic) sized(bytes int) traffic   { x.bytes = bytes; return x }
func (x traffic) by(sources int) traffic    { x.sources = sources; return x }
func (x traffic) fromPort(p uint16) traffic { x.srcPort = p; return x }
func (x traffic) during(from, to int) traffic {
	x.from, x.to = from, to
	return x
}

func raw(proto uint8, flows, packets, bytes, sources int) traffic {
	return traffic{proto: proto, flows: flows, packets: packets, bytes: bytes, sources: sources}
}

// shop is what must never be found, and what must not hide an attack.
func shop() traffic { return answered(tcp(whole, 500, 8).sized(300), 10, whole) }

func questions(n int) traffic {
	x := raw(flow.ProtoUDP, n, 1, 80, n)
	x.port = 53
	return x
}

func fragments(x traffic) traffic {
	x.mark, x.srcPort, x.port = flow.Fragment, 0, 0
	return x
}

// What each vector is found by, and what looks like it and must not be found.
func TestVectors(t *testing.T) {
	for name, tc := range map[string]struct {
		traffic []traffic
		vector  string // empty: nothing to find
	}{
		"SYN-ACK reflection from web servers":  {[]traffic{tcp(flow.SYN|flow.ACK, 2000, 1).fromPort(443)}, "tcp_amplification"},
		"the same, refused by the device":      {[]traffic{answered(tcp(flow.SYN|flow.ACK, 2000, 1).fromPort(80), 1, flow.RST)}, "tcp_amplification"},
		"the same, repeated by the reflectors": {[]traffic{tcp(flow.SYN|flow.ACK, 2000, 3).fromPort(80)}, "tcp_amplification"},
		"SYN-ACKs from any ports":              {[]traffic{tcp(flow.SYN|flow.ACK, 2000, 1)}, "syn_ack_flood"},
		"SYN-ACKs at a busy shop":              {[]traffic{shop(), tcp(flow.SYN|flow.ACK, 2000, 1).fromPort(80)}, "tcp_amplification"},
		"sampled SYN-ACK reflection":           {[]traffic{sampled(tcp(flow.SYN|flow.ACK, 50, 1).fromPort(80))}, "tcp_amplification"},
		"a crawler that has many connections":  {[]traffic{answered(tcp(flow.SYN|flow.ACK, 2000, 1).fromPort(443), 2, flow.SYN|flow.ACK)}, ""},
		"a scanner that gets its answers":      {[]traffic{answered(tcp(flow.SYN|flow.ACK, 2000, 1).fromPort(443), 2, flow.SYN|flow.RST)}, ""},
		"idle connections of health checks":    {[]traffic{answered(tcp(flow.SYN|flow.ACK, 500, 2), 2, flow.SYN|flow.ACK)}, ""},

		"ACK flood":                             {[]traffic{tcp(flow.ACK, 20_000, 1)}, "ack_flood"},
		"ACK flood that gets resets":            {[]traffic{answered(tcp(flow.ACK, 20_000, 1), 1, flow.RST)}, "ack_flood"},
		"ACK flood with data":                   {[]traffic{answered(tcp(data, 20_000, 1).sized(900), 1, flow.RST)}, "ack_flood"},
		"ACK flood of one source":               {[]traffic{answered(tcp(flow.ACK, 1, 20_000), 20_000, flow.RST)}, "ack_flood"},
		"ACK flood at a busy shop":              {[]traffic{shop(), answered(tcp(flow.ACK, 20_000, 1), 1, flow.RST)}, "ack_flood"},
		"a download":                            {[]traffic{answered(tcp(data, 1, 40_000).sized(1480).fromPort(443), 20_000, flow.ACK)}, ""},
		"a download, acknowledgements joined":   {[]traffic{answered(tcp(data, 2, 20_000).sized(1480).fromPort(443), 500, flow.ACK)}, ""},
		"a store that many upload to":           {[]traffic{answered(tcp(data, 300, 100).sized(1400), 5, flow.ACK)}, ""},
		"the same, sampled":                     {[]traffic{sampled(answered(tcp(data, 40, 1).sized(1400), 2000, flow.ACK))}, ""},
		"a server that delivers":                {[]traffic{answered(tcp(flow.ACK, 300, 100), 200, data)}, ""},
		"small messages from many":              {[]traffic{answered(tcp(data, 2000, 10).sized(150), 4, flow.ACK)}, ""},
		"sampled ACK flood":                     {[]traffic{sampled(tcp(flow.ACK, 60, 1)), sampled(tcp(flow.ACK, 1, 1)), answered(sampled(tcp(flow.ACK, 1, 1)), 1000, flow.ACK)}, "ack_flood"},
		"half of the traffic, sampled":          {[]traffic{sampled(tcp(data, 60, 1).sized(1400))}, ""},
		"half of the traffic: sessions":         {[]traffic{tcp(data, 1000, 30).sized(1400)}, ""},
		"long sessions in pieces beside a shop": {[]traffic{shop(), answered(tcp(data, 20, 1000).sized(800), 600, data)}, ""},

		"RST flood":                       {[]traffic{tcp(flow.RST, 40_000, 1)}, "rst_flood"},
		"RST and ACK":                     {[]traffic{tcp(flow.RST|flow.ACK, 40_000, 1)}, "rst_flood"},
		"a service restarts":              {[]traffic{shop(), tcp(flow.RST, 25_000, 1).during(10, 12)}, ""},
		"a service restarts, FINs":        {[]traffic{shop(), answered(tcp(flow.FIN|flow.ACK, 25_000, 2).during(10, 12), 2, flow.FIN|flow.ACK)}, ""},
		"clients that end with resets":    {[]traffic{answered(tcp(data|flow.RST, 3000, 12), 12, data|flow.FIN)}, ""},
		"a download that ends with reset": {[]traffic{answered(tcp(data|flow.RST, 1, 40_000).sized(1480), 1000, flow.ACK)}, ""},

		"FIN flood":                          {[]traffic{tcp(flow.FIN, 20_000, 1)}, "fin_flood"},
		"XMAS flood":                         {[]traffic{tcp(flow.FIN|flow.PSH|flow.URG, 20_000, 1)}, "xmas_flood"},
		"XMAS flood with ECN bits":           {[]traffic{tcp(flow.FIN|flow.PSH|flow.URG|flow.ECE|flow.CWR, 20_000, 1)}, "xmas_flood"},
		"NULL flood":                         {[]traffic{tcp(0, 20_000, 1)}, "null_flood"},
		"NULL flood at a busy shop":          {[]traffic{shop(), tcp(0, 20_000, 2), tcp(0, 100, 100)}, "null_flood"},
		"flags that the exporter leaves out": {[]traffic{answered(tcp(0, 1000, 40), 40, 0)}, ""},
		"likewise, and only one direction":   {[]traffic{tcp(0, 1000, 40)}, ""},
		"TCP without flags, both ways":       {[]traffic{{proto: flow.ProtoTCP, flows: 1000, packets: 40, bytes: 500, sources: 1000, port: 443, answers: true, mark: flow.NoTCPFlags}}, ""},

		"GRE flood":                      {[]traffic{raw(flow.ProtoGRE, 2000, 10, 500, 2000)}, "gre_flood"},
		"GRE tunnel of two sites":        {[]traffic{answered(raw(flow.ProtoGRE, 2, 10_000, 1400, 2), 600, 0)}, ""},
		"port mirror over GRE":           {[]traffic{raw(flow.ProtoGRE, 2, 20_000, 900, 2)}, ""},
		"ESP flood":                      {[]traffic{raw(flow.ProtoESP, 2000, 10, 500, 2000)}, "esp_flood"},
		"VPN gateway that all upload to": {[]traffic{answered(raw(flow.ProtoESP, 400, 60, 1300, 400), 12, 0)}, ""},
		"a protocol nobody uses":         {[]traffic{raw(253, 2000, 10, 500, 2000)}, "ip_flood"},
		"sampled GRE flood":              {[]traffic{sampled(raw(flow.ProtoGRE, 150, 1, 500, 150))}, "gre_flood"},

		"fragments of UDP":                 {[]traffic{fragments(raw(flow.ProtoUDP, 2000, 10, 1400, 2000))}, "fragment_flood"},
		"fragments of ICMP":                {[]traffic{fragments(raw(flow.ProtoICMP, 2000, 10, 1400, 2000))}, "fragment_flood"},
		"fragments without TCP headers":    {[]traffic{fragments(tcp(0, 5000, 2).sized(1400)), fragments(tcp(0, 5000, 2).sized(1400))}, "fragment_flood"},
		"amplification, mostly fragments":  {[]traffic{{proto: flow.ProtoUDP, flows: 600, packets: 10, bytes: 1480, sources: 600, srcPort: 53, port: 4444}, fragments(raw(flow.ProtoUDP, 600, 30, 1400, 600))}, "dns_amplification"},
		"file service over UDP, fragments": {[]traffic{answered(fragments(raw(flow.ProtoUDP, 10, 2000, 1400, 2)), 400, 0)}, ""},

		"questions, of which few are answered":      {[]traffic{questions(12_000), answered(questions(1500), 1, 0)}, "dns_query_flood"},
		"the same at a device that answers nothing": {[]traffic{questions(12_000)}, "udp_flood"},

		"isakmp amplification":              {[]traffic{{proto: flow.ProtoUDP, flows: 600, packets: 1, bytes: 200, sources: 600, srcPort: 4500, port: 4444}}, "isakmp_amplification"},
		"three vectors":                     {[]traffic{tcp(flow.SYN, 9000, 1), tcp(flow.ACK, 9000, 1), raw(flow.ProtoUDP, 300, 30, 500, 300)}, "mixed"},
		"two, neither over the limit alone": {[]traffic{tcp(flow.ACK, 6000, 1), raw(flow.ProtoUDP, 200, 30, 500, 200)}, "mixed"},
	} {
		for _, v6 := range []bool{false, true} {
			all := append([]traffic(nil), tc.traffic...)
			for i := range all {
				all[i].v6 = v6
				if v6 && all[i].proto == flow.ProtoICMP {
					all[i].proto = flow.ProtoICMPv6
				}
			}
			f, found := run(t, all...)
			if found != (tc.vector != "") || f.Vector != tc.vector {
				t.Errorf("%s: vector %q %v, found %v; want %q: %+v", name, f.Vector, f.Vectors, found, tc.vector, f.Indicators)
			}
			if found && (f.Kind != "ddos" || f.Severity.Rank() < detect.High.Rank()) {
				t.Errorf("%s: %s of severity %s", name, f.Kind, f.Severity)
			}
		}
	}
}

// Where there are no ports none are few; that there are none is said instead.
func TestWithoutPorts(t *testing.T) {
	for name, tc := range map[string]struct {
		traffic []traffic
		want    string
	}{
		"pings":            {[]traffic{raw(flow.ProtoICMP, 200, 100, 84, 200)}, "without_ports"},
		"pings of a shop":  {[]traffic{shop(), raw(flow.ProtoICMP, 200, 100, 84, 200)}, "without_ports"},
		"GRE":              {[]traffic{raw(flow.ProtoGRE, 2000, 10, 500, 2000)}, "without_ports"},
		"UDP to one port":  {[]traffic{raw(flow.ProtoUDP, 500, 40, 500, 500)}, "focused_ports"},
		"SYNs to one port": {[]traffic{tcp(flow.SYN, 2000, 10)}, "focused_ports"},
		"UDP and pings":    {[]traffic{raw(flow.ProtoUDP, 500, 40, 500, 500), raw(flow.ProtoICMP, 200, 60, 84, 200)}, "focused_ports"},
	} {
		for _, v6 := range []bool{false, true} {
			for i := range tc.traffic {
				x := &tc.traffic[i]
				x.v6 = v6
				if v6 && x.proto == flow.ProtoICMP {
					x.proto = flow.ProtoICMPv6
				}
			}
			f, _ := run(t, tc.traffic...)
			got := ""
			for _, i := range f.Indicators {
				if i.Name == "without_ports" || i.Name == "focused_ports" {
					got += i.Name
				}
			}
			if got != tc.want {
				t.Errorf("%s, IPv6 %v: %q, want %q: %+v", name, v6, got, tc.want, f.Indicators)
			}
		}
	}
}

// The table in the documentation is the one in the code.
func TestSignaturesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/detectors.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range signatures() {
		if row := "| `" + s.vector + "` | " + s.class.String() + " | "; !strings.Contains(string(page), row) || !strings.Contains(string(page), s.why+" |") {
			t.Errorf("docs/detectors.md lacks %s%s |", row, s.why)
		}
	}
}
