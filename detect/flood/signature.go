// SPDX-License-Identifier: Apache-2.0

package flood

import (
	"tidewatch/detect"
	"tidewatch/flow"
)

// signature is one kind of attack traffic: what it is called, which class of
// flows it consists of, and how to tell it from traffic that somebody asked for.
type signature struct {
	vector string
	class  flow.Class
	answer answer
	conns  bool    // its flows ask for a connection, or answer what nobody asked: they count against min_conns
	times  float64 // how many times the limit of packets it must reach
	why    string  // the reason, as it stands in docs/detectors.md
}

const (
	numSignatures = 13
	kindUDP       = 8 // place of UDP in the table
)

// signatures is the table of vectors. A row that is first in it gives its name
// where two are equally strong.
func signatures() [numSignatures]signature {
	return [numSignatures]signature{
		{"syn_flood", flow.TCPSyn, completed, true, 1, "SYN without ACK, RST or FIN: a connection that was asked for and never came about, told by exact flags because a record carries the flags of all its packets"},
		{"syn_ack_flood", flow.TCPSynAck, sought, true, 1, "an answer to a connection that the device never asked for: what servers send when somebody else writes its address on SYNs"},
		{"ack_flood", flow.TCPAck, session, false, 1, "the middle of a connection that has no other half: a session's flows have their counterparts, and a receiver acknowledges"},
		{"rst_flood", flow.TCPRst, session, false, 3, "RST ends many good connections, and all of them at once when a service restarts: three times the limit"},
		{"fin_flood", flow.TCPFin, never, false, 1, "no stack sends FIN without ACK (RFC 9293, 3.10.7.4: every segment after the first carries ACK)"},
		{"xmas_flood", flow.TCPXmas, never, false, 1, "no stack sends FIN, PSH and URG without ACK"},
		{"null_flood", flow.TCPNull, flagless, false, 1, "no stack sends a segment without flags; but some exporters report none, so what the device sends must have some"},
		{"ip_flood", flow.TCPOther, session, false, 1, "flags are not reported, or of a set that no stack sends: judged as an ACK flood, and not called one"},
		{"udp_flood", flow.UDP, dialogue, false, 1, "the device does not send its share back; from the port of a reflecting service it is that service's amplification"},
		{"icmp_flood", flow.ICMP, pings, false, 1, "echoes that are answered one for one are monitoring, up to the limit"},
		{"gre_flood", flow.GRE, tunnel, false, 1, "a tunnel has few ends and traffic both ways; a port mirror has few ends and one way"},
		{"esp_flood", flow.ESP, tunnel, false, 1, "as GRE: a VPN gateway sends its share back"},
		{"ip_flood", flow.OtherProto, tunnel, false, 1, "any other protocol; the ordinary ones are tunnels and routing"},
	}
}

// answer is a way to tell that traffic was asked for.
type answer uint8

const (
	never     answer = iota // nothing excuses it
	completed               // connections of the same direction that came about
	sought                  // the device asked for connections, or has them
	session                 // the other halves of connections
	flagless                // the device's own packets carry no flags either
	dialogue                // the device sends its share of the same class
	pings                   // likewise, up to the limit
	tunnel                  // few ends, traffic both ways
)

// classes are those of the other direction that answer. For completed they are
// none: what completes a connection goes in the same direction.
func (a answer) classes() uint32 {
	switch a {
	case sought:
		return set(flow.TCPSyn, flow.TCPSynAck, flow.TCPSession, flow.TCPAck, flow.TCPOther)
	case session, never:
		return set(flow.TCPSynAck, flow.TCPSession, flow.TCPAck, flow.TCPOther)
	case flagless:
		return set(flow.TCPSynAck, flow.TCPSession, flow.TCPAck, flow.TCPNull)
	case dialogue:
		return set(flow.UDP)
	case pings:
		return set(flow.ICMP)
	case tunnel:
		return set(flow.GRE, flow.ESP, flow.OtherProto)
	default:
		return 0
	}
}

func set(classes ...flow.Class) (s uint32) {
	for _, c := range classes {
		s |= 1 << c
	}
	return s
}

// sum adds up the packets of a set of classes.
func (c *burst) sum(v *[flow.NumClasses]volume, classes uint32) (packets float64) {
	for class := range v {
		if classes&(1<<class) != 0 {
			packets += v[class].packets
		}
	}
	return packets
}

// flows counts the flows of a set of classes, per second.
func (c *burst) flows(v *[flow.NumClasses]volume, classes uint32) (n float64) {
	for class := range v {
		if classes&(1<<class) != 0 {
			n += v[class].flows
		}
	}
	return n
}

// classes are those that the attack consists of now.
func (c *burst) classes() (s detect.Classes) {
	table := signatures()
	for i := range c.kinds {
		if c.kinds[i].now.packets > 0 {
			s |= detect.ClassSet(table[i].class)
		}
	}
	return s
}
