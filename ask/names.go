// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"net/netip"
	"strconv"

	"tidewatch/flow"
	"tidewatch/query"
)

// netBits is the length of the network that a dimension groups by, in IPv4 and IPv6.
func netBits(d query.Dimension) (four, six int) {
	if d == query.SrcNet || d == query.DstNet {
		return 24, 48
	}
	if d == query.SrcNet16 || d == query.DstNet16 {
		return 16, 32
	}
	return 32, 128
}

// masked is the network of an address, or the address itself.
func masked(a flow.Addr, d query.Dimension) flow.Addr {
	four, six := netBits(d)
	bits := six
	if a.Is4() {
		bits = four + 96
	}
	for i := bits / 8; i < 16; i++ {
		a[i] = 0 // all lengths are whole bytes
	}
	return a
}

// nameOf writes a packed value as people and filters do.
func nameOf(d query.Dimension, v *flow.Addr) string {
	switch d {
	case query.Src, query.Dst, query.Exporter:
		return v.String()
	case query.Device, query.Peer:
		if v.IsZero() {
			return query.External.String()
		}
		return v.String()
	case query.SrcNet, query.DstNet, query.SrcNet16, query.DstNet16:
		four, six := netBits(d)
		if v.Is4() {
			six = four
		}
		return netip.PrefixFrom(v.Netip(), six).String()
	case query.Proto:
		return flow.ProtoName(uint8(unpackNumber(v)))
	case query.Service:
		return serviceName(unpackNumber(v))
	case query.TCPFlags:
		return query.FlagLetters(uint8(unpackNumber(v)))
	case query.SrcPort, query.DstPort, query.SrcAS, query.DstAS, query.Input, query.Output:
	}
	return strconv.FormatUint(uint64(unpackNumber(v)), 10)
}

func serviceName(n uint32) string {
	proto, port := uint8(n>>16), n&0xffff
	name := flow.ProtoName(proto)
	switch {
	case proto != flow.ProtoTCP && proto != flow.ProtoUDP && proto != flow.ProtoSCTP:
		return name
	case port == DynamicPort:
		return name + "/dynamic"
	}
	return name + "/" + strconv.FormatUint(uint64(port), 10)
}
