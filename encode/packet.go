// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"encoding/binary"
	"math"

	"tidewatch/flow"
)

// Header sizes in bytes.
const (
	ethernetHeader = 14
	ipv4Header     = 20
	ipv6Header     = 40
	tcpHeader      = 20
	udpHeader      = 8
	icmpHeader     = 8
	minFrame       = 60 // Ethernet pads shorter frames (without the check sum)
	hopLimit       = 64
)

// packet is what all packets of one flow have in common.
type packet struct {
	v4        bool
	transport int // bytes of transport header
}

func packetOf(b *flow.Batch, i int) packet {
	p := packet{v4: is4(&b.Src[i], &b.Dst[i])}
	switch b.Proto[i] {
	case flow.ProtoTCP:
		p.transport = tcpHeader
	case flow.ProtoUDP:
		p.transport = udpHeader
	case flow.ProtoICMP, flow.ProtoICMPv6:
		p.transport = icmpHeader
	}
	return p
}

// size is the number of header bytes that write makes.
func (p *packet) size() int {
	if p.v4 {
		return ethernetHeader + ipv4Header + p.transport
	}
	return ethernetHeader + ipv6Header + p.transport
}

// write makes the headers of packet number at of row i and returns the length
// of the frame. A length that headers do not fit into is raised to theirs.
func (p *packet) write(w []byte, b *flow.Batch, i int, at, length uint64) (frame int) {
	be := binary.BigEndian
	// Locally administered addresses (IEEE 802, U/L bit), one each way.
	copy(w, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1})
	total := min(int(min(length, math.MaxUint16)), math.MaxUint16)
	total = max(total, p.size()-ethernetHeader)
	ip := w[ethernetHeader:]
	var transport []byte
	if p.v4 {
		be.PutUint16(w[12:], 0x0800)
		h := ip[:ipv4Header]
		clear(h)
		h[0] = 0x45
		be.PutUint16(h[2:], uint16(total))
		h[8], h[9] = hopLimit, b.Proto[i]
		copy(h[12:], b.Src[i][12:])
		copy(h[16:], b.Dst[i][12:])
		be.PutUint16(h[10:], checksum(h))
		transport = ip[ipv4Header:]
	} else {
		be.PutUint16(w[12:], 0x86dd)
		be.PutUint32(ip, 6<<28)
		be.PutUint16(ip[4:], uint16(min(total-ipv6Header, math.MaxUint16)))
		ip[6], ip[7] = b.Proto[i], hopLimit
		copy(ip[8:], b.Src[i][:])
		copy(ip[24:], b.Dst[i][:])
		transport = ip[ipv6Header:]
	}
	p.ports(transport[:p.transport], b, i, at)
	if b.Proto[i] == flow.ProtoUDP {
		be.PutUint16(transport[4:], uint16(total-p.size()+ethernetHeader+udpHeader))
	}
	return max(total+ethernetHeader, minFrame)
}

// ports fills the transport header but for lengths.
func (p *packet) ports(w []byte, b *flow.Batch, i int, at uint64) {
	clear(w)
	be := binary.BigEndian
	switch b.Proto[i] {
	case flow.ProtoTCP:
		be.PutUint16(w[0:], b.SrcPort[i])
		be.PutUint16(w[2:], b.DstPort[i])
		w[12] = tcpHeader / 4 << 4
		w[13] = flagsOf(b, i, at)
		be.PutUint16(w[14:], math.MaxUint16) // window
	case flow.ProtoUDP:
		be.PutUint16(w[0:], b.SrcPort[i])
		be.PutUint16(w[2:], b.DstPort[i])
	case flow.ProtoICMP, flow.ProtoICMPv6:
		be.PutUint16(w[0:], b.DstPort[i]) // type and code
	}
}

// flagsOf guesses the flags of one packet from the OR of the flow's: SYN on the
// first, FIN or RST on the last, ACK between. Where the flow is no connection
// that carried data every packet has the flow's flags, as in a flood.
func flagsOf(b *flow.Batch, i int, at uint64) uint8 {
	all := b.TCPFlags[i]
	const ends = flow.SYN | flow.FIN | flow.RST
	carried := all&flow.ACK != 0 && all&(flow.SYN|flow.PSH) != 0 && all&ends != 0
	if !carried || all&^(flow.ECE|flow.CWR) == flow.SYN|flow.ACK {
		return all
	}
	first, last := at == 0, at+1 == b.Packets[i]
	switch {
	case first && all&flow.SYN != 0 && b.DstPort[i] < b.SrcPort[i]:
		return flow.SYN // the client's side
	case first && all&flow.SYN != 0:
		return flow.SYN | flow.ACK
	case last && all&(flow.FIN|flow.RST) != 0:
		return all &^ (flow.SYN | flow.PSH)
	}
	return all &^ ends
}

// checksum is the Internet checksum (RFC 1071) of an IPv4 header.
func checksum(h []byte) uint16 {
	var sum uint32
	for k := 0; k < len(h); k += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[k:]))
	}
	for sum > math.MaxUint16 {
		sum = sum>>16 + sum&math.MaxUint16
	}
	return ^uint16(sum)
}
