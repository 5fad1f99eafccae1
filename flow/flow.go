// SPDX-License-Identifier: Apache-2.0

// Package flow is the vocabulary of tidewatch: one flow as a Record, many as a
// columnar Batch, packed addresses and keys, and the names of protocols and TCP
// flags. It knows no wire format and no clock.
package flow

import "net/netip"

// Addr is an IP address packed into 16 bytes: IPv6 as it is, IPv4 mapped into
// ::ffff:0:0/96 (RFC 4291, 2.5.5.2). It holds no pointer, so tables of it cost
// the garbage collector nothing.
type Addr [16]byte

// AddrFrom packs a. The zero netip.Addr becomes the zero Addr; zones are dropped.
func AddrFrom(a netip.Addr) Addr {
	if !a.IsValid() {
		return Addr{}
	}
	return a.As16()
}

// AddrFrom4 packs an IPv4 address given in network byte order.
func AddrFrom4(a [4]byte) Addr {
	return Addr{10: 0xff, 11: 0xff, 12: a[0], 13: a[1], 14: a[2], 15: a[3]}
}

// Netip returns the address in its shortest form: IPv4 where it is mapped.
func (a Addr) Netip() netip.Addr { return netip.AddrFrom16(a).Unmap() }

// Is4 reports whether a holds an IPv4 address.
func (a Addr) Is4() bool { return netip.AddrFrom16(a).Is4In6() }

// IsZero reports whether no address was given.
func (a Addr) IsZero() bool { return a == Addr{} }

// String writes the address as people know it.
func (a Addr) String() string { return a.Netip().String() }

// Mark says what is known, doubtful or missing about a record. A record is
// never dropped for missing metadata; it is marked.
type Mark uint16

// The marks of a record.
const (
	// NoTime: the export carried no flow times; Start and End are its export time.
	NoTime Mark = 1 << iota
	// NoRate: no sampling rate is known from packet, options or configuration; 1 was assumed.
	NoRate
	// NoInterface: the export named neither input nor output interface.
	NoInterface
	// NoTCPFlags: the export carries no TCP flags; zero flags mean nothing.
	NoTCPFlags
	// Fragment: a fragment other than a whole datagram (first or later).
	Fragment
	// Egress: the exporter measured on the way out (IE 61 flowDirection = 1).
	Egress
	// Reverse: the reverse half of an RFC 5103 biflow.
	Reverse
	// SrcInternal and DstInternal are set by enrich: the address lies inside the own networks.
	SrcInternal
	DstInternal
	// Duplicate is set when another exporter or direction already reported this flow; it is not counted again.
	Duplicate
	// Clamped: start, end or duration was implausible and was cut to arrival time.
	Clamped
)

// Record is one flow in row form, for readers, encoders and tests. The hot path
// works on Batch.
type Record struct {
	Received, Start, End int64 // Unix nanoseconds: export or arrival, first packet, last packet
	Src, Dst             Addr
	SrcPort, DstPort     uint16 // ICMP and ICMPv6: DstPort is type<<8|code, SrcPort 0
	Proto                uint8
	TCPFlags             uint8 // OR of all packets' flags, low 8 bits (CWR..FIN)
	Mark                 Mark
	Bytes, Packets       uint64 // as exported before enrich; multiplied by Sampling after it
	Sampling             uint32 // one of N packets was seen; 1 = all; never 0 after decoding
	Exporter             uint32 // index given by the intake, stable in one run
	InIf, OutIf          uint32
	SrcAS, DstAS         uint32
}

// Batch holds records column by column; all columns have the same length. It is
// reused: Reset keeps the memory.
type Batch struct {
	Received, Start, End []int64
	Src, Dst             []Addr
	SrcPort, DstPort     []uint16
	Proto, TCPFlags      []uint8
	Mark                 []Mark
	Bytes, Packets       []uint64
	Sampling             []uint32
	Exporter             []uint32
	InIf, OutIf          []uint32
	SrcAS, DstAS         []uint32
}

