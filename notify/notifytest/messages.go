// SPDX-License-Identifier: Apache-2.0

// Package notifytest has what the tests of all sinks need: messages as they come from
// the outbox, hostile ones among them, and certificates.
package notifytest

import (
	"strings"
	"time"

	"tidewatch/detect"
	"tidewatch/incident"
	"tidewatch/notify"
)

// Canary is a secret that may turn up nowhere but where it belongs.
const Canary = "canary-7Qp2Xw9-never-to-be-seen"

// Flood is a message about an attack on an IPv4 address.
func Flood(status notify.Status, event incident.EventType) *notify.Message {
	start := time.Date(2026, 11, 26, 10, 20, 30, 250e6, time.UTC)
	i := &incident.Incident{
		ID: "inc-mzxw6ytboi4dkmjr", Category: detect.DDoSAttack, Kind: "ddos", Vector: "syn_flood", Subject: "192.0.2.7", Scope: incident.ScopeHost,
		Severity: detect.Critical, CurrentSeverity: detect.Critical, Score: 0.97, State: incident.Open,
		Started: start, Detected: start.Add(4 * time.Second), LastSeen: start.Add(time.Minute), Updated: start.Add(time.Minute),
		Indicators: []incident.Indicator{
			{Indicator: detect.Indicator{Name: "unique_sources", Observed: 5120, Expected: 50, Unit: "sources", Weight: 0.2}, Text: "5 120 sources sent it; more than 50 counts as many"},
			{Indicator: detect.Indicator{Name: "packet_rate", Observed: 250000, Expected: 10000, Unit: "packets/s", Weight: 0.4}, Text: "250 000 packets/s of attack traffic; 10 000 is the limit"},
			{Indicator: detect.Indicator{Name: "small_packets", Observed: 60, Expected: 100, Unit: "bytes", Weight: 0}, Text: "the mean packet had 60 B; less than 100 B counts as small"},
		},
		Baseline: detect.Baseline{Level: "hour_of_day", Samples: 28, AgeDays: 30},
		Metrics: detect.Metrics{
			BitsPerSecond: 1.1e8, PeakBitsPerSecond: 1.2e8, PacketsPerSecond: 2.3e5, PeakPacketsPerSecond: 2.5e5,
			Bytes: 900e6, Packets: 15e6, Flows: 15e6, Sources: 5120, Ports: 1,
		},
		Top: detect.Top{
			Sources: []detect.Share{{Key: "198.51.100.23", Bytes: 9e6, Packets: 15e4, Share: 0.01}, {Key: "203.0.113.9", Bytes: 8e6, Packets: 13e4, Share: 0.009}},
			Ports:   []detect.Share{{Key: "443", Bytes: 9e8, Share: 1}},
		},
		Assessment: &incident.Assessment{
			By: "rules", Verdict: incident.Threat, Confidence: 0.92, Severity: detect.Critical, Cause: "attack",
			Reasons: []string{"nobody answered the connections asked for"}, Techniques: []string{"T1499.001"},
		},
		Actions: []incident.Action{},
		Timeline: []incident.Entry{
			{At: start, Event: incident.Opened, Text: "opened as high: SYN flood on 192.0.2.7; score 0.8"},
			{At: start.Add(30 * time.Second), Event: incident.Escalated, Text: "escalated from high to critical: 250 000 packets/s of attack traffic"},
			{At: start.Add(40 * time.Second), Event: incident.VectorChanged, Text: "the vector changed from UDP flood to SYN flood"},
		},
	}
	switch status {
	case notify.Acknowledge:
		i.State = incident.Acknowledged
	case notify.Resolve:
		i.State, i.Reason, i.Ended = incident.Resolved, incident.ReasonQuiet, start.Add(5*time.Minute)
		i.Timeline = append(i.Timeline, incident.Entry{At: i.Ended, Event: incident.ResolvedEvent, Text: "resolved: quiet for 2 min; it lasted 5 min"})
	default:
	}
	return &notify.Message{
		ID: i.ID + "/" + string(event), Key: i.ID, Status: status, At: i.Updated, Event: event, Incident: i,
		Link: "https://tidewatch.example.org/incidents/" + i.ID,
	}
}

