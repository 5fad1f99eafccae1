// SPDX-License-Identifier: Apache-2.0

package flow

// Class sorts flows by what an attack on them is called. A flow record carries
// the OR of its packets' flags, so TCP classes are told by the exact set of
// FIN, SYN, RST, PSH, ACK and URG; the ECN bits (ECE, CWR) never matter.
type Class uint8

// The classes. Their order is part of no file format.
const (
	TCPSyn     Class = iota // SYN without ACK, RST, FIN: a connection asked for and not answered
	TCPSynAck               // SYN and ACK alone: an answer nobody followed up, or an idle connection
	TCPSession              // SYN, ACK and more: a connection that carried data or ended in order
	TCPAck                  // ACK without SYN and RST: the middle or the end of a connection
	TCPRst                  // RST, whatever else
	TCPFin                  // FIN without ACK
	TCPNull                 // no flag at all, and the exporter reports flags
	TCPXmas                 // FIN, PSH and URG without ACK
	TCPOther                // TCP without reported flags, or a set no stack sends
	UDP
	ICMP // ICMP and ICMPv6
	GRE
	ESP
	OtherProto
	NumClasses
)

// String names the class as it stands in evidence.
func (c Class) String() string {
	return [NumClasses]string{
		"tcp_syn", "tcp_syn_ack", "tcp_session", "tcp_ack", "tcp_rst", "tcp_fin", "tcp_null",
		"tcp_xmas", "tcp_other", "udp", "icmp", "gre", "esp", "other",
	}[c]
}

// IsTCP reports whether c is one of the TCP classes.
func (c Class) IsTCP() bool { return c <= TCPOther }

// ClassOf classifies one flow from protocol, flags and marks.
func ClassOf(proto, tcpFlags uint8, m Mark) Class {
	switch proto {
	case ProtoTCP:
		return tcpClass(tcpFlags, m)
	case ProtoUDP:
		return UDP
	case ProtoICMP, ProtoICMPv6:
		return ICMP
	case ProtoGRE:
		return GRE
	case ProtoESP:
		return ESP
	}
	return OtherProto
}

func tcpClass(flags uint8, m Mark) Class {
	f := flags &^ (ECE | CWR)
	switch {
	case m&NoTCPFlags != 0 || m&Fragment != 0 && f == 0:
		return TCPOther
	case f == 0:
		return TCPNull
	case f&(SYN|ACK|RST|FIN) == SYN:
		return TCPSyn
	case f&RST != 0 && f&SYN == 0:
		return TCPRst
	case f == SYN|ACK:
		return TCPSynAck
	case f&(SYN|ACK) == SYN|ACK:
		return TCPSession
	case f&(FIN|PSH|URG|ACK) == FIN|PSH|URG:
		return TCPXmas
	case f&(FIN|ACK) == FIN:
		return TCPFin
	case f&ACK != 0:
		return TCPAck
	}
	return TCPOther
}
