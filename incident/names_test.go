// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"testing"

	"tidewatch/detect"
)

// Names are told as people write them.
func TestTitles(t *testing.T) {
	attack := func(vector string) Incident {
		return Incident{Category: detect.DDoSAttack, Kind: "ddos", Vector: vector, Subject: "2001:db8::1"}
	}
	for want, inc := range map[string]Incident{
		"ISAKMP amplification on 2001:db8::1":    attack("isakmp_amplification"),
		"SNMP amplification on 2001:db8::1":      attack("snmp_amplification"),
		"NTP amplification on 2001:db8::1":       attack("ntp_amplification"),
		"mDNS amplification on 2001:db8::1":      attack("mdns_amplification"),
		"memcached amplification on 2001:db8::1": attack("memcached_amplification"),
		"XMAS flood on 2001:db8::1":              attack("xmas_flood"),
		"SYN ACK flood on 2001:db8::1":           attack("syn_ack_flood"),
		"connection exhaustion on 2001:db8::1":   attack("connection_exhaustion"),
		"host scan on the whole site": {
			Category: detect.Reconnaissance, Kind: "host_scan", Subject: site,
			Top: detect.Top{Sources: []detect.Share{{Key: "192.0.2.1"}}},
		},
		"ICMP tunnel from 10.0.0.1, 92.3 kB sent, mostly to 192.0.2.1": {
			Category: detect.DataExfiltration, Kind: "icmp_tunnel", Subject: "10.0.0.1", Metrics: detect.Metrics{Bytes: 92_300},
			Top: detect.Top{Destinations: []detect.Share{{Key: "192.0.2.1"}}},
		},
	} {
		if got := inc.Title(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A filter reads as a sentence that says what it costs.
func TestFilterText(t *testing.T) {
	some := 0.001
	for want, f := range map[string]detect.Filter{
		"protocol UDP, source port 161 and packets of 54 to 1 472 bytes would match 100 % of the attack's bytes; how much of the usual traffic is not known": {
			Protocol: "udp", SrcPort: 161, PacketBytes: &detect.Range{From: 54, To: 1472}, Covers: 1,
		},
		"protocol TCP and TCP flags SYN would match 98 % (± 3) of the attack's bytes and 0.1 % (± 0.5) of those of the minutes before": {
			Protocol: "tcp", Flags: "SYN", Covers: 0.98, CoversError: 0.0297, Collateral: &some, CollateralError: 0.005,
		},
		"everything to the subject would match 90 % of the attack's bytes; how much of the usual traffic is not known": {Covers: 0.9},
	} {
		if got := filterText(&f); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What described and weighed in the first second of an attack is brought up to date,
// and keeps its weight.
func TestGrowingIndicator(t *testing.T) {
	var inc Incident
	reading := func(v, weight float64) *detect.Indicator {
		return &detect.Indicator{Name: "request_growth", Observed: v, Expected: 2, Unit: "requests/s", Weight: weight}
	}
	inc.indicate(reading(1369, 0.15), "http_flood")
	inc.inform(reading(4036, 0), "http_flood")
	inc.inform(reading(100, 0), "http_flood")
	if got := inc.Indicators; len(got) != 1 || got[0].Weight != 0.15 || got[0].Text != "4 036 requests/s arrive in all; 2 is usual" {
		t.Errorf("%+v", got)
	}
}
