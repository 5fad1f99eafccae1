// SPDX-License-Identifier: Apache-2.0

package app

import (
	"tidewatch/decision"
	"tidewatch/detect"
	"tidewatch/flow"
)

// matchOf is a rule's match as detection judges it, which knows nothing of decisions.
func matchOf(m *decision.Match) detect.Match {
	out := detect.Match{Source: m.Source, Dest: m.Destination, SrcPort: m.SrcPort, DstPort: m.DstPort, Fragment: m.Fragment}
	out.Proto, out.HasProto = m.Proto()
	out.Flags, out.HasFlags = m.FlagBits()
	if r := m.PacketBytes; r != nil {
		out.PacketBytes = detect.Range{From: uint64(r.From), To: uint64(r.To)}
	}
	return out
}

// ruleOf is the reverse, of what detection proposes.
func ruleOf(m *detect.Match) decision.Match {
	out := decision.Match{Source: m.Source, Destination: m.Dest, SrcPort: m.SrcPort, DstPort: m.DstPort, Fragment: m.Fragment}
	if m.HasProto {
		out.Protocol = flow.ProtoName(m.Proto)
	}
	if m.HasFlags {
		out.Flags = detect.FlagWords(m.Flags)
	}
	if r := m.PacketBytes; r != (detect.Range{}) {
		out.PacketBytes = &decision.Range{From: size16(r.From), To: size16(r.To)}
	}
	return out
}

// size16 is the length of a packet as IP can write it.
func size16(n uint64) uint16 { return uint16(min(n, 1<<16-1)) }
