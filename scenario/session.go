// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math/bits"

	"tidewatch/flow"
)

// The exporter's timeouts in seconds (the defaults of Cisco IOS for active 60 s
// as recommended for monitoring, and inactive 15 s).
const (
	activeTimeout   = 60
	inactiveTimeout = 15
	overhead        = inactiveTimeout + 2 // from the end of a session to its export, at most
)

// The exporter's interfaces.
const (
	ifInternet = 1
	ifOffice   = 2
	ifShop     = 3
	ifServers  = 4
)

// The flags of a TCP conversation that began, carried data and ended in order.
const wholeTCP = flow.SYN | flow.ACK | flow.PSH | flow.FIN

// side is what one end of a session sent; bytes are IP bytes.
type side struct {
	packets, bytes uint64
	flags          uint8
}

// session is a conversation. A side without packets stays silent.
type session struct {
	start, duration int64 // Unix ns, ns
	client, server  flow.Addr
	cport, sport    uint16
	proto           uint8
	closed          bool // TCP ended with FIN or RST: exported at once
	up, down        side // client to server and back
	cif, sif        uint32
}

// emit exports both directions of a session. Volumes are multiplied by what one
// generated session stands for.
func (g *generator) emit(s *session) {
	if g.weight != 1 {
		s.up.scale(g.weight)
		s.down.scale(g.weight)
	}
	g.direction(s, &s.up, false)
	g.direction(s, &s.down, true)
}

func (d *side) scale(k float64) {
	d.packets = uint64(float64(d.packets)*k + 0.5)
	d.bytes = uint64(float64(d.bytes)*k + 0.5)
}

// direction cuts one side at the active timeout and files the pieces.
func (g *generator) direction(s *session, d *side, back bool) {
	if d.packets == 0 {
		return
	}
	start, duration := s.start, s.duration
	if back { // the answer is half a round trip later
		lag := min(duration/4, 20e6)
		start, duration = start+lag, duration-lag
	}
	if d.packets == 1 {
		duration = 0
	}
	last := max(duration-1, 0) / (activeTimeout * 1e9)
	var packets, bytes uint64 // already exported
	for k := int64(0); k <= last; k++ {
		from, to := k*activeTimeout*1e9, min((k+1)*activeTimeout*1e9, duration)
		upTo, wait := d.packets, int64(0)
		switch {
		case k < last:
			upTo = portion(d.packets, uint64(to/1e6), uint64(duration/1e6))
		case !s.closed:
			wait = inactiveTimeout
		}
		if upTo == packets {
			continue
		}
		upToBytes := portion(d.bytes, upTo, d.packets)
		r := g.calendar.add((start+to)/1e9 + 1 + wait)
		if r != nil {
			*r = flow.Record{
				Received: ((start+to)/1e9 + 1 + wait) * 1e9, Start: start + from, End: start + to,
				Src: s.client, Dst: s.server, SrcPort: s.cport, DstPort: s.sport,
				Proto: s.proto, TCPFlags: pieceFlags(d.flags, k == 0, k == last),
				Packets: upTo - packets, Bytes: upToBytes - bytes, Sampling: 1,
				InIf: s.cif, OutIf: s.sif,
			}
			g.finish(r, back)
		}
		packets, bytes = upTo, upToBytes
	}
}

// finish turns a record round where the server speaks, and adds what follows
// from the addresses.
func (g *generator) finish(r *flow.Record, back bool) {
	if back {
		r.Src, r.Dst = r.Dst, r.Src
		r.SrcPort, r.DstPort = r.DstPort, r.SrcPort
		r.InIf, r.OutIf = r.OutIf, r.InIf
	}
	if r.Proto == flow.ProtoICMP || r.Proto == flow.ProtoICMPv6 {
		r.SrcPort, r.DstPort = 0, echoType(r.Proto, back)
	}
	r.SrcAS, r.DstAS = asOf(&r.Src), asOf(&r.Dst)
}

// echoType is type and code of an echo request or its answer.
func echoType(proto uint8, answer bool) uint16 {
	switch {
	case proto == flow.ProtoICMPv6 && answer:
		return 129 << 8
	case proto == flow.ProtoICMPv6:
		return 128 << 8
	case answer:
		return 0
	}
	return 8 << 8
}

// pieceFlags is what one piece of a long flow shows: SYN in the first only, FIN
// and RST in the last only.
func pieceFlags(all uint8, first, last bool) uint8 {
	if !first {
		all &^= flow.SYN
	}
	if !last {
		all &^= flow.FIN | flow.RST
	}
	return all
}

// portion is total*part/whole without overflow; part <= whole, whole may be 0.
func portion(total, part, whole uint64) uint64 {
	if part >= whole {
		return total
	}
	hi, lo := bits.Mul64(total, part)
	q, _ := bits.Div64(hi, lo, whole)
	return q
}

// Header bytes of a packet without payload: IP and TCP with time stamps, IP and UDP.
const (
	tcp4, tcp6 = 52, 72
	udp4, udp6 = 28, 48
	segment    = 1400 // payload of a full packet
)

// tcp fills a session as a TCP conversation that carried up and down bytes of
// payload and ended in order: handshake, data, an ACK for every second packet.
func (s *session) tcp(up, down uint64) {
	header := uint64(tcp4)
	if !s.server.Is4() {
		header = tcp6
	}
	s.proto, s.closed = flow.ProtoTCP, true
	u, d := up/segment, down/segment
	s.up = side{packets: 4 + u + d/2, flags: wholeTCP}
	s.down = side{packets: 3 + d + u/2, flags: wholeTCP}
	s.up.bytes = up + s.up.packets*header
	s.down.bytes = down + s.down.packets*header
}

// udp fills a session as datagrams: packets and payload bytes both ways.
func (s *session) udp(up, upPayload, down, downPayload uint64) {
	header := uint64(udp4)
	if !s.server.Is4() {
		header = udp6
	}
	s.proto = flow.ProtoUDP
	s.up = side{packets: up, bytes: upPayload + up*header}
	s.down = side{packets: down, bytes: downPayload + down*header}
}
