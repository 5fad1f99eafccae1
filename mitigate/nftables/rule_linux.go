// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"tidewatch/decision"
)

// Registers of four bytes each; a key lies in consecutive ones from the first.
const firstRegister = unix.NFT_REG32_00

// icmpv6 types of neighbour discovery (RFC 4861) without redirects.
const (
	routerSolicitation     = 133
	neighbourAdvertisement = 136
)

// exprs are the rules of a shape, each a list of tests that ends in dropping. Cheap tests
// that most packets fail stand first.
func (s *shape) exprs() [][]expr.Any {
	out := family(s.six)
	if s.fragment {
		out = append(out, isFragment(s.six)...)
	}
	if s.proto >= 0 {
		out = append(out, meta(expr.MetaKeyL4PROTO), is(byte(s.proto)))
	}
	if s.flags >= 0 { // of the six flags of RFC 9293: ECE and CWR are no part of a match
		out = append(out, load(expr.PayloadBaseTransportHeader, 13, 1, firstRegister),
			mask(firstRegister, []byte{0x3f}), is(byte(s.flags)))
	}
	if s.sized {
		out = append(out, sized(s.packets)...)
	}
	drop := &expr.Verdict{Kind: expr.VerdictDrop}
	lookup := &expr.Lookup{SourceRegister: firstRegister, SetName: s.name()}
	switch s.action { //nolint:exhaustive // the rest is refused by Can
	case decision.Quarantine:
		from, _ := address(s.six, true, s.dst, firstRegister)
		to, _ := address(s.six, false, s.dst, firstRegister)
		return [][]expr.Any{
			join(out, from, []expr.Any{lookup, drop}),
			join(out, to, []expr.Any{lookup, drop}),
		}
	case decision.RateLimit: // the map says which limit
		lookup.IsDestRegSet = true
		return [][]expr.Any{join(out, s.key(), []expr.Any{lookup})}
	}
	return [][]expr.Any{join(out, s.key(), []expr.Any{lookup, drop})}
}

func join(parts ...[]expr.Any) []expr.Any {
	var out []expr.Any
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// key loads what the set is asked for, in the order of placeOf.
func (s *shape) key() []expr.Any {
	var out, part []expr.Any
	reg := uint32(firstRegister)
	if s.src > 0 {
		part, reg = address(s.six, true, s.src, reg)
		out = append(out, part...)
	}
	if s.dst > 0 {
		part, reg = address(s.six, false, s.dst, reg)
		out = append(out, part...)
	}
	if s.sport {
		out = append(out, load(expr.PayloadBaseTransportHeader, 0, 2, reg))
		reg++
	}
	if s.dport {
		out = append(out, load(expr.PayloadBaseTransportHeader, 2, 2, reg))
	}
	return out
}

// address loads the leading bits of an address and says which register is free then.
func address(six, source bool, bits int, reg uint32) (out []expr.Any, next uint32) {
	offset, size := uint32(16), 4
	switch {
	case six && source:
		offset, size = 8, 16
	case six:
		offset, size = 24, 16
	case source:
		offset = 12
	}
	out = append(out, load(expr.PayloadBaseNetworkHeader, offset, uint32(size), reg))
	if bits < size*8 {
		out = append(out, mask(reg, net.CIDRMask(bits, size*8)))
	}
	return out, reg + uint32(size/4)
}

func family(six bool) []expr.Any {
	number := byte(unix.NFPROTO_IPV4)
	if six {
		number = unix.NFPROTO_IPV6
	}
	return []expr.Any{meta(expr.MetaKeyNFPROTO), is(number)}
}

// isFragment tests for more fragments or an offset (RFC 791), or the fragment header
// (RFC 8200).
func isFragment(six bool) []expr.Any {
	if six {
		return []expr.Any{
			&expr.Exthdr{DestRegister: firstRegister, Type: unix.IPPROTO_FRAGMENT, Len: 1, Flags: unix.NFT_EXTHDR_F_PRESENT, Op: expr.ExthdrOpIpv6},
			is(1),
		}
	}
	return []expr.Any{
		load(expr.PayloadBaseNetworkHeader, 6, 2, firstRegister),
		mask(firstRegister, []byte{0x3f, 0xff}),
		&expr.Cmp{Op: expr.CmpOpNeq, Register: firstRegister, Data: []byte{0, 0}},
	}
}

// sized tests the length of the packet with its IP header.
func sized(r decision.Range) []expr.Any {
	return []expr.Any{
		meta(expr.MetaKeyLEN),
		&expr.Byteorder{SourceRegister: firstRegister, DestRegister: firstRegister, Op: expr.ByteorderHton, Len: 4, Size: 4},
		&expr.Range{
			Op: expr.CmpOpEq, Register: firstRegister,
			FromData: binary.BigEndian.AppendUint32(nil, uint32(r.From)), ToData: binary.BigEndian.AppendUint32(nil, uint32(r.To)),
		},
	}
}

// overLimit drops what is beyond a rate. The kernel lets what a second holds through at
// once.
func overLimit(rate uint64) []expr.Any {
	return []expr.Any{
		&expr.Limit{Type: expr.LimitTypePktBytes, Rate: rate, Over: true, Unit: expr.LimitTimeSecond},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}
}

// fromLoopback lets through what this machine says to itself.
func fromLoopback() []expr.Any {
	return []expr.Any{meta(expr.MetaKeyIIF), is(binary.NativeEndian.AppendUint32(nil, 1)...), &expr.Verdict{Kind: expr.VerdictAccept}}
}

// neighbourDiscovery lets through what IPv6 needs on a link. The hop limit shows that it
// comes from the link (RFC 4861, section 11.2).
func neighbourDiscovery() []expr.Any {
	return join(family(true), []expr.Any{
		meta(expr.MetaKeyL4PROTO), is(unix.IPPROTO_ICMPV6),
		load(expr.PayloadBaseNetworkHeader, 7, 1, firstRegister), is(255),
		load(expr.PayloadBaseTransportHeader, 0, 1, firstRegister),
		&expr.Range{Op: expr.CmpOpEq, Register: firstRegister, FromData: []byte{routerSolicitation}, ToData: []byte{neighbourAdvertisement}},
		&expr.Verdict{Kind: expr.VerdictAccept},
	})
}

// toThisMachine lets a network reach the addresses of this machine, and nothing behind
// it: its addresses may be made up.
func toThisMachine(from netip.Prefix) []expr.Any {
	source, _ := address(from.Addr().Is6(), true, from.Bits(), firstRegister)
	return join(family(from.Addr().Is6()), source, []expr.Any{
		is(from.Addr().AsSlice()...),
		&expr.Fib{Register: firstRegister, ResultADDRTYPE: true, FlagDADDR: true},
		is(binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL)...),
		&expr.Verdict{Kind: expr.VerdictAccept},
	})
}

func meta(key expr.MetaKey) expr.Any { return &expr.Meta{Key: key, Register: firstRegister} }

func load(base expr.PayloadBase, offset, size, reg uint32) expr.Any {
	return &expr.Payload{Base: base, Offset: offset, Len: size, DestRegister: reg}
}

func mask(reg uint32, m []byte) expr.Any {
	return &expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: uint32(len(m)), Mask: m, Xor: make([]byte, len(m))}
}

func is(data ...byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: firstRegister, Data: data}
}
