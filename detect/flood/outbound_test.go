// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"strings"
	"testing"

	"tidewatch/detect"
	"tidewatch/flow"
)

// sends turns an attack on the device into one by it, on so many targets outside.
func sends(x traffic, targets int) traffic {
	x.out, x.sources = true, targets
	return x
}

// internally makes both ends own devices.
func internally(x traffic) traffic {
	x.mark |= flow.SrcInternal | flow.DstInternal
	return x
}

// An own device that attacks others is found as the attacker; a scan, a service
// and a large upload are not, and what a victim answers is no attack of its own.
func TestOutbound(t *testing.T) {
	syn := tcp(flow.SYN, 3000, 1)
	for name, tc := range map[string]struct {
		traffic []traffic
		kind    string // empty: nothing to find
		vector  string
	}{
		"SYN flood":                              {[]traffic{sends(syn, 1)}, "ddos_outbound", "syn_flood"},
		"SYN flood that is answered":             {[]traffic{answered(sends(syn, 1), 1, flow.SYN|flow.ACK)}, "ddos_outbound", "syn_flood"},
		"ACK flood":                              {[]traffic{answered(sends(tcp(flow.ACK, 20_000, 1), 2), 1, flow.RST)}, "ddos_outbound", "ack_flood"},
		"UDP flood":                              {[]traffic{sends(raw(flow.ProtoUDP, 50, 1000, 900, 50), 1)}, "ddos_outbound", "udp_flood"},
		"UDP flood of a server":                  {[]traffic{shop(), sends(raw(flow.ProtoUDP, 50, 2000, 900, 50), 1)}, "ddos_outbound", "udp_flood"},
		"ping flood":                             {[]traffic{sends(raw(flow.ProtoICMP, 1, 20_000, 84, 1), 1)}, "ddos_outbound", "icmp_flood"},
		"two vectors":                            {[]traffic{sends(syn, 1), sends(raw(flow.ProtoUDP, 50, 1000, 900, 50), 1)}, "ddos_outbound", "udp_flood"},
		"sampled UDP flood":                      {[]traffic{sampled(sends(raw(flow.ProtoUDP, 40, 1, 900, 40), 1))}, "ddos_outbound", "udp_flood"},
		"between own devices":                    {[]traffic{internally(raw(flow.ProtoUDP, 500, 40, 900, 3))}, "ddos", "udp_flood"},
		"from one own device to another":         {[]traffic{internally(sends(raw(flow.ProtoUDP, 500, 40, 900, 3), 1))}, "", ""},
		"a scan of many":                         {[]traffic{sends(syn, 3000)}, "", ""},
		"a client whose server died":             {[]traffic{sends(tcp(flow.SYN, 300, 3), 1)}, "", ""},
		"an upload":                              {[]traffic{answered(sends(tcp(data, 4, 10_000).sized(1480), 1), 300, flow.ACK)}, "", ""},
		"an upload over QUIC":                    {[]traffic{answered(sends(raw(flow.ProtoUDP, 4, 10_000, 1350, 4), 1), 300, 0)}, "", ""},
		"site VPN, upload":                       {[]traffic{answered(sends(raw(flow.ProtoESP, 1, 30_000, 1400, 1), 1), 1000, 0)}, "", ""},
		"a stream to many":                       {[]traffic{sends(raw(flow.ProtoUDP, 200, 200, 1300, 200), 200)}, "", ""},
		"victim of a SYN flood that it answers":  {[]traffic{answered(tcp(flow.SYN, 20_000, 1).by(1), 1, flow.SYN|flow.ACK)}, "ddos", "syn_flood"},
		"victim of an ACK flood that it resets":  {[]traffic{answered(tcp(flow.ACK, 20_000, 1).by(2), 1, flow.RST)}, "ddos", "ack_flood"},
		"victim of a ping flood that it answers": {[]traffic{answered(raw(flow.ProtoICMP, 1, 20_000, 84, 1), 20_000, 0)}, "ddos", "icmp_flood"},
	} {
		for _, v6 := range []bool{false, true} {
			desk := answered(sends(tcp(whole, 2, 20), 2), 20, whole) // else nobody knows that the exporter shows both directions
			if strings.Contains(name, "sampled") {
				desk = answered(sends(traffic{proto: flow.ProtoTCP, flags: flow.ACK, flows: 1, packets: 1000, bytes: 400, sampling: 1000}, 1), 1000, flow.ACK)
			}
			all := append([]traffic{desk}, tc.traffic...)
			for i := range all {
				all[i].v6 = v6
			}
			f, found := run(t, all...)
			if found != (tc.kind != "") || f.Kind != tc.kind || f.Vector != tc.vector {
				t.Errorf("%s: %s %q %v, found %v; want %s %q: %+v", name, f.Kind, f.Vector, f.Vectors, found, tc.kind, tc.vector, f.Indicators)
				continue
			}
			if !found {
				continue
			}
			if f.Severity.Rank() < detect.High.Rank() {
				t.Errorf("%s: severity %s", name, f.Severity)
			}
			if tc.kind == "ddos_outbound" && (len(f.Top.Destinations) == 0 || len(f.Top.Sources) > 0 || f.Subject.Addr().Is4() == v6) {
				t.Errorf("%s: subject %v, top %+v", name, f.Subject, f.Top)
			}
		}
	}
}
