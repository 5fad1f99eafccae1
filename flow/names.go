// SPDX-License-Identifier: Apache-2.0

package flow

import "strconv"

// Protocol numbers (IANA) that tidewatch treats by name.
const (
	ProtoICMP   = 1
	ProtoIGMP   = 2
	ProtoIPIP   = 4
	ProtoTCP    = 6
	ProtoUDP    = 17
	ProtoIPv6   = 41
	ProtoGRE    = 47
	ProtoESP    = 50
	ProtoAH     = 51
	ProtoICMPv6 = 58
	ProtoSCTP   = 132
)

// ProtoName names a protocol number as people write it ("tcp"), else its number.
func ProtoName(p uint8) string {
	switch p {
	case ProtoICMP:
		return "icmp"
	case ProtoIGMP:
		return "igmp"
	case ProtoIPIP:
		return "ipip"
	case ProtoTCP:
		return "tcp"
	case ProtoUDP:
		return "udp"
	case ProtoIPv6:
		return "ipv6"
	case ProtoGRE:
		return "gre"
	case ProtoESP:
		return "esp"
	case ProtoAH:
		return "ah"
	case ProtoICMPv6:
		return "icmpv6"
	case ProtoSCTP:
		return "sctp"
	}
	return strconv.Itoa(int(p))
}

// TCP flags (RFC 9293; ECE and CWR from RFC 3168).
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// TCPFlagNames writes flags as a fixed-width string, "CEUAPRSF" with a dot for
// each flag that is clear.
func TCPFlagNames(flags uint8) string {
	out := []byte("CEUAPRSF")
	for i := range out {
		if flags&(1<<(7-i)) == 0 {
			out[i] = '.'
		}
	}
	return string(out)
}
