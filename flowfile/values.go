// SPDX-License-Identifier: Apache-2.0

package flowfile

import (
	"math"
	"net/netip"
	"strings"

	"tidewatch/flow"
)

// ParseAddr reads an IPv4 or IPv6 address. Zones are dropped.
func ParseAddr(s []byte) (flow.Addr, bool) {
	if a, ok := parseAddr4(s); ok {
		return flow.AddrFrom4(a), true
	}
	if len(s) > 64 { // the longest IPv6 address has 45 characters, and zones are short
		return flow.Addr{}, false
	}
	a, err := netip.ParseAddr(string(s))
	if err != nil {
		return flow.Addr{}, false
	}
	return flow.AddrFrom(a), true
}

// parseAddr4 is netip's dotted-quad rule for bytes: netip wants a string, and
// the copy would be the only allocation for a line of text.
func parseAddr4(s []byte) (a [4]byte, ok bool) {
	part, digits, v := 0, 0, 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			if digits > 0 && v == 0 {
				return a, false // a leading zero may mean octal
			}
			digits++
			if v = v*10 + int(c-'0'); v > 255 {
				return a, false
			}
		case c == '.' && digits > 0 && part < 3:
			a[part] = byte(v)
			part, digits, v = part+1, 0, 0
		default:
			return a, false
		}
	}
	a[3] = byte(v)
	return a, part == 3 && digits > 0
}

// ParseUint reads a decimal number up to limit.
func ParseUint(s []byte, limit uint64) (uint64, bool) {
	if len(s) == 0 || len(s) > 20 {
		return 0, false
	}
	var v uint64
	for _, c := range s {
		d := uint64(c - '0')
		if d > 9 || v > math.MaxUint64/10 || v*10 > math.MaxUint64-d {
			return 0, false
		}
		v = v*10 + d
	}
	return v, v <= limit
}

// ParseCount reads a count of packets or bytes: a decimal number, also one
// written with a fraction ("12.0", "1.5e+06") as programs with floats do.
func ParseCount(s []byte) (uint64, bool) {
	if v, ok := ParseUint(s, math.MaxUint64); ok {
		return v, true
	}
	f, ok := parseFloat(s)
	if !ok || f < 0 || f >= 1<<63 {
		return 0, false
	}
	return uint64(f), true
}

// ParseNumber reads a number up to limit, decimal or as 0x hexadecimal.
func ParseNumber(s []byte, limit uint64) (uint64, bool) {
	if len(s) < 3 || s[0] != '0' || s[1]|0x20 != 'x' {
		return ParseUint(s, limit)
	}
	return ParseHex(s[2:], limit)
}

// ParseHex reads a hexadecimal number without a prefix.
func ParseHex(s []byte, limit uint64) (uint64, bool) {
	if len(s) == 0 || len(s) > 16 {
		return 0, false
	}
	var v uint64
	for _, c := range s {
		var d byte
		switch {
		case c >= '0' && c <= '9':
			d = c - '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			d = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		v = v<<4 | uint64(d)
	}
	return v, v <= limit
}

// ParseProtocol reads a protocol by number or by the name of IANA's list or of
// the tools that write flow files.
func ParseProtocol(s []byte) (uint8, bool) {
	if v, ok := ParseUint(s, 255); ok {
		return uint8(v), true
	}
	switch string(s) { // the common ones without a copy
	case "tcp", "TCP":
		return flow.ProtoTCP, true
	case "udp", "UDP":
		return flow.ProtoUDP, true
	}
	if len(s) > 16 {
		return 0, false
	}
	switch strings.ToLower(string(s)) {
	case "tcp":
		return flow.ProtoTCP, true
	case "udp", "rtp", "rtcp", "udt": // Argus names what it finds inside UDP
		return flow.ProtoUDP, true
	case "icmp", "icmp4":
		return flow.ProtoICMP, true
	case "icmp6", "icmpv6", "ipv6-icmp":
		return flow.ProtoICMPv6, true
	case "hopopt":
		return 0, true
	case "igmp":
		return flow.ProtoIGMP, true
	case "ipip", "ipencap", "ip-in-ip", "ipnip":
		return flow.ProtoIPIP, true
	case "egp":
		return 8, true
	case "ipv6", "ip6":
		return flow.ProtoIPv6, true
	case "ipv6-route":
		return 43, true
	case "ipv6-frag":
		return 44, true
	case "rsvp":
		return 46, true
	case "gre":
		return flow.ProtoGRE, true
	case "esp", "ipsec-esp":
		return flow.ProtoESP, true
	case "ah", "ipsec-ah":
		return flow.ProtoAH, true
	case "ipv6-no", "ipv6-nonxt":
		return 59, true
	case "ipv6-opts":
		return 60, true
	case "eigrp":
		return 88, true
	case "ospf", "ospfigp":
		return 89, true
	case "pim":
		return 103, true
	case "ipcomp", "ipcomp4":
		return 108, true
	case "vrrp", "carp":
		return 112, true
	case "l2tp":
		return 115, true
	case "sctp":
		return flow.ProtoSCTP, true
	case "udplite", "udp-lite":
		return 136, true
	}
	return 0, false
}

// NotIP tells the names of protocols below IP, which flow files of Argus and
// others list beside IP traffic.
func NotIP(s []byte) bool {
	switch strings.ToLower(string(s[:min(len(s), 16)])) {
	case "arp", "rarp", "lldp", "llc", "stp", "cdp", "ipx/spx", "ipx", "isis", "eth", "vlan", "man", "slow", "loop",
		"eapol", "pppoe", "mpls", "homeplug", "profinet", "unas":
		return true
	}
	return false
}

// ParseTCPFlags reads TCP flags: a number (decimal or 0x), or the letters
// F S R P A U E C in any order and case, dots and dashes between them ignored.
func ParseTCPFlags(s []byte) (uint8, bool) {
	if v, ok := ParseNumber(s, 0xffff); ok {
		return uint8(v), true
	}
	var v uint8
	for _, c := range s {
		switch c | 0x20 {
		case 'f':
			v |= flow.FIN
		case 's':
			v |= flow.SYN
		case 'r':
			v |= flow.RST
		case 'p':
			v |= flow.PSH
		case 'a':
			v |= flow.ACK
		case 'u':
			v |= flow.URG
		case 'e':
			v |= flow.ECE
		case 'c', 'w':
			v |= flow.CWR
		case '.', '-':
		default:
			if c != '.' && c != '-' {
				return 0, false
			}
		}
	}
	return v, len(s) > 0
}
