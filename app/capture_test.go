// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/test/shareddata"
)

func testConfig(internal ...string) *Config {
	cfg := DefaultConfig()
	cfg.Timezone = "UTC"
	if len(internal) > 0 {
		cfg.Enrich.Internal = nil
		for _, p := range internal {
			cfg.Enrich.Internal = append(cfg.Enrich.Internal, netip.MustParsePrefix(p))
		}
	}
	return &cfg
}

// attacks are real captures with one flood each.
func attacks() []attack {
	const stopped, shaped = "10.10.10.10", "192.168.50.4"
	return []attack{
		{file: "ddos/lucid-cicddos2019/CIC-DDoS-2019-SynFlood.pcap", internal: "192.168.50.0/24", subject: shaped, vector: "syn_flood"},
		// 33 s of one or two packets a second come first, then the flood.
		{file: "ddos/stopddos/pkt.TCP.DOMINATE.syn.ecn.cwr.pcapng", subject: stopped, vector: "syn_flood", onset: 33},
		{file: "ddos/netlyzer/ddos.pcap", subject: "227.213.154.241", vector: "dns_amplification"},
		{file: "ddos/stopddos/amp.UDP.snmp.src161.pcapng", subject: stopped, vector: "snmp_amplification"},
		{file: "ddos/stopddos/amp.UDP.isakmp.pcap", subject: stopped, vector: "isakmp_amplification"},
		{file: "ddos/stopddos/amp.TCP.reflection.SYNACK.pcap", subject: stopped, vector: "tcp_amplification"},
		// 10 000 packets that carry one and the same time.
		{file: "ddos/suricata-verify/dhcp-request-flood/test.pcap", subject: "255.255.255.255", vector: "udp_flood", short: true},
		// Neighbours talk for 3 s, then 15 800 echo requests a second come for 2.3 s.
		{
			file:    "ddos/suricata-verify/ipv6-evasion/ipv6-dos-with-ext-headers-5/denial6-5.pcap",
			subject: "2001:db8:1::1", vector: "icmp_flood", short: true, skip: 3,
		},
	}
}

type attack struct {
	file, internal, subject, vector string
	onset                           int64 // seconds from the first packet to the flood
	skip                            int64 // seconds that are left out where the attack is repeated
	short                           bool  // too short to be found as it is: over its limit for less than a second
}

func (a *attack) networks() string {
	if a.internal != "" {
		return a.internal
	}
	addr := netip.MustParseAddr(a.subject)
	return netip.PrefixFrom(addr, addr.BitLen()).String()
}

// one checks that the incidents are exactly one flood as expected.
func one(t *testing.T, name string, got []incident.Incident, subject, vector string) {
	t.Helper()
	if len(got) != 1 {
		t.Errorf("%s: %d incidents, want one", name, len(got))
		for i := range got {
			t.Log(got[i].Headline())
		}
		return
	}
	i := &got[0]
	noExcuse(t, i)
	if i.Category != detect.DDoSAttack || i.Kind != "ddos" || i.Subject != subject || i.Vector != vector ||
		i.Severity.Rank() < detect.High.Rank() {
		t.Errorf("%s: %s %s on %s, severity %s; want %s on %s", name, i.Kind, i.Vector, i.Subject, i.Severity, vector, subject)
	}
}

// The captures as they are, however short, with no background.
func TestRealFloods(t *testing.T) {
	dir := shareddata.Dir(t)
	for _, a := range attacks() {
		if a.short {
			continue
		}
		res, err := Analyze(t.Context(), testConfig(a.networks()), &AnalyzeOptions{Files: []string{filepath.Join(dir, a.file)}, KeepInternal: true})
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}
		one(t, a.file, res.Incidents, a.subject, a.vector)
	}
}

// benign lists the captures that the index calls ordinary.
func benign(tb testing.TB, dir string) (out []string) {
	tb.Helper()
	for _, pattern := range []string{
		"background/dns-normal/*", "background/ndpi-apps/*", "zeek/data-leak-detector/*/good/*",
		"zeek/data-leak-detector/good/*", "zeek/iot23-devarship/CTU-Honeypot-Capture-4-1/*.pcap",
		"zeek/iot23-devarship/CTU-Honeypot-Capture-4-1/bro/*", "tunnel/ndpi/*vpn*", "tunnel/ndpi/tor*", "tunnel/ndpi/wireguard*",
	} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, files...)
	}
	return slices.DeleteFunc(out, func(f string) bool {
		name := strings.ToLower(filepath.Base(f))
		for _, bad := range []string{"dos", "attack", "exploit", "malware", "emotet", "trickbot", "log4j"} {
			if strings.Contains(name, bad) {
				return true
			}
		}
		st, err := os.Stat(f)
		return err != nil || st.IsDir()
	})
}

// Ordinary traffic gives nothing of severity high or above.
func TestBenignCaptures(t *testing.T) {
	files := benign(t, shareddata.Dir(t))
	if len(files) < 150 {
		t.Fatalf("only %d benign captures", len(files))
	}
	for _, f := range files {
		res, err := Analyze(t.Context(), testConfig(), &AnalyzeOptions{Files: []string{f}})
		if err != nil {
			var input *InputError
			if !errors.As(err, &input) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", f, err)
			}
			continue
		}
		for i := range res.Incidents {
			if res.Incidents[i].Severity.Rank() >= detect.High.Rank() {
				t.Errorf("%s: false alarm: %s", f, res.Incidents[i].Headline())
			}
		}
	}
}
