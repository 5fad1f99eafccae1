// SPDX-License-Identifier: Apache-2.0

package detect

// Kinds lists what findings may be of, in the order of the documentation. It is for
// those who take a kind from people, and must tell a misspelt one.
func Kinds() [21]string {
	return [...]string{
		"ddos", "ddos_outbound",
		"exfiltration", "slow_exfiltration", "dns_tunnel", "icmp_tunnel", "protocol_tunnel",
		"beacon", "threat_list", "long_connection",
		"port_scan", "host_scan", "brute_force",
		"volume", "silence", "new_peers", "new_ports", "upload_ratio", "off_hours", "level_shift",
		"exporter_down",
	}
}
