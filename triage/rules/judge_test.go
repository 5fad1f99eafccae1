// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tidewatch/detect"
	"tidewatch/incident"
)

// to says where most of it goes, or comes from.
func to(inc *incident.Incident, peer, port string, bytes uint64) *incident.Incident {
	inc.Top.Destinations = []detect.Share{{Key: peer, Bytes: bytes, Share: 0.99}}
	inc.Top.Ports = []detect.Share{{Key: port, Bytes: bytes, Share: 0.97}}
	inc.Metrics.Bytes, inc.Metrics.TopDestinationShare = bytes, 0.99
	return inc
}

func after(inc *incident.Incident, stage incident.Stage, kind string) *incident.Incident {
	inc.Earlier = []incident.Chapter{{Stage: stage, ID: "inc-before", Kind: kind, Severity: detect.Medium}}
	return with(inc, 1, 0, "earlier_stages")
}

func learned(inc *incident.Incident) *incident.Incident {
	inc.Baseline.Level = "hour_of_day"
	return inc
}

// What each kind of incident is judged to be, and why.
func TestJudge(t *testing.T) {
	yes, no := true, false
	const v4, v6 = "203.0.113.7", "2001:db8:7::1"
	for name, tc := range map[string]struct {
		inc        *incident.Incident
		role       string
		verdict    incident.Judgement
		cause      string
		priority   incident.Priority
		techniques string
		method     string
		stolen     uint64
		insider    *bool
		data       string
		says       string // somewhere in impact, reasons, actions, steps
	}{
		"night theft to a stranger": {
			inc:  to(with(learned(plain("exfiltration", detect.Critical)), 1, 0.5, "new_destination", "off_hours", "upload_ratio", "upload_volume"), v4, "443/tcp", 5e9),
			role: "workstation", verdict: incident.Threat, cause: "compromise", priority: incident.AtOnce, techniques: "T1048.002", method: "https", stolen: 5e9,
			says: "5 GB left 2001:db8::10 (a workstation, one person's work), 99 % of what it sent outside to 203.0.113.7 within 60 min",
		},
		"the same by FTP from a server": {
			inc:  to(with(learned(plain("exfiltration", detect.Critical)), 1, 0.5, "new_destination", "off_hours", "upload_ratio"), v6, "21/tcp", 5e9),
			role: "server", verdict: incident.Threat, cause: "compromise", priority: incident.AtOnce, techniques: "T1048.003", method: "ftp", stolen: 5e9,
			insider: &no, data: "files (by port 21/tcp alone)", says: "nobody sits at such a device",
		},
		"after orders": {
			inc:     after(to(with(learned(plain("exfiltration", detect.High)), 1, 0.5, "new_destination"), v4, "8443/tcp", 2e9), incident.Command, "beacon"),
			verdict: incident.Threat, cause: "compromise", priority: incident.AtOnce, techniques: "T1041 T1048.002", method: "https", stolen: 2e9, insider: &no,
			says: "tidewatch incident show inc-before: what happened to 2001:db8::10 before",
		},
		"a first upload of a device of which nothing is known": {
			inc:     to(with(plain("exfiltration", detect.Critical), 1, 0.5, "off_hours", "upload_ratio", "upload_volume"), v4, "22/tcp", 3e9),
			verdict: incident.Unclear, priority: incident.SameHour, techniques: "T1048.002", method: "ssh", stolen: 3e9, data: "files, or what a shell shows (by port 22/tcp alone)",
			says: "Ask who works with 2001:db8::10 about 203.0.113.7",
		},
		"a test of the line": {
			inc:     to(with(plain("exfiltration", detect.Low), 1, 0.5, "speed_test", "off_hours", "upload_volume"), v6, "443/tcp", 3e9),
			verdict: incident.Legitimate, cause: "business", priority: incident.AnyTime, says: "tidewatch exclusion add REASON --device 2001:db8::10 --destination 2001:db8:7::1 --kind exfiltration",
		},
		"a call": {
			inc:     to(with(learned(plain("exfiltration", detect.Low)), 1, 0.5, "two_way_call", "new_destination"), v4, "3478/udp", 1e9),
			verdict: incident.Legitimate, cause: "business", priority: incident.AnyTime, says: "as in a call with picture and sound",
		},
		"what the device always sends, only more": {
			inc: func() *incident.Incident {
				inc := to(with(learned(plain("slow_exfiltration", detect.High)), 1, 0, "slow_rise", "slow_alone", "slow_days"), "203.0.113.0/24", "443/tcp", 12e9)
				return with(inc, 4e9, 1e9, "slow_rise_volume")
			}(),
			role: "workstation", verdict: incident.Threat, cause: "compromise", priority: incident.AtOnce, techniques: "T1029 T1030 T1048.002", method: "https", stolen: 4e9, insider: &yes,
			says: "likely an insider: by day, from a person's device, to where it always sends, only more",
		},
		"a cloud that all use": {
			inc:     to(with(learned(plain("slow_exfiltration", detect.Low)), 9, 0, "destination_shared", "slow_upload"), "203.0.113.0/24", "443/tcp", 12e9),
			verdict: incident.Legitimate, cause: "business", priority: incident.AnyTime, says: "several devices give to the same network",
		},
		"a DNS tunnel": {
			inc: func() *incident.Incident {
				inc := to(with(plain("dns_tunnel", detect.Critical), 198, 100, "question_size"), v6, "53/udp", 84_000)
				inc.Metrics.Packets = 1000
				return with(inc, 1, 105, "strange_server")
			}(),
			verdict: incident.Threat, cause: "compromise", priority: incident.AtOnce, techniques: "T1048.003 T1071.004 T1572", method: "dns_tunnel", stolen: 20_000,
			says: "In the log of the name server 2001:db8:7::1: which names 2001:db8::10 asked for",
		},
		"a resolver asks for long names": {
			inc:     with(to(with(plain("dns_tunnel", detect.Low), 120, 100, "question_size", "asks_for_others"), v4, "53/udp", 84_000), 1, 105, "strange_server"),
			verdict: incident.Unclear, priority: incident.AnyTime, techniques: "T1048.003 T1071.004 T1572", method: "dns_tunnel", stolen: 84_000, says: "as resolvers do",
		},
		"an ICMP tunnel": {
			inc:     to(with(plain("icmp_tunnel", detect.High), 2, 1, "echo_replies_differ", "echo_sizes"), v4, "icmp", 84_000),
			verdict: incident.Threat, cause: "compromise", priority: incident.AtOnce, techniques: "T1048.003 T1095 T1572", method: "icmp_tunnel", stolen: 84_000,
		},
		"a beacon of one device to a new place": {
			inc:     to(with(plain("beacon", detect.Medium), 1, 100, "destination_rare", "destination_news", "unknown_service"), v4, "8760/udp", 84_000),
			verdict: incident.Threat, cause: "compromise", priority: incident.SameDay, techniques: "T1571", says: "whoever is at 203.0.113.7 may have command of 2001:db8::10",
		},
		"a program that many have": {
			inc:     to(with(plain("beacon", detect.Low), 40, 100, "destination_shared"), v6, "443/tcp", 84_000),
			verdict: incident.Legitimate, cause: "business", priority: incident.AnyTime,
		},
		"a nightly backup": {
			inc:     with(to(with(plain("beacon", detect.Low), 40*86400, 0, "destination_habit", "beacon_transfer"), v4, "443/tcp", 84e9), 1, 100, "destination_rare"),
			verdict: incident.Legitimate, cause: "business", priority: incident.AnyTime, says: "a regular transfer, for as long as the device is known",
		},
		"a regular transfer that has just begun": {
			inc:     to(with(plain("beacon", detect.Low), 3600, 0, "beacon_transfer"), v4, "443/tcp", 84e9),
			verdict: incident.Unclear, priority: incident.AnyTime, techniques: "T1071.001",
		},
		"a listed address that the device comes back to": {
			inc:     to(with(plain("threat_list", detect.High), 1, 0, "threat_list", "listed_hours", "listed_bytes"), v6, "443/tcp", 84e6),
			verdict: incident.Threat, cause: "compromise", priority: incident.SameHour, techniques: "T1071.001",
		},
		"a scan by an own device": {
			inc:     to(with(plain("host_scan", detect.High), 400, 25, "scanned_hosts"), v4, "445/tcp", 0),
			verdict: incident.Threat, cause: "compromise", priority: incident.SameHour, techniques: "T1046", says: "Isolate 2001:db8::10",
		},
		"the internet's noise": {
			inc: func() *incident.Incident {
				inc := with(plain("host_scan", detect.Low), 9, 8, "tried_hosts")
				inc.Top.Sources = []detect.Share{{Key: v4, Share: 0.5}}
				return inc
			}(),
			verdict: incident.Threat, cause: "attack", priority: incident.AnyTime, techniques: "T1595.001", says: "nothing is lost by that alone",
		},
		"guesses after which a login succeeds": {
			inc:     to(with(plain("brute_force", detect.High), 2, 0, "login_succeeded", "login_sessions"), v6, "22/tcp", 0),
			verdict: incident.Threat, cause: "compromise", priority: incident.SameHour, techniques: "T1021.004 T1078 T1110.001", says: "Lock the account",
		},
		"an application without a pool of connections": {
			inc:     to(with(plain("brute_force", detect.Low), 40, 30, "login_sessions", "usual_login"), v4, "5432/tcp", 0),
			verdict: incident.Legitimate, cause: "misconfiguration", priority: incident.AnyTime,
		},
		"more customers": {
			inc:  with(with(learned(plain("volume", detect.Medium)), 4e9, 1e9, "volume_bits_in"), 42e9, 10e9, "volume_bits_out"),
			role: "server", verdict: incident.Legitimate, cause: "business", priority: incident.AnyTime, says: "carries 4.2 times what is usual",
		},
		"far more comes than usual, and no more goes": {
			inc:     with(learned(plain("volume", detect.High)), 10e9, 1e9, "volume_bits_in"),
			verdict: incident.Unclear, priority: incident.SameDay, says: "Ask who runs 2001:db8::10 what changed at 2026-11-26T03:00:00Z",
		},
		"an update of all": {
			inc:     with(learned(plain("volume", detect.Low)), 30, 5, "devices_alike"),
			verdict: incident.Legitimate, cause: "business", priority: incident.AnyTime,
		},
		"a server falls silent": {
			inc:     with(learned(plain("silence", detect.Medium)), 7200, 600, "silent"),
			role:    "server",
			verdict: incident.Unclear, cause: "failure", priority: incident.SameDay, says: "ping 2001:db8::10",
		},
		"the site carries more": {
			inc: func() *incident.Incident {
				inc := with(with(learned(plain("volume", detect.High)), 4e9, 1e9, "volume_bits_in"), 42e9, 10e9, "volume_bits_out")
				inc.Subject, inc.Scope = "::/0", incident.ScopePrefix // of which both ends of each flow are counted
				return inc
			}(),
			verdict: incident.Unclear, priority: incident.SameDay, says: "tidewatch baseline show site: what is usual at that hour",
		},
		"an exporter is down": {
			inc:     with(plain("exporter_down", detect.Medium), 7200, 600, "exporter_silent"),
			verdict: incident.Unclear, cause: "failure", priority: incident.SameDay, says: "attacks and thefts there go unseen",
		},
		"people said so before": {
			inc:     to(with(learned(plain("exfiltration", detect.Low)), 1, 0.5, "scheduled_event", "new_destination", "upload_ratio"), v4, "443/tcp", 5e9),
			verdict: incident.Legitimate, cause: "business", priority: incident.AnyTime, says: "people said beforehand",
		},
		"people called the last two normal": {
			inc:     to(with(learned(plain("upload_ratio", detect.Medium)), 1.56, 1, "feedback"), v4, "443/tcp", 5e9),
			verdict: incident.Legitimate, cause: "business", priority: incident.AnyTime, says: "people called such incidents of this device normal",
		},
	} {
		a := New(func(netip.Addr) Device { return Device{Role: tc.role} }).Assess(tc.inc)
		if a.Verdict != tc.verdict || a.Cause != tc.cause || a.Priority != tc.priority || strings.Join(a.Techniques, " ") != tc.techniques {
			t.Errorf("%s: %s (%.2f), cause %q, %s, techniques %v: %q", name, a.Verdict, a.Likelihood, a.Cause, a.Priority, a.Techniques, a.Reasons)
		}
		if a.Method != tc.method || a.Stolen != tc.stolen || a.DataType != tc.data || (a.Insider == nil) != (tc.insider == nil) || a.Insider != nil && *a.Insider != *tc.insider {
			t.Errorf("%s: method %q, stolen %d, data %q, insider %v", name, a.Method, a.Stolen, a.DataType, a.Insider)
		}
		if all := strings.Join(slices.Concat(a.Reasons, a.Actions, a.Steps, []string{a.Impact}), "\n"); !strings.Contains(all, tc.says) {
			t.Errorf("%s does not say %q:\n%s", name, tc.says, all)
		}
	}
}

