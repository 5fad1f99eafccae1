// SPDX-License-Identifier: Apache-2.0

package incident

import "strings"

// acronyms writes the protocols in a name as people write them.
func acronyms(s string) string {
	words := strings.Split(s, " ")
	for i, w := range words {
		switch w {
		case "syn", "ack", "rst", "fin", "xmas", "null", "tcp", "udp", "sctp", "icmp", "igmp", "gre", "esp", "ah", "ip", "ospf", "pim", "vrrp",
			"http", "dns", "ntp", "ssdp", "snmp", "ldap", "cldap", "isakmp", "qotd", "tftp", "rip", "slp", "xdmcp", "mssql", "ard", "wsd":
			words[i] = strings.ToUpper(w)
		default:
			for _, name := range [...]string{"DDoS", "mDNS", "CoAP", "NetBIOS", "CharGEN", "ICMPv6", "IPIP"} {
				if strings.EqualFold(w, name) {
					words[i] = name
				}
			}
		}
	}
	return strings.Join(words, " ")
}
