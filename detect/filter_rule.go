// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"net/netip"

	"tidewatch/flow"
)

// Clone returns a copy that shares no memory.
func (f *Filter) Clone() Filter {
	c := *f
	if f.PacketBytes != nil {
		r := *f.PacketBytes
		c.PacketBytes = &r
	}
	if f.Collateral != nil {
		v := *f.Collateral
		c.Collateral = &v
	}
	return c
}

// alikeBytes is how far apart the mean packets of flows may lie for each packet to be
// taken for as large: tools send the same to the byte, and crowd.go counts likewise.
const alikeBytes = 8

// onePacket are the sets of flags that a single packet of TCP has, in a handshake, within a
// connection, at its end, or in a scan. Any other is what several packets of a flow had
// together, of which no router sees more than one.
func onePacket(flags uint8) bool {
	switch flags {
	case 0, flow.SYN, flow.ACK, flow.RST, flow.FIN, flow.SYN | flow.ACK, flow.RST | flow.ACK, flow.FIN | flow.ACK,
		flow.PSH | flow.ACK, flow.FIN | flow.PSH | flow.ACK, flow.FIN | flow.PSH | flow.URG:
		return true
	}
	return false
}

// flagBits reads what FlagWords writes.
func flagBits(words string) (flags uint8, ok bool) {
	for flags = range uint8(flow.URG << 1) {
		if FlagWords(flags) == words {
			return flags, true
		}
	}
	return 0, false
}

// protoNumber reads what flow.ProtoName writes.
func protoNumber(name string) (uint8, bool) {
	for p := range 256 {
		if flow.ProtoName(uint8(p)) == name {
			return uint8(p), true
		}
	}
	return 0, false
}

// Rule is the filter as packets can be told by it, with no destination yet. A filter
// rests on flows: its flags are those of all packets of a flow together, its size is their
// mean. What no single packet need have is left out; exact is then false, and the rule
// hits more than the filter says: ask Shares what.
func (f *Filter) Rule() (m Match, exact bool) {
	exact = true
	if f.Protocol != "" {
		if m.Proto, m.HasProto = protoNumber(f.Protocol); !m.HasProto {
			return Match{}, false // and ports mean nothing
		}
	}
	m.SrcPort, m.DstPort, m.Fragment = f.SrcPort, f.DstPort, f.Fragment
	if f.Flags != "" {
		if flags, ok := flagBits(f.Flags); ok && onePacket(flags) {
			m.Flags, m.HasFlags = flags, true
		} else {
			exact = false
		}
	}
	if r := f.PacketBytes; r != nil {
		if r.To-r.From <= alikeBytes {
			m.PacketBytes = *r
		} else {
			exact = false
		}
	}
	if f.SourcePrefix != "" {
		p, err := netip.ParsePrefix(f.SourcePrefix)
		m.Source = p
		exact = exact && err == nil
	}
	return m, exact
}