// Theft is a message about an upload by an IPv6 address, at a site east of Greenwich.
func Theft() *notify.Message {
	start := time.Date(2026, 7, 1, 2, 0, 0, 0, time.FixedZone("CEST", 2*3600))
	i := &incident.Incident{
		ID: "inc-ga3tinjqgyzdcnbw", Category: detect.DataExfiltration, Kind: "exfiltration", Subject: "2001:db8:1::42", Scope: incident.ScopeHost,
		Severity: detect.High, CurrentSeverity: detect.Medium, Score: 0.8, State: incident.Open,
		Started: start, Detected: start.Add(time.Hour), LastSeen: start.Add(time.Hour), Updated: start.Add(time.Hour),
		Indicators: []incident.Indicator{
			{Indicator: detect.Indicator{Name: "upload_volume", Observed: 4.2e9, Expected: 1e9, Unit: "bytes", Weight: 0.3}, Text: "4.2 GB went out; 1 GB is the limit"},
		},
		Metrics: detect.Metrics{Bytes: 42e8, BitsPerSecond: 9.3e6, Destinations: 1, TopDestinationShare: 1},
		Top:     detect.Top{Destinations: []detect.Share{{Key: "2001:db8:ffff::9", Bytes: 42e8, Share: 1}}},
		Actions: []incident.Action{}, Timeline: []incident.Entry{{At: start, Event: incident.Opened, Text: "opened"}},
	}
	return &notify.Message{ID: i.ID + "/1", Key: i.ID, Status: notify.Trigger, At: i.Updated, Event: incident.Opened, Incident: i}
}

// Test is what check --send-test sends.
func Test() *notify.Message {
	m := Flood(notify.Trigger, incident.Opened)
	m.ID, m.Key, m.Status, m.Incident.ID = "test-1", "test", notify.Test, "test"
	return m
}

// Digest is a summary of two of five incidents.
func Digest() *notify.Message {
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	return &notify.Message{
		ID: "digest-1", Key: "digest-1", Status: notify.Digest, At: at, More: 3, Link: "https://tidewatch.example.org/incidents",
		Digest: []notify.Brief{
			{ID: "inc-a", Headline: "high: exfiltration from 2001:db8:1::42", Severity: "high", State: incident.Open, Started: at.Add(-time.Hour), Link: "https://tidewatch.example.org/incidents/inc-a"},
			{ID: "inc-b", Headline: "medium: port scan from 192.0.2.9", Severity: "medium", State: incident.Resolved, Started: at.Add(-2 * time.Hour)},
		},
	}
}

// Hostile is a message in which a stranger chose every text that a stranger may.
func Hostile() *notify.Message {
	m := Flood(notify.Trigger, incident.Escalated)
	evil := "x\r\nBcc: everyone@example.org\r\n\r\n<script>alert(1)</script> <!channel> & \"q\" ]|=\\ \x00\x1b[31m\u202e\ufeff\xff"
	i := m.Incident
	i.Subject = "192.0.2.7" + evil
	i.Timeline[1].Text = evil
	i.Indicators[0].Text, i.Indicators[0].Detail = evil, evil
	i.Assessment.Reasons = []string{evil, strings.Repeat("long ", 5000)}
	for range 300 {
		i.Indicators = append(i.Indicators, incident.Indicator{
			Indicator: detect.Indicator{Name: "threat_list", Weight: 0.1, Detail: strings.Repeat("\"\\", 900)}, Text: strings.Repeat("é<&>", 900),
		})
	}
	i.Top.Sources[0].Key = evil
	return m
}
