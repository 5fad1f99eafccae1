// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"strings"

	"tidewatch/detect"
	"tidewatch/incident"
)

// technique is a row of the table of MITRE ATT&CK (Enterprise).
type technique struct {
	about string // categories, kinds or vectors, with blanks between
	when  string // a sign, a method of method(), or "port PORT"; empty: always
	id    string
	name  string
}

// attck says by which techniques an incident is done, as far as flows tell. A theft over
// the web may as well be T1567 (to a web service), or T1041 (over the channel of orders):
// which of them it is depends on who owns the destination.
func attck() [48]technique {
	return [...]technique{
		{"slow_http http_flood dns_query_flood", "", "T1499.002", "Service Exhaustion Flood"},
		{"syn_flood ack_flood connection_exhaustion", "", "T1499.001", "OS Exhaustion Flood"},
		{amplification, "", "T1498.002", "Reflection Amplification"},
		{"udp_flood icmp_flood syn_ack_flood rst_flood fin_flood xmas_flood null_flood fragment_flood gre_flood esp_flood ip_flood", "", "T1498.001", "Direct Network Flood"},
		{"exfiltration slow_exfiltration upload_ratio", "method https", "T1048.002", "Exfiltration Over Asymmetric Encrypted Non-C2 Protocol"},
		{"exfiltration slow_exfiltration upload_ratio", "method ssh", "T1048.002", ""},
		{"exfiltration slow_exfiltration upload_ratio", "method vpn", "T1048.001", "Exfiltration Over Symmetric Encrypted Non-C2 Protocol"},
		{"exfiltration slow_exfiltration upload_ratio", "method http", "T1048.003", "Exfiltration Over Unencrypted Non-C2 Protocol"},
		{"exfiltration slow_exfiltration upload_ratio", "method ftp", "T1048.003", ""},
		{"exfiltration slow_exfiltration upload_ratio", "method mail", "T1048.003", ""},
		{"exfiltration slow_exfiltration upload_ratio", "method smb", "T1048.003", ""},
		{"exfiltration slow_exfiltration upload_ratio", "method nfs", "T1048.003", ""},
		{"exfiltration slow_exfiltration upload_ratio", "method rsync", "T1048.003", ""},
		{"exfiltration slow_exfiltration upload_ratio", "method other", "T1048", "Exfiltration Over Alternative Protocol"},
		{"exfiltration slow_exfiltration", "destination_shared", "T1567", "Exfiltration Over Web Service"},
		{"exfiltration slow_exfiltration", "after command", "T1041", "Exfiltration Over C2 Channel"},
		{"slow_exfiltration", "", "T1030", "Data Transfer Size Limits"},
		{"slow_exfiltration", "slow_days", "T1029", "Scheduled Transfer"},
		{"dns_tunnel", "", "T1071.004", "Application Layer Protocol: DNS"},
		{"icmp_tunnel", "", "T1095", "Non-Application Layer Protocol"},
		{"dns_tunnel icmp_tunnel", "", "T1048.003", ""},
		{"dns_tunnel icmp_tunnel", "", "T1572", "Protocol Tunneling"},
		{"protocol_tunnel", "stream_bytes", "T1572", ""},
		{"protocol_tunnel", "", "T1048", ""},
		{"beacon long_connection threat_list", "method https", "T1071.001", "Application Layer Protocol: Web Protocols"},
		{"beacon long_connection threat_list", "method http", "T1071.001", ""},
		{"beacon long_connection threat_list", "method ftp", "T1071.002", "Application Layer Protocol: File Transfer Protocols"},
		{"beacon long_connection threat_list", "method smb", "T1071.002", ""},
		{"beacon long_connection threat_list", "method mail", "T1071.003", "Application Layer Protocol: Mail Protocols"},
		{"beacon long_connection threat_list", "method dns", "T1071.004", ""},
		{"beacon long_connection threat_list", "method icmp", "T1095", ""},
		{"beacon long_connection threat_list", "method vpn", "T1572", ""},
		{"long_connection", "method remote_desktop", "T1219", "Remote Access Tools"},
		{"beacon long_connection threat_list", "unknown_service", "T1571", "Non-Standard Port"},
		{"port_scan host_scan", "pings", "T1018", "Remote System Discovery"},
		{"port_scan host_scan", "own services", "T1046", "Network Service Discovery"},
		{"host_scan", "from_outside", "T1595.001", "Active Scanning: Scanning IP Blocks"},
		{"port_scan", "from_outside", "T1595", "Active Scanning"},
		{"brute_force", "", "T1110.001", "Brute Force: Password Guessing"},
		{"brute_force", "login_succeeded", "T1078", "Valid Accounts"},
		{"brute_force", "from_outside", "T1133", "External Remote Services"},
		{"brute_force", "own port 22/tcp", "T1021.004", "Remote Services: SSH"},
		{"brute_force", "own port 3389/tcp", "T1021.001", "Remote Services: Remote Desktop Protocol"},
		{"brute_force", "own port 445/tcp", "T1021.002", "Remote Services: SMB/Windows Admin Shares"},
		{"brute_force", "own port 5900/tcp", "T1021.005", "Remote Services: VNC"},
		{"brute_force", "own port 5985/tcp", "T1021.006", "Remote Services: Windows Remote Management"},
		{"brute_force", "own port 5986/tcp", "T1021.006", ""},
		{"off_hours new_peers new_ports", "threat_list", "T1071", "Application Layer Protocol"},
	}
}

// techniques are the rows that hold, sorted. Of what is only unusual none is told unless it
// is a threat.
func techniques(f *facts, verdict incident.Judgement) (out []string) {
	if f.Category == detect.BaselineAnomaly && verdict != incident.Threat {
		return nil
	}
	table := attck()
	for i := range table {
		t := &table[i]
		if f.isOne(t.about) && f.done(t.when) && !slices.Contains(out, t.id) {
			out = append(out, t.id)
		}
	}
	slices.Sort(out)
	return out
}

// done reports whether the condition of a technique holds.
func (f *facts) done(when string) bool {
	if when == "" {
		return true
	}
	if way, ok := strings.CutPrefix(when, "method "); ok {
		return f.method() == way
	}
	if port, ok := strings.CutPrefix(when, "own port "); ok {
		return !f.fromOutside() && f.port() == port
	}
	tried, _ := f.read("kind_of_attempts")
	switch when {
	case "after command":
		return slices.ContainsFunc(f.Earlier, func(c incident.Chapter) bool { return c.Stage == incident.Command })
	case "pings":
		return !f.fromOutside() && tried.detail == "icmp_echo"
	case "own services":
		return !f.fromOutside() && tried.detail != "icmp_echo"
	}
	return f.has(when)
}
