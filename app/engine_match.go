// SPDX-License-Identifier: Apache-2.0

package app

import (
	"tidewatch/decision"
	"tidewatch/detect"
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
