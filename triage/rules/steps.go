// SPDX-License-Identifier: Apache-2.0

package rules

// steps says how to find out more, from what is at hand to what takes others' help.
func steps() []advice {
	return []advice{
		{"", "tul", "", "tidewatch incident show {id} (flows, timeline)"},
		{"", "tu", "", "tidewatch incident show {earlier}: what happened to {subject} before"},
		{"", "tu", "", "tidewatch incident show {later}: what happened to {subject} afterwards"},
		{"", "tul", "", "tidewatch incident show {previous}: the same before, and what people said of it"},
		// Attacks.
		{"ddos", "tu", "", "At {subject}, from {from} to {to}: does the service answer; load, and the table of connections (ss -s)"},
		{"ddos", "tu", "", "tidewatch incident list --category ddos_attack --since {from}: who else is attacked"},
		{"ddos", "ul", "", "tidewatch baseline show {baseline} --field packets_in: is it a time at which much is usual"},
		{"ddos", "u", "", "In the server's log, from {from}: do requests name one page, one referrer, one program"},
		{"ddos_outbound", "tu", "", "On {subject}, since {from}: which process sends[ to {peer}]; who logged in before"},
		// Data that leaves.
		{"data_exfiltration upload_ratio", "tul", "", "tidewatch baseline show {baseline} --field bytes_out: what it usually sends at these hours"},
		{"exfiltration slow_exfiltration protocol_tunnel", "tu", "", "On {subject}, from {from} to {to}: which process and which user sent to {peer}[, port {port}]"},
		{"exfiltration slow_exfiltration", "tu", "", "On {subject}: which files were read or packed shortly before {from}"},
		{"data_exfiltration command_and_control", "tu", "", "Who owns {peer}: whois, passive DNS, the name in its certificate; who else in the house talks with it"},
		{"dns_tunnel", "tu", "", "In the log of the name server {peer}: which names {subject} asked for from {from} to {to} (long labels below one domain)"},
		{"dns_tunnel", "tu", "", "On {subject}: which process holds the socket to {peer}, port 53"},
		{"icmp_tunnel", "tu", "", "Capture some echo messages between {subject} and {peer}: does a reply return what its request held"},
		// Orders.
		{"command_and_control", "tu", "", "On {subject}: which process holds connections to {peer}[, port {port}], who started it, since when (autostart, tasks)"},
		{"command_and_control", "tu", "", "In the logs of resolver and proxy since {from}: under which name {subject} reaches {peer}"},
		{"beacon", "tu", "", "Capture one call of {subject} to {peer}: TLS with which server name, or what in clear text"},
		// Scans and guesses.
		{"port_scan host_scan", "tu", "!from_outside", "On {subject}, from {from} to {to}: which process tried[ port {port} of] others; who was logged in"},
		{"port_scan host_scan", "tu", "from_outside", "From outside: which services of {subject} answer, and should each[ (most tried: {port})]"},
		{"brute_force", "tu", "!from_outside", "In the log of {peer}, from {from} to {to}: which accounts {subject} tried, and did one succeed"},
		{"brute_force", "tu", "from_outside", "In the log of {subject}, from {from} to {to}: which accounts {peer} tried, and did one succeed"},
		// What is only unusual.
		{"volume level_shift off_hours", "tul", "", "tidewatch baseline show {baseline}: what is usual at that hour"},
		{"volume level_shift", "tu", "", "tidewatch incident list --since {day}: what else changed at that time"},
		{"silence", "tu", "", "ping {subject}; port of the switch, lease and last change of {subject} at {from}"},
		{"exporter_down", "tu", "", "At the exporter {subject}: is the export configured, does its counter of sent datagrams grow since {from}"},
		{"new_peers new_ports off_hours upload_ratio", "tu", "", "On {subject}, from {from} on: which program was installed or updated, who was logged in"},
		{"", "tul", "", "tidewatch incident list --subject {subject}: what else is known of it"},
	}
}
