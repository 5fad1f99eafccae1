// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/binary"
	"net/netip"

	"tidewatch/flow"
)

// The builders below write datagrams byte by byte, apart from the encoders that
// the decoder's users have, so that a shared mistake cannot hide.

var exporterA = netip.MustParseAddr("192.0.2.1")

// t0 is when test datagrams are exported, in Unix seconds; up is the exporter's
// uptime then, in ms.
const (
	t0 = 1_700_000_000
	up = 3_600_000
)

func u16(v int) []byte    { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func u32(v int) []byte    { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// setOf wraps a set's body in its header.
func setOf(id int, body ...[]byte) []byte {
	b := join(body...)
	return join(u16(id), u16(len(b)+4), b)
}

// fieldSpec writes one field; pen 0 is IANA.
func fieldSpec(id, length, pen int) []byte {
	if pen != 0 {
		return join(u16(id|enterpriseBit), u16(length), u32(pen))
	}
	return join(u16(id), u16(length))
}

// templateOf writes a template record of IANA fields given as id, length, ...
func templateOf(id int, idLength ...int) []byte {
	out := join(u16(id), u16(len(idLength)/2))
	for i := 0; i < len(idLength); i += 2 {
		out = append(out, fieldSpec(idLength[i], idLength[i+1], 0)...)
	}
	return out
}

// optionsTemplate9 writes a v9 options template: scopes and options as id, length.
func optionsTemplate9(id int, scope, options []int) []byte {
	out := join(u16(id), u16(len(scope)*2), u16(len(options)*2))
	for _, v := range append(append([]int{}, scope...), options...) {
		out = append(out, u16(v)...)
	}
	return out
}

func message9(seq, domain int, sets ...[]byte) []byte {
	return join(u16(9), u16(len(sets)), u32(up), u32(t0), u32(seq), u32(domain), join(sets...))
}

func messageIPFIX(seq, domain int, sets ...[]byte) []byte {
	body := join(sets...)
	return join(u16(10), u16(len(body)+16), u32(t0), u32(seq), u32(domain), body)
}

// record5 is one v5 record of a flow that ended 1 s before export after 2 s.
func record5(i int) []byte {
	return join(
		[]byte{10, 0, 0, byte(i)}, []byte{198, 51, 100, 7}, u32(0), u16(3), u16(4), u32(10+i), u32(1000+i), u32(up-3000), u32(up-1000),
		u16(40_000+i), u16(443), []byte{0, flow.SYN | flow.ACK, flow.ProtoTCP, 0}, u16(64_500), u16(15_169), []byte{24, 16}, u16(0),
	)
}

func message5(seq, rate, n int) []byte {
	out := join(u16(5), u16(n), u32(up), u32(t0), u32(500_000_000), u32(seq), []byte{1, 2}, u16(1<<14|rate))
	for i := range n {
		out = append(out, record5(i)...)
	}
	return out
}

// routerFields is what a router exports for IPv4, 55 bytes a record.
var routerFields = []int{
	8, 4, 12, 4, 15, 4, 10, 4, 14, 4, 2, 4, 1, 4, 22, 4, 21, 4, 7, 2, 11, 2, 4, 1, 6, 1, 5, 1, 16, 4, 17, 4, 9, 1, 13, 1, 61, 1, 48, 1,
}

func routerRecord(i int) []byte {
	return join(
		[]byte{10, 0, 0, byte(i)}, []byte{198, 51, 100, 7}, u32(0), u32(3), u32(4), u32(10+i), u32(1000+i), u32(up-3000), u32(up-1000),
		u16(40_000+i), u16(443), []byte{flow.ProtoTCP, flow.SYN | flow.ACK, 0}, u32(64_500), u32(15_169), []byte{24, 16, 0, 1},
	)
}

// router6Fields is the same for IPv6 with absolute times.
var router6Fields = []int{27, 16, 28, 16, 10, 4, 14, 4, 2, 8, 1, 8, 152, 8, 153, 8, 7, 2, 11, 2, 4, 1, 6, 2, 16, 4, 17, 4, 61, 1}

func router6Record(i int) []byte {
	a, b := netip.MustParseAddr("2001:db8::1").As16(), netip.MustParseAddr("2001:db8:ffff::2").As16()
	a[15] = byte(i)
	return join(a[:], b[:], u32(3), u32(4), u64(uint64(10+i)), u64(uint64(1000+i)), u64(t0*1000-3000), u64(t0*1000-1000),
		u16(40_000+i), u16(443), []byte{flow.ProtoTCP}, u16(flow.SYN|flow.ACK), u32(64_500), u32(15_169), []byte{1})
}

func repeat(n int, record func(int) []byte) []byte {
	var out []byte
	for i := range n {
		out = append(out, record(i)...)
	}
	return out
}

// ethernetTCP is a sampled frame: Ethernet, IPv4, TCP, cut after the headers.
func ethernetTCP(i int) []byte {
	return join(
		make([]byte, 12), u16(0x0800),
		[]byte{0x45, 0}, u16(1500), u16(i), u16(0x4000), []byte{64, flow.ProtoTCP}, u16(0), []byte{10, 0, 0, byte(i)}, []byte{198, 51, 100, 7},
		u16(40_000+i), u16(443), u32(1), u32(2), []byte{0x50, flow.ACK}, u16(1000), u16(0), u16(0), make([]byte, 10),
	)
}

// opaque writes an sFlow structure: its format, length, and data padded to words.
func opaque(format int, data ...[]byte) []byte {
	b := join(data...)
	b = append(b, make([]byte, -len(b)&3)...)
	return join(u32(format), u32(len(b)), b)
}

func rawHeaderRecord(proto int, frame []byte, wire int) []byte {
	return opaque(rawHeader, u32(proto), u32(wire), u32(4), u32(len(frame)), frame)
}

func sampleOf(rate int, records ...[]byte) []byte {
	return opaque(flowSample, u32(1), u32(3), u32(rate), u32(1000), u32(0), u32(3), u32(4), u32(len(records)), join(records...))
}

func messageSFlow(seq int, samples ...[]byte) []byte {
	return join(u32(5), u32(1), []byte{192, 0, 2, 99}, u32(0), u32(seq), u32(up), u32(len(samples)), join(samples...))
}
