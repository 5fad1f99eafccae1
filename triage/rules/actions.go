// SPDX-License-Identifier: Apache-2.0

package rules

// actions says what to do, the first thing first: stop the harm, keep the evidence, then
// tell the system what was learned.
func actions() []advice {
	return []advice{
		// Attacks from outside.
		{"ddos", "t", "", "Filter it at the border or at the provider: {filter}"},
		{"syn_flood", "t", "attacked", "Turn on SYN cookies at {subject}, and let no stateful firewall stand before it"},
		{"connection_exhaustion", "t", "attacked", "Limit connections per source at {subject}, and close idle ones after seconds"},
		{"slow_http", "t", "attacked", "Limit at {subject} the connections per source and the time that a request may take"},
		{"http_flood", "t", "attacked", "Limit requests per source before {subject}, or have clients prove themselves"},
		{"dns_query_flood", "t", "attacked", "Limit questions per source at {subject}, and let a secondary server answer as well"},
		{"ddos", "t", "", "When the line is full, have the provider divert the traffic to {subject} for scrubbing; a blackhole ends the attack and the service"},
		{"ddos", "u", "", "Filter nothing yet: see if {subject} still serves its customers, and have this ready: {filter}"},
		{"ddos", "u", "", "Ask who runs {subject} about a campaign, a launch or a mailing[ at {from}]"},
		{"ddos", "l", "", "Filter nothing: these are customers; give {subject} more room when its answers become slow"},
		{"ddos", "l", "!scheduled_event", "Plan it the next time: tidewatch event add NAME --start TIME --target {subject} --expect FACTOR"},
		{"ddos_outbound", "t", "", "Take {subject} off the network: it attacks[ {peer}]"},
		{"ddos_outbound", "ul", "", "Ask who runs {subject} about a load test or a transfer[ to {peer}]"},
		// Data that leaves, and orders that come.
		{"data_exfiltration command_and_control", "t", "", "Block traffic between {subject} and {peer}[, port {port}]"},
		{"command_and_control", "t", "", "Block {peer} for all other devices, too"},
		{"data_exfiltration command_and_control", "t", "", "Isolate {subject} and do not switch it off: its memory is evidence"},
		{"dns_tunnel", "t", "", "Let devices ask the own resolver only, and block port 53 to outside for all else"},
		{"icmp_tunnel", "t", "", "Let echo messages to outside pass from monitors only"},
		{"data_exfiltration command_and_control", "t", "", "Change passwords and keys that were used on {subject}"},
		{"exfiltration slow_exfiltration", "t", "", "Tell who answers for the protection of data: periods for notifying may have begun at {from}"},
		{"data_exfiltration command_and_control", "u", "", "Ask who works with {subject} about {peer} (a backup, a cloud, a new program) before anything is blocked"},
		{"data_exfiltration command_and_control", "u", "", "When nobody knows it, block {subject} from {peer}[, port {port}]"},
		{"data_exfiltration command_and_control", "l", "!exclusion", "Block nothing; when it recurs, exclude it: tidewatch exclusion add REASON --device {subject} --destination {peer} --kind {kind}"},
		// Scans and guesses.
		{"reconnaissance", "t", "from_outside", "Close what need not be reachable from outside at {subject}; scans of it alone are the internet's noise"},
		{"brute_force", "t", "login_succeeded", "Lock the account that was logged in to, and isolate the device that it is on"},
		{"reconnaissance", "t", "!from_outside", "Isolate {subject} until its program is known: it looks for others"},
		{"reconnaissance", "u", "", "Ask who runs {subject}: a monitor, a scanner of the house, a program with an old address or password"},
		{"reconnaissance", "l", "!scheduled_event", "Correct the program on {subject} that tries in vain, or exclude it: tidewatch exclusion add REASON --device {subject} --kind {kind}"},
		// What is only unusual.
		{"silence", "tu", "", "See that {subject} has power, a link and its service"},
		{"exporter_down", "tu", "", "See that the exporter {subject} runs, and that its datagrams reach this collector (route, firewall, UDP port)"},
		{"upload_ratio new_peers", "t", "", "Treat it as theft until somebody explains it: hold back what {subject} sends to outside"},
		{"new_ports off_hours volume level_shift", "t", "", "See which program on {subject} does it, and stop it when nobody knows it"},
		{"volume new_peers new_ports upload_ratio off_hours level_shift", "u", "", "Ask who runs {subject} what changed[ at {from}]"},
		{"level_shift", "ul", "", "When the change is wanted, let it be learned: tidewatch baseline approve {subject} --since {day}"},
		{"", "l", "!called_normal", "Say so, and the system learns it: tidewatch incident close {id} normal"},
		{"", "u", "", "Say what it was: tidewatch incident close {id} normal|attack"},
	}
}
