// SPDX-License-Identifier: Apache-2.0

package app

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"tidewatch/detect"
	"tidewatch/incident"
)

// What people read of an incident on a terminal: all that there is, in 100 columns.
func TestIncidentText(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	yes := true
	share := func(key string, v float64) detect.Share { return detect.Share{Key: key, Share: v} }
	packet := func(ms int, src string) detect.Flow {
		return detect.Flow{
			Time: at.Add(time.Duration(ms) * time.Millisecond), Source: src, SrcPort: 53, Dest: "2001:db8::10", DstPort: 4000,
			Protocol: "udp", Bytes: 1452, Packets: 1, Exporter: "edge-1",
		}
	}
	whole := incident.Incident{
		ID: "inc-aaaaaaaaaaaaaaaa", Category: detect.DDoSAttack, Kind: "ddos", Vector: "dns_amplification", Subject: "2001:db8::10",
		Severity: detect.Critical, Score: 0.9, State: incident.Resolved, Reason: incident.ReasonQuiet,
		Started: at, Detected: at.Add(time.Second), Ended: at.Add(time.Minute),
		Indicators: []incident.Indicator{
			{Text: "1 234 567 packets/s of attack traffic; 10 000 is the limit"},
			{Text: "a long sentence of which the end does not fit into one line of a terminal of usual width, 99.9 % of it at least"},
		},
		Metrics: detect.Metrics{PeakPacketsPerSecond: 1234567, PeakBitsPerSecond: 12.3e9},
		Filter:  &incident.TrafficFilter{Text: "source port 53 would match 98 % of the attack's bytes and 2 % of those of the minutes before"},
		Assessment: &incident.Assessment{
			By: "rules", Verdict: incident.Threat, Confidence: 0.996, Severity: detect.Critical, Cause: "attack", AttackerBs: 1e6, Botnet: &yes,
			Techniques: []string{"T1498.002"}, Reasons: []string{"no crowd comes from there"}, Priority: incident.AtOnce,
			Impact: "12.3 Gbit/s arrived", Actions: []string{"filter it", "ask the provider", "wait", "a fourth"},
			Steps: []string{"tidewatch incident show inc-aaaaaaaaaaaaaaaa", "tidewatch incident show inc-dddddddddddddddd"},
		},
		Top: detect.Top{
			Sources:      []detect.Share{share("2001:db8:1::1", 0.5), share("2001:db8:1::2", 0.012), share("2001:db8:1::3", 0.004)},
			Destinations: []detect.Share{share("2001:db8::10", 1)},
			Ports:        []detect.Share{share("4000/udp", 0.003), share("4001/udp", 0.002)},
			ASNs:         []detect.Share{share("AS64500", 0.6)},
			Countries:    []detect.Share{share("DE", 0.3), share("FR", 0.2)},
		},
		Evidence: []detect.Flow{packet(0, "2001:db8:1::1"), packet(1, "2001:db8:1::2"), packet(2, "2001:db8:1::3"), packet(3, "2001:db8:1::4"), packet(1500, "2001:db8:1::5")},
		Previous: "inc-bbbbbbbbbbbbbbbb",
	}
	unsure := incident.Incident{
		ID: "inc-cccccccccccccccc", Category: detect.DDoSAttack, Kind: "ddos", Vector: "icmp_flood", Subject: "10.0.0.1",
		Severity: detect.High, Score: 0.8, State: incident.Mitigated, Acknowledged: true, Started: at, Detected: at,
		Actions: []incident.Action{
			{ID: "mit-a", Name: "flowspec_drop", State: incident.ActionActive, Match: "icmp to 10.0.0.1", Via: "bgp", Until: at.Add(time.Minute), Detail: "rule customers of the policy"},
			{ID: "mit-b", Name: "blackhole", State: incident.ActionProposed, Target: "10.0.0.1", DryRun: true},
		},
		Assessment: &incident.Assessment{
			By: "rules", Verdict: incident.Unclear, Confidence: 0.6, Likelihood: 0.6, Severity: detect.Medium, Legitimate: "a crowd", Error: "no answer in time",
		},
		Evidence: []detect.Flow{{Time: at, Source: "192.0.2.1", Dest: "10.0.0.1", Protocol: "icmp", DstPort: 2048, Bytes: 64, Packets: 2}},
	}
	for name, tc := range map[string]struct {
		inc  *incident.Incident
		want string
	}{
		"all that there is": {&whole, `
CRITICAL  DNS amplification on 2001:db8::10, peak 1 234 567 packets/s and 12.3 Gbit/s
  inc-aaaaaaaaaaaaaaaa  score 0.90  resolved (quiet)
  started 2026-11-26T03:00:00Z, detected 2026-11-26T03:00:01Z, ended 2026-11-26T03:01:00Z
  - 1 234 567 packets/s of attack traffic; 10 000 is the limit
  - a long sentence of which the end does not fit into one line of a terminal of usual width, 99.9 %
    of it at least
  judged by rules: threat, over 99 % sure; likely cause: attack; the attacker needs about 1 Mbit/s;
    likely a botnet; T1498.002; look at once
  - no crowd comes from there
  impact: 12.3 Gbit/s arrived
  do: filter it
  do: ask the provider
  do: wait
  find out: tidewatch incident show inc-dddddddddddddddd
  filter: source port 53 would match 98 % of the attack's bytes and 2 % of those of the minutes
    before
  top sources: 2001:db8:1::1 50 %, 2001:db8:1::2 1 %
  top destinations: 2001:db8::10 100 %
  top ports: none above 1 %
  top autonomous systems: AS64500 60 %
  top countries: DE 30 %, FR 20 %
  flows, 3 of the 5 kept:
    2026-11-26T03:00:00.000Z  [2001:db8:1::1]:53 > [2001:db8::10]:4000 UDP, 1 packet, 1.45 kB, from
      edge-1
    2026-11-26T03:00:00.002Z  [2001:db8:1::3]:53 > [2001:db8::10]:4000 UDP, 1 packet, 1.45 kB, from
      edge-1
    2026-11-26T03:00:01.500Z  [2001:db8:1::5]:53 > [2001:db8::10]:4000 UDP, 1 packet, 1.45 kB, from
      edge-1
  the one before it: inc-bbbbbbbbbbbbbbbb
`},
		"a doubt": {&unsure, `
HIGH  ICMP flood on 10.0.0.1
  inc-cccccccccccccccc  score 0.80  mitigated (acknowledged)
  started 2026-11-26T03:00:00Z, detected 2026-11-26T03:00:00Z
  judged by rules: uncertain, to 60 % wanted traffic; severity medium in that light
  - if it is wanted: a crowd
  - no better judgement: no answer in time
  done: flowspec drop icmp to 10.0.0.1 is in force until 03:01:00 UTC (bgp): rule customers of the
    policy
  done: dry run: blackhole 10.0.0.1 is proposed
  flows:
    2026-11-26T03:00:00.000Z  192.0.2.1 > 10.0.0.1 ICMP, 2 packets, 64 B
`},
	} {
		var b strings.Builder
		writeIncident(&b, tc.inc)
		if d := cmp.Diff(tc.want, b.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		for line := range strings.Lines(b.String()) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > columns {
				t.Errorf("%s: too wide: %s", name, line)
			}
		}
	}
}

// The sums of the input count one thing as one.
func TestResultText(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	r := Result{Input: ResultInput{Flows: 1, Packets: 2, Bytes: 80, Devices: 1, Skipped: 1}}
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if want := "1 flow, 2 packets, 80 bytes; 1 device; 1 damaged record skipped\nno incidents\n"; b.String() != want {
		t.Errorf("says %q, want %q", b.String(), want)
	}
}