// How soon somebody should look.
func TestPriority(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*incident.Incident)
		about  Device
		want   incident.Priority
	}{
		"a medium threat":                  {func(*incident.Incident) {}, Device{}, incident.SameDay},
		"that is a link of a chain":        {func(i *incident.Incident) { with(i, 1, 0, "earlier_stages") }, Device{}, incident.SameHour},
		"on a critical device":             {func(*incident.Incident) {}, Device{Critical: true}, incident.SameHour},
		"a high one, going on":             {func(i *incident.Incident) { i.Severity = detect.High }, Device{}, incident.AtOnce},
		"and over":                         {func(i *incident.Incident) { i.Severity, i.State = detect.High, incident.Resolved }, Device{}, incident.SameHour},
		"a weak one":                       {func(i *incident.Incident) { i.Severity = detect.Low }, Device{Critical: true}, incident.AnyTime},
		"a planned one":                    {func(i *incident.Incident) { with(i, 1, 0, "scheduled_event", "exclusion") }, Device{Critical: true}, incident.AnyTime},
		"an alert that nobody understands": {func(i *incident.Incident) { with(i, 1, 0, "slow_habit") }, Device{}, incident.SameDay},
	} {
		inc := with(learned(plain("exfiltration", detect.Medium)), 1, 0, "new_destination", "upload_ratio")
		tc.change(inc)
		if a := New(func(netip.Addr) Device { return tc.about }).Assess(inc); a.Priority != tc.want {
			t.Errorf("%s: %s, want %s (%s)", name, a.Priority, tc.want, a.Verdict)
		}
	}
}
