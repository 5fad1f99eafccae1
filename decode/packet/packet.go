// SPDX-License-Identifier: Apache-2.0

// Package packet reads the headers of one captured frame: from the link layer
// down to addresses, ports and TCP flags. It is shared by sFlow's raw headers
// and by captures of raw packets. It allocates nothing, keeps nothing between
// calls, and never reads behind the bytes it was given, however short they are.
package packet

import "tidewatch/flow"

// Info is what one IP packet says of itself. A packet inside a tunnel (GRE,
// ESP, IP in IP, GTP) is not looked at: the outermost IP header counts, because
// that is what a router on the path would have reported.
type Info struct {
	Src, Dst         flow.Addr
	SrcPort, DstPort uint16 // ICMP and ICMPv6: DstPort is type<<8|code, SrcPort 0; 0 where a fragment or the capture's cut hides them
	Proto            uint8  // of the transport header; where extension headers are cut, the last one known
	TCPFlags         uint8
	Mark             flow.Mark // Fragment: any fragment; NoTCPFlags: TCP whose flags are not in the bytes
	IPBytes          int       // length of the IP packet, header included; from its header, or from the wire where that says 0
	// Payload is what follows the TCP, UDP or ICMP header: nil when the capture
	// does not hold all of it, for later fragments and for other protocols. It
	// points into the frame.
	Payload []byte
}

// Reason tells why a frame gave no Info.
type Reason uint8

// The reasons. None means that Info was filled in.
const (
	None        Reason = iota
	NonIP              // ARP, spanning tree, an encrypted or control frame: whole, but no IP in it
	Truncated          // the capture ends before the fixed part of the IP header does
	UnknownLink        // a link type this package does not know
	Malformed          // lengths that contradict each other, or neither version 4 nor 6 where IP was announced
	NumReasons
)

// String names the reason as it stands in counters.
func (r Reason) String() string {
	switch r {
	case None:
		return "none"
	case NonIP:
		return "not_ip"
	case Truncated:
		return "frame_truncated"
	case UnknownLink:
		return "unknown_link"
	case Malformed:
		return "ip_malformed"
	}
	return "unknown"
}

// Decode reads one frame of the given link type. wireLen is the frame's length
// on the wire, which a capture's cut leaves known; less than len(frame) counts
// as len(frame). out is overwritten on success and undefined otherwise.
func Decode(link Link, frame []byte, wireLen int, out *Info) Reason {
	at, reason := network(link, frame)
	if reason != None {
		return reason
	}
	return DecodeIP(frame[at:], wireLen-at, out)
}
