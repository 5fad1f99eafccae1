// SPDX-License-Identifier: Apache-2.0

package app

import (
	"path/filepath"
	"testing"

	"tidewatch/detect"
	"tidewatch/test/shareddata"
)

// Real captures of tunnels, each found as one incident.
func TestRealTunnels(t *testing.T) {
	dir := shareddata.Dir(t)
	for _, c := range []struct{ file, subject, kind string }{
		{"dns-tunnel-iodine", "10.0.2.30", "dns_tunnel"},
		{"dns_exfiltration", "192.168.220.56", "dns_tunnel"},
		{"bad-dns-traffic", "192.168.43.91", "dns_tunnel"},
		{"icmp-tunnel", "192.168.154.131", "icmp_tunnel"},
	} {
		// With its server inside, and with the device alone inside.
		for _, internal := range [][]string{{"10.0.0.0/8", "192.168.0.0/16"}, {c.subject + "/32"}} {
			res, err := Analyze(t.Context(), testConfig(internal...), &AnalyzeOptions{Files: []string{filepath.Join(dir, "tunnel/ndpi", c.file+".pcap")}, KeepInternal: true})
			if err != nil {
				t.Fatal(err)
			}
			if n := len(res.Incidents); n != 1 {
				t.Errorf("%s: %d incidents, want 1", c.file, n)
			}
			for i := range res.Incidents {
				x := &res.Incidents[i]
				if x.Category != detect.DataExfiltration || x.Kind != c.kind || x.Subject != c.subject || x.Severity.Rank() < detect.High.Rank() {
					t.Errorf("%s inside of %v: %s", c.file, internal, x.Headline())
				}
			}
		}
	}
}

// Ordinary name service, whole networks of other programs, VPN and Tor: no tunnel
// above low.
func TestNoTunnels(t *testing.T) {
	dir := shareddata.Dir(t)
	for _, f := range benign(t, dir) {
		res, err := Analyze(t.Context(), testConfig(), &AnalyzeOptions{Files: []string{f}})
		if err != nil {
			continue // told by TestBenignCaptures
		}
		for i := range res.Incidents {
			if x := &res.Incidents[i]; x.Category == detect.DataExfiltration && x.Severity != detect.Low {
				t.Errorf("%s: %s", f, x.Headline())
			}
		}
	}
}
