// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"net/netip"

	"tidewatch/decision"
)

// match asks whether the rule hits what it says: its target, in one direction.
func (q *question) match() {
	d, m := q.d, &q.d.Match
	if err := m.Validate(); err != nil {
		q.refuse("no router could match it: %v", err)
		return
	}
	if d.Scope == "host" && d.Target.IsValid() && !d.Target.IsSingleIP() {
		q.refuse("its scope is one host, and its target %v", d.Target)
	}
	inbound, outbound := holds(d.Target, m.Destination), holds(d.Target, m.Source)
	switch d.Action {
	case decision.Hook:
	case decision.Blackhole, decision.Divert, decision.Quarantine:
		to := decision.Match{Destination: d.Target}
		from := decision.Match{Source: d.Target}
		if *m != (decision.Match{}) && *m != to && (*m != from || d.Action != decision.Quarantine) {
			q.refuse("it takes all traffic of its target %s, and cannot be narrowed to %s", decision.PrefixText(d.Target), m)
		}
	case decision.FlowSpecDrop, decision.FlowSpecRateLimit:
		switch {
		case !m.Destination.IsValid():
			q.refuse("a FlowSpec rule without a destination hits traffic to everybody")
		case !inbound:
			q.refuse("it hits traffic to %s, which is more than, or not, its target %s", decision.PrefixText(m.Destination), decision.PrefixText(d.Target))
		}
	case decision.Block, decision.RateLimit:
		if !inbound && !outbound {
			q.refuse("it hits %s, which is not only traffic to or from its target %s", m, decision.PrefixText(d.Target))
		}
	}
	if (d.Action == decision.FlowSpecDrop || d.Action == decision.Block) && everything(m) {
		q.refuse("it drops all traffic of its target: that is a blackhole or a quarantine, with guards of its own")
	}
}

// everything reports whether a match names one end and nothing else.
func everything(m *decision.Match) bool {
	r := m.PacketBytes
	return m.Source.IsValid() != m.Destination.IsValid() && m.Protocol == "" && !m.Fragment &&
		(r == nil || r.From <= 20 && r.To == 1<<16-1) // 20: the shortest IP header
}

// rate asks whether a limit is one.
func (q *question) rate() {
	if q.d.Action.Limits() && q.d.Rate < q.r.cfg.MinRate {
		q.refuse("a limit of %d bytes/s is a drop by another name: at least %d are let through (min_rate)", q.d.Rate, q.r.cfg.MinRate)
	}
}

// takes reports whether all that m matches is matched by w, too.
func takes(w, m *decision.Match) bool {
	wProto, wSet := w.Proto()
	mProto, mSet := m.Proto()
	wFlags, wFlagged := w.FlagBits()
	mFlags, mFlagged := m.FlagBits()
	return within(w.Source, m.Source) && within(w.Destination, m.Destination) &&
		(!wSet || mSet && wProto == mProto) &&
		(w.SrcPort == 0 || w.SrcPort == m.SrcPort) &&
		(w.DstPort == 0 || w.DstPort == m.DstPort) &&
		(!wFlagged || mFlagged && wFlags == mFlags) &&
		(w.PacketBytes == nil || m.PacketBytes != nil && w.PacketBytes.From <= m.PacketBytes.From && w.PacketBytes.To >= m.PacketBytes.To) &&
		(!w.Fragment || m.Fragment)
}

// within reports whether what one end of a match names lies in that of another.
func within(outer, inner netip.Prefix) bool { return !outer.IsValid() || holds(outer, inner) }
