// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"math"
	"testing"

	"tidewatch/detect"
)

func TestQuantity(t *testing.T) {
	for _, tc := range []struct {
		value float64
		unit  string
		want  string
	}{
		{52_300, "packets/s", "52 300 packets/s"},
		{1_234_567.8, "packets", "1 234 568 packets"},
		{5.4e9, "bytes", "5.4 GB"},
		{999, "bytes", "999 B"},
		{1000, "bytes", "1 kB"},
		{999_960, "bytes", "1 MB"},
		{43_200_000, "bits/s", "43.2 Mbit/s"},
		{0, "bits/s", "0 bit/s"},
		{0.834, "share", "83.4 %"},
		{90, "seconds", "90 s"},
		{7512, "seconds", "2 h 5 min"},
		{0.25, "seconds", "0.25 s"},
		{6.5, "hours", "6 h 30 min"},
		{14 * 86400, "s", "14 d"},
		{1, "ports", "1 port"},
		{1, "addresses", "1 address"},
		{2, "ports", "2 ports"},
		{-4.216, "sigma", "-4.22 sigma"},
		{-12_345, "", "-12 345"},
		{-0.001, "", "0"},
		{math.NaN(), "bytes", "an unknown number"},
		{math.Inf(1), "", "an unknown number"},
	} {
		if got := quantity(tc.value, tc.unit); got != tc.want {
			t.Errorf("quantity(%v, %q) = %q, want %q", tc.value, tc.unit, got, tc.want)
		}
	}
}

func TestIndicatorText(t *testing.T) {
	rate := detect.Indicator{Name: "connection_rate", Observed: 3334, Expected: 100, Unit: "connections/s"}
	perSource := func(n float64) detect.Indicator {
		return detect.Indicator{Name: "flows_per_source", Observed: n, Expected: 2, Unit: "flows"}
	}
	for _, tc := range []struct {
		in     detect.Indicator
		want   string
		vector string
	}{
		{rate, "3 334 connections/s were asked for and not answered; 100 is the limit", "syn_flood"},
		{rate, "3 334 answers/s arrived that nobody had asked for; 100 is the limit", "ntp_amplification"},
		{rate, "3 334 answers/s arrived that nobody had asked for; 100 is the limit", "syn_ack_flood"},
		{rate, "3 334 flows/s asked for a connection in vain, or answered what nobody had asked; 100 is the limit", mixed},
		{perSource(0.9946), "each source sent 1 flow on average; fewer than 2 hint at forged addresses or at reflectors", "syn_flood"},
		{perSource(0.4), "each source sent 1 flow on average; fewer than 2 hint at forged addresses or at reflectors", "syn_flood"},
		{perSource(1.3613), "each source sent 1.36 flows on average; fewer than 2 hint at forged addresses or at reflectors", "syn_flood"},
		{
			detect.Indicator{Name: "without_ports", Observed: 1, Expected: 0.5, Unit: "share"},
			"100 % of its packets are of protocols without ports, which programs for people seldom use; from 50 % on it counts", "icmp_flood",
		},
		{
			detect.Indicator{Name: "kind_of_attempts", Observed: 1, Unit: "share", Detail: "syn"},
			"100 % of the attempts are SYNs without an answer", "",
		},
		{
			detect.Indicator{Name: "source_dispersion", Observed: 1, Expected: 0.5, Unit: "share"},
			"the spread of the sources over networks is 100 % of the largest possible; in the minutes before it was 50 %", "udp_flood",
		},
		{
			detect.Indicator{Name: "packet_rate", Observed: 52_300, Expected: 10_000, Unit: "packets/s"},
			"52 300 packets/s of attack traffic; 10 000 is the limit", "",
		},
		{
			detect.Indicator{Name: "upload_volume", Observed: 5.4e9, Expected: 1e9, Unit: "bytes"},
			"5.4 GB went out; 1 GB is the limit", "",
		},
		{
			detect.Indicator{Name: "focused_ports", Observed: 1, Expected: 3, Unit: "ports"},
			"only 1 port addressed; up to 3 count as few", "",
		},
		{
			detect.Indicator{Name: "upload_ratio", Observed: 81.25, Expected: 5, Unit: "ratio"},
			"81.2 times as much was sent as received; 5 times is the limit", "",
		},
		{
			detect.Indicator{Name: "of_another_house", Observed: 2, Expected: 1, Unit: "things"},
			"of another house was 2 things; 1 thing was expected", "",
		},
	} {
		if got := indicatorText(&tc.in, tc.vector); got != tc.want {
			t.Errorf("%s:\n got %q\nwant %q", tc.in.Name, got, tc.want)
		}
	}
}

func TestHeadline(t *testing.T) {
	upload := Incident{
		Category: detect.DataExfiltration, Kind: "exfiltration", Severity: detect.Critical, Subject: "10.1.2.3",
		Metrics: detect.Metrics{Bytes: 5_400_000_000}, Top: detect.Top{Destinations: []detect.Share{{Key: "203.0.113.7"}}},
	}
	odd := Incident{
		Category: detect.BaselineAnomaly, Kind: "volume", Severity: detect.Medium, Subject: "10.1.2.3",
		Metrics: detect.Metrics{Sigma: 4.1},
	}
	several := Incident{
		Category: detect.DDoSAttack, Kind: "ddos", Vector: mixed, Vectors: []string{"syn_flood", "dns_amplification"},
		Severity: detect.High, Subject: "10.1.2.3",
		Metrics: detect.Metrics{PeakPacketsPerSecond: 52_300, PeakBitsPerSecond: 1.2e9},
	}
	for _, tc := range []struct {
		in   *Incident
		want string
	}{
		{&upload, "critical: exfiltration from 10.1.2.3, 5.4 GB sent, mostly to 203.0.113.7"},
		{&odd, "medium: unusual volume at 10.1.2.3, 4.1 sigma from usual"},
		{&several, "high: attack of several vectors (SYN flood and DNS amplification) on 10.1.2.3, peak 52 300 packets/s and 1.2 Gbit/s"},
	} {
		if got := tc.in.Headline(); got != tc.want {
			t.Errorf("\n got %q\nwant %q", got, tc.want)
		}
	}
}

func TestDefaultConfigIsValid(t *testing.T) {
	cfg := DefaultConfig()
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	cfg.MaxOpen = 0
	if _, err := New(&cfg); err == nil {
		t.Error("a book without room is no error")
	}
}