// NewBatch returns an empty batch with room for capacity records.
func NewBatch(capacity int) *Batch {
	b := &Batch{}
	b.Grow(capacity)
	b.Reset()
	return b
}

// Len is the number of records.
func (b *Batch) Len() int { return len(b.Start) }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() { b.Truncate(0) }

// Truncate keeps the first n records.
func (b *Batch) Truncate(n int) {
	b.Received, b.Start, b.End = b.Received[:n], b.Start[:n], b.End[:n]
	b.Src, b.Dst = b.Src[:n], b.Dst[:n]
	b.SrcPort, b.DstPort = b.SrcPort[:n], b.DstPort[:n]
	b.Proto, b.TCPFlags, b.Mark = b.Proto[:n], b.TCPFlags[:n], b.Mark[:n]
	b.Bytes, b.Packets = b.Bytes[:n], b.Packets[:n]
	b.Sampling, b.Exporter = b.Sampling[:n], b.Exporter[:n]
	b.InIf, b.OutIf = b.InIf[:n], b.OutIf[:n]
	b.SrcAS, b.DstAS = b.SrcAS[:n], b.DstAS[:n]
}

// Grow adds n zeroed records and returns the index of the first. It allocates
// only when the batch was never that long before.
func (b *Batch) Grow(n int) int {
	at := len(b.Start)
	b.Received, b.Start, b.End = grow(b.Received, n), grow(b.Start, n), grow(b.End, n)
	b.Src, b.Dst = grow(b.Src, n), grow(b.Dst, n)
	b.SrcPort, b.DstPort = grow(b.SrcPort, n), grow(b.DstPort, n)
	b.Proto, b.TCPFlags, b.Mark = grow(b.Proto, n), grow(b.TCPFlags, n), grow(b.Mark, n)
	b.Bytes, b.Packets = grow(b.Bytes, n), grow(b.Packets, n)
	b.Sampling, b.Exporter = grow(b.Sampling, n), grow(b.Exporter, n)
	b.InIf, b.OutIf = grow(b.InIf, n), grow(b.OutIf, n)
	b.SrcAS, b.DstAS = grow(b.SrcAS, n), grow(b.DstAS, n)
	return at
}

func grow[T any](s []T, n int) []T {
	at := len(s)
	if need := at + n; need <= cap(s) {
		s = s[:need]
		clear(s[at:])
		return s
	}
	bigger := make([]T, at+n, max(at+n, 2*cap(s)))
	copy(bigger, s)
	return bigger
}

// Append adds one record.
func (b *Batch) Append(r *Record) {
	i := b.Grow(1)
	b.Received[i], b.Start[i], b.End[i] = r.Received, r.Start, r.End
	b.Src[i], b.Dst[i] = r.Src, r.Dst
	b.SrcPort[i], b.DstPort[i] = r.SrcPort, r.DstPort
	b.Proto[i], b.TCPFlags[i], b.Mark[i] = r.Proto, r.TCPFlags, r.Mark
	b.Bytes[i], b.Packets[i] = r.Bytes, r.Packets
	b.Sampling[i], b.Exporter[i] = r.Sampling, r.Exporter
	b.InIf[i], b.OutIf[i] = r.InIf, r.OutIf
	b.SrcAS[i], b.DstAS[i] = r.SrcAS, r.DstAS
}

// Record returns record i in row form.
func (b *Batch) Record(i int) Record {
	return Record{
		Received: b.Received[i], Start: b.Start[i], End: b.End[i],
		Src: b.Src[i], Dst: b.Dst[i],
		SrcPort: b.SrcPort[i], DstPort: b.DstPort[i],
		Proto: b.Proto[i], TCPFlags: b.TCPFlags[i], Mark: b.Mark[i],
		Bytes: b.Bytes[i], Packets: b.Packets[i],
		Sampling: b.Sampling[i], Exporter: b.Exporter[i],
		InIf: b.InIf[i], OutIf: b.OutIf[i],
		SrcAS: b.SrcAS[i], DstAS: b.DstAS[i],
	}
}
